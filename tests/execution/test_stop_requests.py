"""Stop markers: left in a store by a person, found by the training, gone when its result stands."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from meli_tasks.core.errors import Conflict, Unreachable
from meli_tasks.core.hyperparameters import Train
from meli_tasks.execution import runner as runner_module
from meli_tasks.execution.progress_log import ProgressLog
from meli_tasks.execution.runner import Runner, Step
from meli_tasks.execution.stop_requests import StoredStopRequests, request_stop
from meli_tasks.stages import train
from meli_tasks.stages.hooks import Hooks
from meli_tasks.stages.summaries import TrainSummary
from meli_tasks.store import Store

STEP = Step("train", "mlp", {"architecture": "mlp"})


def test_only_a_training_that_runs_can_be_stopped(file_store: Store) -> None:
    with pytest.raises(Conflict, match=r"training run of mlp \(abcdefgh\) is not running \(state: not started\)"):
        request_stop(file_store, "train", "abcdefghij", "night", name="mlp", by="ana")
    log = ProgressLog(file_store, "train", "mlp", "abcdefghij", "night")
    log.progress(step=1)
    request_stop(file_store, "train", "abcdefghij", "night", name="mlp", by="ana")
    asked = StoredStopRequests(file_store, "train", "abcdefghij", "night").requested_by()
    assert asked is not None
    assert asked.startswith("ana at 20")
    assert StoredStopRequests(file_store, "train", "another", "night").requested_by() is None
    log.finished()
    with pytest.raises(Conflict, match=r"\(state: done\): there is nothing to stop"):
        request_stop(file_store, "train", "abcdefghij", "night", name="mlp", by="ana")


def test_an_unavailable_store_stops_no_training(
    file_store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unavailable(*_: Any) -> None:
        raise Unreachable("The store did not answer.")

    stops = StoredStopRequests(file_store, "train", "abc", "night")
    stops.request("ana")
    monkeypatch.setattr(file_store, "read", unavailable)
    with caplog.at_level(logging.WARNING):
        assert stops.requested_by() is None
    assert "so the training run continues" in caplog.text


def test_a_training_run_obeys_a_stop_request_and_deletes_it_with_its_result(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str | None] = []

    def stage(inputs: Mapping[str, Path], out: Path, params: Train, hooks: Hooks) -> TrainSummary:
        hooks.log.progress(step=1)
        request_stop(runner.store, "train", STEP.key, runner.run_id, name="mlp", by="ana")
        seen.append(hooks.stop_requests.requested_by())
        (out / "model.json").write_text("{}")
        return TrainSummary()

    monkeypatch.setattr(train, "run", stage)
    runner.run(STEP)
    assert seen[0] is not None
    assert list(runner.store.names("stops/")) == []


def test_a_marker_that_came_too_late_does_not_stop_the_training_computed_again(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str | None] = []

    def stage(inputs: Mapping[str, Path], out: Path, params: Train, hooks: Hooks) -> TrainSummary:
        seen.append(hooks.stop_requests.requested_by())
        (out / "model.json").write_text("{}")
        return TrainSummary()

    monkeypatch.setattr(train, "run", stage)
    runner.run(STEP)
    StoredStopRequests(runner.store, runner_module.TRAIN, STEP.key, runner.run_id).request("ana")
    runner.run(STEP, force=True)
    assert seen == [None, None]


@pytest.mark.parametrize("ended_by", [KeyboardInterrupt(), SystemExit(143), ValueError("the disk is gone")])
def test_a_marker_that_a_dead_training_left_stops_its_retry_and_no_other_run(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, ended_by: BaseException
) -> None:
    seen: list[str | None] = []

    def dies(inputs: Mapping[str, Path], out: Path, params: Train, hooks: Hooks) -> TrainSummary:
        hooks.log.progress(step=1)
        request_stop(runner.store, "train", STEP.key, runner.run_id, name="mlp", by="ana")
        raise ended_by

    def trains(inputs: Mapping[str, Path], out: Path, params: Train, hooks: Hooks) -> TrainSummary:
        seen.append(hooks.stop_requests.requested_by())
        raise ValueError("not yet")

    monkeypatch.setattr(train, "run", dies)
    with pytest.raises(type(ended_by)):
        runner.run(STEP)
    with pytest.raises(Conflict, match=r"\(state: failed\): there is nothing to stop"):
        request_stop(runner.store, "train", STEP.key, runner.run_id, name="mlp", by="ana")
    monkeypatch.setattr(train, "run", trains)
    for run_id in ("another", runner.run_id):
        with pytest.raises(ValueError, match="not yet"):
            Runner(runner.settings, run_id=run_id).run(STEP)
    assert seen[0] is None
    assert seen[1] is not None and seen[1].startswith("ana at 20")


def test_force_takes_a_marker_away_although_no_result_stands(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str | None] = []

    def stage(inputs: Mapping[str, Path], out: Path, params: Train, hooks: Hooks) -> TrainSummary:
        seen.append(hooks.stop_requests.requested_by())
        (out / "model.json").write_text("{}")
        return TrainSummary()

    monkeypatch.setattr(train, "run", stage)
    StoredStopRequests(runner.store, "train", STEP.key, runner.run_id).request("ana")
    runner.run(STEP, force=True)
    assert seen == [None]


def test_a_marker_that_names_no_run_is_nobody_s(file_store: Store) -> None:
    file_store.write("stops/train/abc.json", b'{"by": "ana", "at": "2026-11-01T00:00:00+00:00"}')
    assert StoredStopRequests(file_store, "train", "abc", "").requested_by() is None
