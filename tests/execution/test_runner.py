"""The runner against a real file store, with small stages made for the test."""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from meli_tasks import sources
from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import find
from meli_tasks.core.errors import NotFound, Unreachable
from meli_tasks.execution.attempts import Written
from meli_tasks.execution.checkpoints import StoredCheckpoints
from meli_tasks.execution.runner import Runner, Step, TrainOutline
from meli_tasks.execution.stop_requests import StoredStopRequests
from meli_tasks.stages import STAGES
from meli_tasks.stages.hooks import NoCheckpoints, NoStopRequests
from meli_tasks.wording import duration
from tests.execution.toy_stage import Toy, ToySummary, writes_its_params


def test_a_second_run_computes_nothing(runner: Runner, toy: Callable[..., Toy]) -> None:
    stage = toy(writes_its_params)
    step = Step("toy", "once", {"value": 1})
    first, second = runner.run(step), runner.run(step)
    assert (first.hit, second.hit, stage.calls) == (False, True, 1)
    assert second.manifest == first.manifest


def test_another_parameter_version_or_input_is_another_artifact(
    runner: Runner, toy: Callable[..., Toy], monkeypatch: pytest.MonkeyPatch
) -> None:
    toy(writes_its_params)
    step = Step("toy", "one", {"value": 1})
    keys = {step.key, Step("toy", "one", {"value": 2}).key, Step("toy", "one", {"value": 1}, {"source": "a"}).key}
    assert Step("toy", "another name", {"value": 1}).key == step.key
    monkeypatch.setitem(STAGES, "toy", replace(STAGES["toy"], version=2))
    assert len(keys | {Step("toy", "one", {"value": 1}).key}) == 4


def test_golden_titles_are_those_that_were_stored_when_the_run_was_planned(
    runner: Runner, toy: Callable[..., Toy]
) -> None:
    found: list[bytes] = []

    def reads(inputs: Mapping[str, Path], out: Path, params: dict[str, Any]) -> dict[str, Any]:
        found.append((inputs["golden"] / "golden.json").read_bytes())
        return {}

    toy(reads)
    digest = hashlib.sha256(b"titles").hexdigest()[:32]
    step = Step("toy", "golden", {"value": 1}, {"golden": digest})
    with pytest.raises(NotFound, match=r"are gone\. There is no golden/[0-9a-f]{32}\.json in .*Clear the task plan"):
        runner.run(step)
    runner.store.write(paths.golden(digest), b"titles")
    assert runner.run(step).manifest.inputs == {"golden": digest}
    assert found == [b"titles"]


