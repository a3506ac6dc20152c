"""The vector vault, through a runner on a real store: a file is read once, whoever asks."""

from __future__ import annotations

import gzip
import logging
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meli_tasks import sources
from meli_tasks.artifacts.cache import Cache
from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.artifacts.outputs import describe_file
from meli_tasks.core.errors import BadData, BadHyperparameters, Unreachable
from meli_tasks.core.text.encoder import Encoder
from meli_tasks.execution.runner import Runner, Step
from meli_tasks.execution.vector_cache import VectorCache
from meli_tasks.settings import Settings
from meli_tasks.stages.hooks import SilentLog
from meli_tasks.stages.preprocess import write_encoder
from meli_tasks.stages.vectors import writing
from meli_tasks.stages.vectors.entry import read_entry
from meli_tasks.store import Store
from tests.stages.vectors.vector_files import KNOWN, as_text

WORDS = ["funda", "mesa", "luz"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "vectors.txt.gz"
    file.write_bytes(gzip.compress(as_text(KNOWN), mtime=0))
    return file


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were read, as often as they were."""
    seen: list[str] = []

    def noted(file: Path, *given: Any) -> Any:
        seen.append(file.name)
        return write(file, *given)

    write = writing.write_entry
    monkeypatch.setattr(writing, "write_entry", noted)
    return seen


@pytest.fixture
def preprocess(runner: Runner) -> str:
    """The key of a preprocess artifact in the runner's store."""
    key = "preprocessed"
    with runner.cache.work_folder() as work:
        write_encoder(work, Encoder("lab", WORDS, [], np.zeros(0, np.float32), (1, 2), (2, 5), 9), ["A", "B"])
        np.save(work / "train.tokens.npy", np.array([2, 3, 4, 2], np.int32))
        np.save(work / "train.offsets.npy", np.array([0, 4], np.int64))
        files = {path.name: describe_file(path) for path in work.iterdir()}
        manifest = Manifest("preprocess", key, {}, {}, files, {}, "made")
        for name in files:
            runner.store.upload(work / name, manifest.file_name(name))
        runner.store.write(manifest.name, manifest.to_bytes())
    return key


def embed(runner: Runner, preprocess: str, spec: str, **params: Any) -> Step:
    """An embed step as a plan makes it."""
    identity = sources.identify_vectors(spec, runner.settings).identity
    settings = {"method": "pretrained", "path": spec, "dimensions": 3, **params}
    return Step("embed", "pretrained 3", settings, {"preprocess": preprocess, "vectors": identity}, {"vectors": spec})


def rows(runner: Runner, step: Step) -> list[list[float]]:
    found: list[list[float]] = np.load(runner.folder(runner.run(step).manifest) / "vectors.npy")[2:].tolist()
    return found


def entry_of(runner: Runner) -> Path:
    (folder,) = (runner.cache.folder / "vectors").iterdir()
    return folder


def test_a_file_is_read_once_and_only_the_vocabulary_s_rows_travel(
    runner: Runner, preprocess: str, file: Path, read: list[str]
) -> None:
    expected = [KNOWN["funda"], [0, 0, 0], KNOWN["luz"]]
    assert rows(runner, embed(runner, preprocess, str(file))) == expected
    assert rows(runner, embed(runner, preprocess, str(file), seed=2)) == expected
    elsewhere = file.rename(file.with_name("elsewhere.gz"))
    assert rows(runner, embed(runner, preprocess, str(elsewhere), seed=3)) == expected
    assert read == ["vectors.txt.gz"]
    stored = [name for name in runner.store.names("embed/") if name.endswith("vectors.npy")]
    assert len(stored) == 3
    assert not list(runner.store.names("vectors/"))


def test_an_entry_serves_without_its_file(runner: Runner, preprocess: str, file: Path) -> None:
    step, another = (embed(runner, preprocess, str(file), seed=seed) for seed in (1, 2))
    rows(runner, step)
    file.unlink()
    assert rows(runner, another)[0] == KNOWN["funda"]


def test_an_object_is_downloaded_once(s3_store: Store, tmp_path: Path, file: Path, read: list[str]) -> None:
    s3_store.upload(file, "vectors/sbw.txt.gz")
    settings = Settings.from_environment({**os.environ, "MELI_STORE": s3_store.url, "MELI_HOME": str(tmp_path)})
    vault = VectorCache(Cache(tmp_path / "cache", 1.0), settings)
    spec = f"{s3_store.url}/vectors/sbw.txt.gz"
    identity = sources.identify_vectors(spec, settings).identity
    first = vault.entry(spec, identity, SilentLog())
    s3_store.delete("vectors/sbw.txt.gz")
    assert vault.entry(spec, identity, SilentLog()) == first
    assert read == ["sbw.txt.gz"]
    assert np.load(first / "vectors.npy", mmap_mode="r").tolist() == list(KNOWN.values())


def test_a_changed_file_is_another_entry(runner: Runner, preprocess: str, file: Path, read: list[str]) -> None:
    rows(runner, embed(runner, preprocess, str(file)))
    file.write_bytes(as_text(KNOWN | {"mesa": [9.0, 9.0, 9.0]}))
    assert rows(runner, embed(runner, preprocess, str(file)))[1] == [9, 9, 9]
    assert len(read) == 2


def test_a_file_that_changes_while_it_is_read_leaves_nothing(
    runner: Runner, preprocess: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = writing.write_entry

    def changing(*given: Any) -> Any:
        found = write(*given)
        file.write_bytes(as_text(KNOWN | {"mesa": [9.0, 9.0, 9.0]}))
        return found

    monkeypatch.setattr(writing, "write_entry", changing)
    with pytest.raises(BadData, match="changed after this run was planned"):
        runner.run(embed(runner, preprocess, str(file)))
    assert not (runner.cache.folder / "vectors").exists()
    assert not list((runner.cache.folder / "work").iterdir())


def test_a_broken_file_is_named_as_it_was_given_and_leaves_nothing(runner: Runner, preprocess: str, file: Path) -> None:
    file.write_bytes(as_text(KNOWN).replace(b"-1.5", b"?"))
    with pytest.raises(BadData, match=f"{file}, line 3: could not convert string to float: b'\\?'"):
        runner.run(embed(runner, preprocess, str(file)))
    assert not (runner.cache.folder / "vectors").exists()


def test_several_files_are_refused(runner: Runner, preprocess: str, file: Path) -> None:
    file.with_name("vectors2.txt").write_bytes(as_text(KNOWN))
    with pytest.raises(
        BadHyperparameters, match=r"matches 2 files.*must match one: .*\(vectors.txt.gz, vectors2.txt\)"
    ):
        runner.run(embed(runner, preprocess, f"{file.parent}/vectors*"))


def test_a_damaged_entry_is_created_again(
    runner: Runner, preprocess: str, file: Path, read: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    rows(runner, embed(runner, preprocess, str(file)))
    os.truncate(entry_of(runner) / "vectors.npy", 140)
    with caplog.at_level(logging.INFO, "meli_tasks"):
        assert rows(runner, embed(runner, preprocess, str(file), seed=2))[0] == KNOWN["funda"]
    assert "are damaged; creating them again" in caplog.text
    assert len(read) == 2


def test_a_lost_row_fails_once_and_the_retry_makes_the_entry_again(
    runner: Runner, preprocess: str, file: Path, read: list[str]
) -> None:
    rows(runner, embed(runner, preprocess, str(file)))
    with (entry_of(runner) / "vectors.npy").open("r+b") as array:
        array.seek(128)  # funda
        array.write(bytes(12))
    step = embed(runner, preprocess, str(file), seed=2)
    with pytest.raises(Unreachable):
        runner.run(step)
    assert rows(runner, step)[0] == KNOWN["funda"]
    assert len(read) == 2


def test_two_at_once_make_one_entry(runner: Runner, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, both_are_there = writing.write_entry, threading.Barrier(2, timeout=60)

    def together(*given: Any) -> Any:
        both_are_there.wait()
        return write(*given)

    monkeypatch.setattr(writing, "write_entry", together)
    identity = sources.identify_vectors(str(file), runner.settings).identity
    found: list[Path] = []

    def ask() -> None:
        found.append(VectorCache(runner.cache, runner.settings).entry(str(file), identity, SilentLog()))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [entry_of(runner)] * 2
    assert read_entry(found[0]) is not None
    assert not list((runner.cache.folder / "work").iterdir())


def test_an_entry_leaves_the_cache_as_artifacts_do(runner: Runner, preprocess: str, file: Path, tmp_path: Path) -> None:
    rows(runner, embed(runner, preprocess, str(file)))
    entry = entry_of(runner)
    os.utime(entry, (0, 0))  # long ago
    made = tmp_path / "made"
    made.mkdir()
    assert Cache(runner.cache.folder, 1e-9).keep("toy/made-1", made).exists()
    assert not entry.exists()
    assert rows(runner, embed(runner, preprocess, str(file), seed=2))[0] == KNOWN["funda"]
