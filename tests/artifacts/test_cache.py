"""The local cache of artifacts, through a runner on a real file store."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from meli_tasks.artifacts.cache import Cache
from meli_tasks.core.errors import BadData, BadSettings
from meli_tasks.execution.runner import Runner, Step
from tests.execution.toy_stage import Toy, writes_its_params


def test_a_cache_that_cannot_be_is_a_wrong_setting(runner: Runner, toy: Callable[..., Toy], tmp_path: Path) -> None:
    toy(writes_its_params)
    (tmp_path / "file").touch()
    elsewhere = Runner(runner.settings.model_copy(update={"cache": tmp_path / "file" / "cache"}), runner.store)
    with pytest.raises(BadSettings, match=r"MELI_CACHE=.*not a directory"):
        elsewhere.run(Step("toy", "made", {"value": 1}))


def test_inputs_come_from_the_store_when_the_cache_is_empty(
    runner: Runner, toy: Callable[..., Toy], tmp_path: Path
) -> None:
    toy(writes_its_params)

    def reads(inputs: Mapping[str, Path], out: Path, params: dict[str, Any]) -> dict[str, Any]:
        return {"read": (inputs["toy"] / "folder" / "result.txt").read_text()}

    toy(reads, "reader")
    first = runner.run(Step("toy", "made", {"value": 7}))
    elsewhere = Runner(runner.settings.model_copy(update={"cache": tmp_path / "other"}), runner.store)
    result = elsewhere.run(Step("reader", "read", {}, {"toy": first.manifest.key}))
    assert result.manifest.summary == {"read": "7"}


def test_a_file_changed_in_the_store_is_refused(runner: Runner, toy: Callable[..., Toy], tmp_path: Path) -> None:
    toy(writes_its_params)
    manifest = runner.run(Step("toy", "made", {"value": 7})).manifest
    runner.store.write(manifest.file_name("folder/result.txt"), b"8")
    elsewhere = Runner(runner.settings.model_copy(update={"cache": tmp_path / "other"}), runner.store)
    with pytest.raises(BadData, match="differs from its manifest"):
        elsewhere.folder(manifest)


def test_the_least_recently_used_artifacts_leave_the_cache(
    runner: Runner, toy: Callable[..., Toy], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("meli_tasks.artifacts.cache.MIN_IDLE_SECONDS", -1.0)
    toy(writes_its_params)
    small = Runner(runner.settings.model_copy(update={"cache_gigabytes": 1.5e-9}), runner.store)
    manifests = [small.run(Step("toy", "n", {"value": value})).manifest for value in (1, 2, 3)]
    kept = [path.name[:32] for path in (tmp_path / "cache" / "toy").iterdir()]
    assert kept == [manifests[-1].key]
    assert (small.folder(manifests[0]) / "folder" / "result.txt").read_text() == "1"


def test_a_folder_leaves_the_cache_at_once_even_if_its_files_do_not(
    runner: Runner, toy: Callable[..., Toy], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meli_tasks.artifacts.cache.MIN_IDLE_SECONDS", -1.0)
    toy(writes_its_params)
    first = runner.run(Step("toy", "n", {"value": 1})).manifest
    small = Runner(runner.settings.model_copy(update={"cache_gigabytes": 1.5e-9}), runner.store)
    with monkeypatch.context() as patch:  # as when it is killed among the files
        patch.setattr("meli_tasks.artifacts.cache.shutil.rmtree", lambda folder, **_: None)
        small.run(Step("toy", "n", {"value": 2}))
    assert not (runner.settings.cache / "toy" / f"{first.key}-{first.attempt}").exists()
    assert (runner.folder(first) / "folder" / "result.txt").read_text() == "1"


def test_the_work_folder_of_a_killed_run_is_removed_in_the_end(
    runner: Runner, toy: Callable[..., Toy], tmp_path: Path
) -> None:
    toy(writes_its_params)
    old, young = (tmp_path / "cache" / "work" / name for name in ("old", "young"))
    for folder in (old, young):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    runner.run(Step("toy", "made", {"value": 7}))
    assert (old.exists(), young.exists()) == (False, True)


MAKE = """
import os, sys
from pathlib import Path
from meli_tasks.artifacts.cache import Cache
with Cache(Path(sys.argv[1]), 20.0).work_folder() as work:
    print(work, flush=True)
    sys.stdin.read()
    os._exit(0)  # as a killed process, it removes nothing
"""


def test_the_work_folder_of_a_process_that_has_ended_is_removed_at_once(
    runner: Runner, toy: Callable[..., Toy], tmp_path: Path
) -> None:
    toy(writes_its_params)
    command = [sys.executable, "-c", MAKE, str(tmp_path / "cache")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout and other.stdin
        folder = Path(other.stdout.readline().strip())
        runner.run(Step("toy", "made", {"value": 7}))
        assert folder.is_dir()  # its process is running
        other.stdin.close()
        other.wait()
    runner.run(Step("toy", "made", {"value": 8}))
    assert not folder.exists()


def test_what_is_being_computed_or_downloaded_counts_as_part_of_the_cache(
    runner: Runner, toy: Callable[..., Toy], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("meli_tasks.artifacts.cache.MIN_IDLE_SECONDS", -1.0)
    toy(writes_its_params)
    cache = runner.settings.cache
    runner.run(Step("toy", "n", {"value": 1}))
    (cache / "work" / "other").mkdir(parents=True)
    (cache / "work" / "other" / "titles.csv").write_bytes(b"x" * 600)
    (cache / "vectors").mkdir()
    (cache / "vectors" / ".wiki.vec.0123456789ab.part").write_bytes(b"x" * 600)
    small = Runner(runner.settings.model_copy(update={"cache_gigabytes": 1e-6}), runner.store)
    small.run(Step("toy", "n", {"value": 2}))
    assert [path.name for path in (cache / "toy").iterdir()] == []  # 1,200 bytes of others leave no room for any
    assert (cache / "work" / "other").exists() and list((cache / "vectors").iterdir())
    assert "larger than MELI_CACHE_GB=1e-06" in caplog.text


def test_the_unfinished_file_of_a_killed_run_is_removed_in_the_end(runner: Runner, toy: Callable[..., Toy]) -> None:
    toy(writes_its_params)
    folder = runner.settings.cache / "vectors"
    folder.mkdir(parents=True)
    old, young = (folder / f".wiki.vec.{name}.part" for name in ("old", "young"))
    for file in (old, young):
        file.touch()
    os.utime(old, (0, 0))
    runner.run(Step("toy", "made", {"value": 7}))
    assert (old.exists(), young.exists()) == (False, True)


def test_a_work_folder_that_another_run_removes_meanwhile_stops_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache" / "work" / "others").mkdir(parents=True)
    list_folder = os.scandir

    def list_late(path: str | Path) -> Any:
        if Path(path).name == "others" and Path(path).exists():
            Path(path).rename(tmp_path / "removed")
        return list_folder(path)

    monkeypatch.setattr(os, "scandir", list_late)
    assert Cache(tmp_path / "cache", 1.0).abandoned() == []
    assert (tmp_path / "removed").exists()