def test_racing_workers_make_one_artifact(runner: Runner, toy: Callable[..., Toy], tmp_path: Path) -> None:
    both_are_computing = threading.Barrier(2, timeout=30)

    def meets(inputs: Mapping[str, Path], out: Path, params: dict[str, Any]) -> dict[str, Any]:
        both_are_computing.wait()
        return writes_its_params(inputs, out, params)

    stage = toy(meets)
    step = Step("toy", "race", {"value": 3})
    results: list[Any] = []
    runners = [Runner(runner.settings.model_copy(update={"cache": tmp_path / str(n)}), runner.store) for n in range(2)]
    threads = [threading.Thread(target=lambda r=r: results.append(r.run(step))) for r in runners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert stage.calls == 2
    assert results[0].manifest == results[1].manifest
    files = [name for name in runner.store.names(f"toy/{step.key}/") if not name.endswith("manifest.json")]
    assert files == [results[0].manifest.file_name("folder/result.txt")]


def test_force_computes_again_and_replaces(runner: Runner, toy: Callable[..., Toy]) -> None:
    stage = toy(writes_its_params)
    step = Step("toy", "again", {"value": 1})
    first = runner.run(step).manifest
    second = runner.run(step, force=True).manifest
    assert stage.calls == 2
    assert find(runner.store, "toy", step.key) == second != first


def test_the_seconds_are_those_that_the_stage_took(runner: Runner, toy: Callable[..., Toy]) -> None:
    toy(writes_its_params)
    started = time.monotonic()
    first = runner.run(Step("toy", "timed", {"value": 1}))
    elapsed = time.monotonic() - started
    second = runner.run(Step("toy", "timed", {"value": 1}))
    assert 0 < first.manifest.seconds <= first.seconds <= elapsed
    assert 0 <= second.seconds <= time.monotonic() - started - elapsed
    assert second.manifest.seconds == first.manifest.seconds == round(first.manifest.seconds, 3)


def test_the_log_says_what_is_computed_and_what_is_reused(
    runner: Runner, toy: Callable[..., Toy], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="meli_tasks")
    toy(writes_its_params)
    step = Step("toy", "set", {"value": 1})
    manifest = runner.run(step).manifest
    took = duration(manifest.seconds)
    assert caplog.messages[0] == f"toy set: computing {step.key}"
    assert caplog.messages[-1] == f"toy set: done in {took}"
    caplog.clear()
    runner.run(step)
    assert caplog.messages == [f"toy set: already computed on {manifest.at[:16]}, {took} saved ({step.key})"]


def test_a_manifest_records_the_process_that_made_it(
    runner: Runner, toy: Callable[..., Toy], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MELI_GIT_COMMIT", "abc1234")
    toy(writes_its_params)
    listings = runner.run(Step("toy", "listings", {"value": 0})).manifest.key
    before = datetime.now(UTC).replace(microsecond=0)
    manifest = runner.run(Step("toy", "about", {"value": 1}, {"toy": listings})).manifest
    about = manifest.about
    assert set(about) == {"at", "host", "python", "git", "versions", "lock", "run_id", "seconds"}
    assert before <= datetime.fromisoformat(manifest.at) <= datetime.now(UTC)
    assert datetime.fromisoformat(manifest.at).isoformat(timespec="milliseconds") == manifest.at
    assert (about["host"], about["python"]) == (platform.node(), platform.python_version())
    assert (about["git"], manifest.run_id) == ("abc1234", "test")
    assert re.fullmatch(r"(dev\.txt|installed):[0-9a-f]{64}", str(about["lock"]))
    packages = ("torch", "gensim", "numpy", "meli-tasks")
    assert about["versions"] == {package: version(package) for package in packages}
    assert (manifest.params, manifest.inputs, manifest.summary) == ({"value": 1}, {"toy": listings}, {"value": 1})
    assert re.fullmatch(r"[0-9a-f]{8}", manifest.attempt)


THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")


def test_numeric_libraries_get_a_part_of_the_cores(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"MKL_NUM_THREADS": "7", "CUDA_VISIBLE_DEVICES": "0"}
    monkeypatch.setattr(os, "environ", environment)
    runner.settings = runner.settings.model_copy(update={"threads": 3, "device": "auto"})
    runner.limit_threads()
    # What somebody has set himself stays.
    assert environment == {name: "3" for name in THREADS} | {
        "MKL_NUM_THREADS": "7", "OMP_WAIT_POLICY": "PASSIVE", "CUDA_VISIBLE_DEVICES": "0",
    }  # fmt: skip


def test_a_runner_for_the_cpu_hides_the_gpus(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"CUDA_VISIBLE_DEVICES": "0", "OMP_WAIT_POLICY": "ACTIVE"}
    monkeypatch.setattr(os, "environ", environment)
    runner.settings = runner.settings.model_copy(update={"device": "cpu"})
    runner.limit_threads()
    assert (environment["CUDA_VISIBLE_DEVICES"], environment["OMP_WAIT_POLICY"]) == ("", "ACTIVE")


def test_a_stage_runs_with_its_part_of_the_cores(
    runner: Runner, toy: Callable[..., Toy], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POLARS_MAX_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for name in (*THREADS, "OMP_WAIT_POLICY"):  # so that the test leaves nothing behind
        monkeypatch.setenv(name, os.environ.get(name, ""))
    monkeypatch.delenv("POLARS_MAX_THREADS")
    runner.settings = runner.settings.model_copy(update={"threads": 3})

    def reads_threads(inputs: Mapping[str, Path], out: Path, params: dict[str, Any]) -> dict[str, Any]:
        return {"threads": os.environ["POLARS_MAX_THREADS"]}

    toy(reads_threads)
    assert runner.run(Step("toy", "threads", {})).manifest.summary == {"threads": "3"}


def test_what_a_stage_computed_elsewhere_is_published_once(
    runner: Runner, tmp_path: Path, toy: Callable[..., Toy]
) -> None:
    toy(writes_its_params)
    step = Step("toy", "trial", {"value": 1})

    def publish(text: str) -> Any:
        out = tmp_path / text
        out.mkdir()
        (out / "result.txt").write_text(text)
        return runner.publish(step, Written(out, ToySummary.model_validate({"text": text}), 12.3456))

    first = publish("first")
    assert (first.summary, first.seconds) == ({"text": "first"}, 12.346)
    assert publish("second") == first == find(runner.store, "toy", step.key)
    assert (runner.folder(first) / "result.txt").read_text() == "first"


def test_only_a_training_run_gets_checkpoints_and_stop_requests(runner: Runner, toy: Callable[..., Toy]) -> None:
    runner.settings = runner.settings.model_copy(update={"device": "cpu", "devices": 2})
    stage, training = toy(writes_its_params), toy(writes_its_params, "train")
    runner.run(Step("toy", "set", {"value": 1}))
    runner.run(Step("train", "set", {"value": 1}))
    assert isinstance(stage.hooks.checkpoints, NoCheckpoints)
    assert isinstance(stage.hooks.stop_requests, NoStopRequests)
    assert isinstance(training.hooks.checkpoints, StoredCheckpoints)
    assert isinstance(training.hooks.stop_requests, StoredStopRequests)
    assert {(hooks.device, hooks.devices) for hooks in (stage.hooks, training.hooks)} == {("cpu", 2)}


def test_a_training_run_finds_its_checkpoint_and_request_and_clears_both_at_the_end(
    runner: Runner, toy: Callable[..., Toy]
) -> None:
    step = Step("train", "set", {"value": 1})
    found: list[tuple[str, str]] = []

    def dies_first(inputs: Mapping[str, Path], out: Path, params: dict[str, Any]) -> dict[str, Any]:
        newest = stage.hooks.checkpoints.newest()
        if newest is None:
            stage.hooks.checkpoints.save(lambda file: file.write_bytes(b"epoch 3") and None)
            StoredStopRequests(runner.store, "train", step.key, "test").request("ana")
            raise Unreachable("the store")
        found.append((newest.read_text(), str(stage.hooks.stop_requests.requested_by())))
        return {}

    stage = toy(dies_first, "train")
    with pytest.raises(Unreachable):
        runner.run(step)
    runner.run(step)
    ((state, request),) = found
    assert state == "epoch 3"
    assert request.startswith("ana at ")
    assert list(runner.store.names("checkpoints/")) == list(runner.store.names("stops/")) == []


def test_a_forced_training_run_ignores_a_request_to_stop_the_one_before(
    runner: Runner, toy: Callable[..., Toy]
) -> None:
    step = Step("train", "set", {"value": 1})
    requests: list[str | None] = []

    def looks(inputs: Mapping[str, Path], out: Path, params: dict[str, Any]) -> dict[str, Any]:
        requests.append(stage.hooks.stop_requests.requested_by())
        return {}

    stage = toy(looks, "train")
    StoredStopRequests(runner.store, "train", step.key, "test").request("ana")
    runner.run(step, force=True)
    assert requests == [None]


def test_a_stage_reads_the_files_of_its_inputs(runner: Runner, toy: Callable[..., Toy], tmp_path: Path) -> None:
    source = tmp_path / "titles.csv"
    source.write_text("title,category\na,b\n")
    identity = sources.identify(str(source), None, runner.settings).identity
    toy(writes_its_params)
    toy(writes_its_params, "train")
    model = runner.run(Step("train", "set", {"value": "weights"})).manifest
    listings = runner.run(Step("toy", "listings", {"value": "rows"})).manifest
    read: dict[str, str] = {}

    def reads(inputs: Mapping[str, Path], out: Path, params: dict[str, Any]) -> dict[str, Any]:
        for name, folder in inputs.items():
            read[name] = "".join(file.read_text() for file in sorted(folder.rglob("*.*")))
        return {}

    toy(reads, "reader")
    inputs = {"toy": listings.key, "model:set": model.key, "source": identity}
    runner.run(Step("reader", "read", {}, inputs, {"source": str(source)}))
    assert read == {"toy": "rows", "model:set": "weights", "source": "title,category\na,b\n"}


def test_the_outline_of_a_training_step_is_its_architecture_and_epochs() -> None:
    training = Step("train", "mlp", {"architecture": "mlp", "epochs": 3, "of_another_version": 1}).outline
    assert (training.architecture, training.epochs) == ("mlp", 3)
    assert Step("embed", "vectors", {}).outline == TrainOutline()
