"""`meli stop-training` against a store with a run in it."""

from __future__ import annotations

import pytest

from meli_tasks.core.errors import Conflict, NotFound
from meli_tasks.execution.progress_log import ProgressLog
from meli_tasks.execution.stop_requests import StoredStopRequests
from meli_tasks.store import Store
from tests.cli.program import document, here
from tests.past_run import PastRun


def test_a_running_training_is_asked_to_stop_and_other_names_are_refused(
    file_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MELI_STORE", file_store.url)
    past = PastRun(file_store, "night")
    key = past.models["mlp"]
    for arguments, kind, message in (
        (("another", "mlp"), NotFound, "no run 'another'"),
        (("night", "mlpp"), NotFound, "does not train 'mlpp'. It trains mlp, cnn"),
        (("night", "mlp"), Conflict, "is not running (state: not started)"),
    ):
        result = here("stop-training", *arguments)
        assert isinstance(result.exception, kind)
        assert message in str(result.exception)
    ProgressLog(file_store, "train", "mlp", key, "night").progress(step=1)
    result = here("stop-training", "night", "mlp")
    assert result.exit_code == 0, result.output
    assert "will stop within seconds" in result.output
    assert StoredStopRequests(file_store, "train", key, "night").requested_by() is not None
    assert document("stop-training", "night", "mlp")["key"] == key
    assert StoredStopRequests(file_store, "train", past.models["cnn"], "night").requested_by() is None


def test_the_training_of_another_run_is_not_stopped(file_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MELI_STORE", file_store.url)
    past = PastRun(file_store, "night")
    past.plan.for_run("morning").save(file_store)  # the same sets on the same titles: it waits for the other's models
    key = past.models["mlp"]
    ProgressLog(file_store, "train", "mlp", key, "night").progress(step=1)
    result = here("stop-training", "morning", "mlp")
    assert isinstance(result.exception, Conflict)
    assert "morning is not training mlp" in str(result.exception)
    assert "meli stop-training night mlp" in str(result.exception)
    assert StoredStopRequests(file_store, "train", key, "night").requested_by() is None
    assert StoredStopRequests(file_store, "train", key, "morning").requested_by() is None


def test_of_a_run_that_was_cleared_with_another_request_the_training_that_runs_is_stopped(
    file_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MELI_STORE", file_store.url)
    first, second = PastRun(file_store, "night", seed=1), PastRun(file_store, "night", {"mlp": 0.9, "gru": 0.9}, seed=2)
    assert first.plan.name != second.plan.name
    for run, label in ((first, "mlp"), (second, "mlp"), (second, "gru"), (first, "cnn")):
        log = ProgressLog(file_store, "train", label, run.models[label], "night")
        log.progress(step=1)
        assert document("stop-training", "night", label)["key"] == run.models[label]
        log.finished()
