"""What a running stage leaves in the store for those who watch."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meli_tasks.artifacts import paths
from meli_tasks.execution.progress_log import MAX_POINTS, ProgressLog
from meli_tasks.store import Store


def note(store: Store) -> dict[str, Any]:
    blob = store.read(paths.progress_log("train", "abc"))
    assert blob is not None
    told: dict[str, Any] = json.loads(blob.data)
    return told


@pytest.fixture
def log(file_store: Store, monkeypatch: pytest.MonkeyPatch) -> ProgressLog:
    monkeypatch.setattr("meli_tasks.execution.progress_log.SECONDS_BETWEEN_NOTES", 0.0)
    return ProgressLog(file_store, "train", "mlp", "abc", "run")


def test_a_training_s_note_holds_where_it_is_and_its_curves(log: ProgressLog, file_store: Store) -> None:
    log.progress(epoch=1, epochs=5, step=10, loss=2.5)
    log.epoch({"epoch": 1, "train_loss": 2.0})
    log.progress(epoch=2, epochs=5, step=20, loss=1.5)
    told = note(file_store)
    assert (told["state"], told["epoch"], told["epochs"], told["run_id"]) == ("running", 2, 5, "run")
    assert (told["history"], told["losses"]) == ([{"epoch": 1, "train_loss": 2.0}], [[10, 2.5], [20, 1.5]])
    log.failed("the loss is not finite")
    assert (note(file_store)["state"], note(file_store)["error"]) == ("failed", "the loss is not finite")


def test_a_long_training_s_curve_stays_short_and_keeps_its_ends(log: ProgressLog, file_store: Store) -> None:
    for step in range(5 * MAX_POINTS + 1):
        log.epoch({"epoch": step})
        log.progress(step=step, loss=1.0)
    losses, history = note(file_store)["losses"], note(file_store)["history"]
    assert max(len(losses), len(history)) <= MAX_POINTS
    assert (losses[0][0], losses[-1][0]) == (0, 5 * MAX_POINTS)
    assert (history[0]["epoch"], history[-1]["epoch"]) == (0, 5 * MAX_POINTS)


def test_a_stage_without_curves_leaves_none(log: ProgressLog, file_store: Store) -> None:
    log.progress(titles=10, of_titles=20)
    log.finished()
    assert note(file_store)["state"] == "done"
    assert "history" not in note(file_store)


def test_a_full_curve_drops_every_second_point_and_no_other(log: ProgressLog, file_store: Store) -> None:
    for step in range(MAX_POINTS):
        log.epoch({"epoch": step})
        log.progress(step=step, loss=1.0)
    assert [step for step, _ in note(file_store)["losses"]] == list(range(MAX_POINTS))
    log.epoch({"epoch": MAX_POINTS})
    log.progress(step=MAX_POINTS, loss=1.0)
    kept = list(range(0, MAX_POINTS + 1, 2))
    assert [step for step, _ in note(file_store)["losses"]] == kept
    assert [epoch["epoch"] for epoch in note(file_store)["history"]] == kept
