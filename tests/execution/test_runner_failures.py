"""What the runner leaves of a step that fails, and what it says."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from meli_tasks import sources
from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import find
from meli_tasks.core.errors import BadData, Conflict, DiskFull, NotFound, Rejected, Unreachable
from meli_tasks.core.stage_parameters import Ingest
from meli_tasks.execution.runner import Runner, Step
from meli_tasks.store import Store, open_store
from tests.execution.toy_stage import Toy, writes_its_params


def test_a_failing_stage_leaves_nothing_in_the_store_but_its_last_note(runner: Runner, toy: Callable[..., Toy]) -> None:
    def fails(inputs: Mapping[str, Path], out: Path, params: dict[str, Any]) -> dict[str, Any]:
        (out / "half.txt").write_text("half")
        raise BadData("seen, where, what to do")

    toy(fails)
    step = Step("toy", "fails", {"value": 1})
    with pytest.raises(BadData):
        runner.run(step)
    assert find(runner.store, "toy", step.key) is None
    assert list(runner.store.names("")) == [f"live/toy/{step.key}.json"]
    assert list((runner.settings.cache / "work").iterdir()) == []


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        OSError("200000 requested and 9200 written"),  # numpy
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),  # safetensors
    ],
)
def test_a_full_disk_is_told_whichever_library_met_it(
    runner: Runner, toy: Callable[..., Toy], error: Exception
) -> None:
    def fails(inputs: Mapping[str, Path], out: Path, params: dict[str, Any]) -> dict[str, Any]:
        raise error

    toy(fails)
    with pytest.raises(DiskFull, match="MELI_CACHE"):
        runner.run(Step("toy", "fails", {"value": 1}))


class Refuses:
    """A store that fails at every name with this end."""

    def __init__(self, store: Store, end: str, error: Exception) -> None:
        self.store, self.end, self.error = store, end, error

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def upload(self, path: Path, name: str) -> None:
        self._check(name)
        self.store.upload(path, name)

    def write(self, name: str, data: bytes, **conditions: Any) -> str:
        self._check(name)
        return self.store.write(name, data, **conditions)

    def _check(self, name: str) -> None:
        if name.endswith(self.end):
            raise self.error


@pytest.mark.parametrize(
    ("end", "error", "left"),
    [
        ("b.txt", Rejected("full"), []),
        ("b.txt", KeyboardInterrupt(), []),
        ("manifest.json", Rejected("full"), []),
        ("manifest.json", Unreachable("the manifest may stand all the same"), ["a.txt", "b.txt"]),
    ],
)
def test_a_failed_upload_takes_back_what_it_had_brought(
    runner: Runner, toy: Callable[..., Toy], end: str, error: Exception, left: list[str]
) -> None:
    def writes_two(inputs: Mapping[str, Path], out: Path, params: dict[str, Any]) -> dict[str, Any]:
        (out / "a.txt").write_text("a")
        (out / "b.txt").write_text("b")
        return {}

    toy(writes_two)
    runner.store = Refuses(runner.store, end, error)  # type: ignore[assignment]
    with pytest.raises(type(error)):
        runner.run(Step("toy", "two", {}))
    assert [name.rpartition("/")[2] for name in runner.store.names("toy/")] == left


def test_a_missing_input_says_which_stage_to_run(runner: Runner, toy: Callable[..., Toy]) -> None:
    toy(writes_its_params, "reader")
    with pytest.raises(NotFound, match="Run the stage `toy` first"):
        runner.run(Step("reader", "read", {}, {"toy": "0" * 32}))


def test_a_lost_answer_to_our_own_manifest_is_not_a_rival(runner: Runner, toy: Callable[..., Toy]) -> None:
    toy(writes_its_params)

    class Repeats:
        """A store whose conditional write of the manifest is sent twice, as a client does after a lost answer."""

        def __init__(self, store: Store) -> None:
            self.store = store

        def __getattr__(self, name: str) -> Any:
            return getattr(self.store, name)

        def write(self, name: str, data: bytes, **conditions: Any) -> str:
            version = self.store.write(name, data, **conditions)
            if conditions.get("if_absent"):
                raise Conflict("somebody was first")
            return version

    runner.store = Repeats(open_store(runner.settings.store))  # type: ignore[assignment]
    step = Step("toy", "lost", {"value": 1})
    manifest = runner.run(step).manifest
    assert runner.store.read(paths.manifest("toy", step.key)) is not None
    assert runner.folder(manifest).is_dir()
    assert runner.store.read(manifest.file_name("folder/result.txt")) is not None


def test_whatever_a_stage_dies_of_its_last_note_says_so(runner: Runner, toy: Callable[..., Toy]) -> None:
    def dies(inputs: Mapping[str, Path], out: Path, params: dict[str, Any]) -> dict[str, Any]:
        raise RuntimeError("out of memory")

    toy(dies)
    step = Step("toy", "dies", {"value": 1})
    with pytest.raises(RuntimeError):
        runner.run(step)
    note = runner.store.read(f"live/toy/{step.key}.json")
    assert note is not None
    assert (json.loads(note.data)["state"], json.loads(note.data)["error"]) == ("failed", "RuntimeError: out of memory")


def test_a_local_source_that_changes_while_it_is_read_makes_no_artifact(
    runner: Runner, toy: Callable[..., Toy], tmp_path: Path
) -> None:
    source = tmp_path / "titles.csv"
    source.write_text("title,category\na,b\n")

    def reads_while_somebody_writes(inputs: Mapping[str, Path], out: Path, params: dict[str, Any]) -> dict[str, Any]:
        source.write_text("title,category\na,b\nc,d\n")
        return {}

    toy(reads_while_somebody_writes)
    identity = sources.identify(str(source), None, runner.settings).identity
    step = Step("toy", "reads", {}, {"source": identity}, {"source": str(source)})
    with pytest.raises(BadData, match="changed after this run was planned"):
        runner.run(step)
    assert find(runner.store, "toy", step.key) is None


def test_the_bad_rows_of_a_source_that_is_refused_are_kept(runner: Runner, tmp_path: Path) -> None:
    source = tmp_path / "titles.csv"
    source.write_text("title,category\n" + "Mesa,TABLES\n,TABLES\n" * 20)
    identity = sources.identify(str(source), None, runner.settings).identity
    step = Step("ingest", "bad", Ingest().model_dump(), {"source": identity}, {"source": str(source)})
    with pytest.raises(BadData, match="20 no title") as caught:
        runner.run(step)
    name = f"failed/ingest/{step.key}/quarantine.jsonl.gz"
    assert str(caught.value).endswith(f"{runner.store.url}/{name}")
    runner.store.download(name, tmp_path / "listed.gz")
    with gzip.open(tmp_path / "listed.gz", "rt") as lines:
        assert [json.loads(line)["line"] for line in lines] == list(range(3, 42, 2))
    assert find(runner.store, "ingest", step.key) is None
