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
