"""How a run in one process ends its MLflow run, whatever ended it."""

from __future__ import annotations

from pathlib import Path

import pytest

from meli_tasks.core.errors import BadData, Unreachable
from meli_tasks.local_run import LocalRun
from tests.damage_commands import DAY, Silent, request
from tests.finished_store import settings_of
from tests.servers import NOWHERE


@pytest.fixture
def run(tmp_path: Path) -> LocalRun:
    return LocalRun(Silent(), "run", settings_of(tmp_path))


@pytest.mark.parametrize(
    ("ending", "state"),
    [
        (KeyboardInterrupt(), "KILLED"),
        (SystemExit(143), "KILLED"),
        (BadData("no titles"), "FAILED"),
        (None, "FINISHED"),
    ],
)
def test_the_state_says_what_ended_the_run(
    run: LocalRun, monkeypatch: pytest.MonkeyPatch, ending: BaseException | None, state: str
) -> None:
    states: list[str] = []

    def go(plan: object, until: str) -> None:
        if ending:
            raise ending

    monkeypatch.setattr(run, "_go", go)
    monkeypatch.setattr(run.pipeline.tracking, "ended", lambda plan, state: states.append(state))
    if ending:
        with pytest.raises(type(ending)):
            run.go(request("quick_mlp", 1), DAY, "promote")
    else:
        run.go(request("quick_mlp", 1), DAY, "promote")
    assert states == [state]


def test_a_store_that_is_down_does_not_replace_the_error_that_ended_the_run(
    run: LocalRun, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run.pipeline.tracking.uri = NOWHERE

    def down(prefix: str) -> None:
        raise Unreachable("The store is down.")

    def go(plan: object, until: str) -> None:
        monkeypatch.setattr(run.pipeline.store, "names", down)
        raise BadData("no titles")

    monkeypatch.setattr(run, "_go", go)
    with pytest.raises(BadData, match="no titles"):
        run.go(request("quick_mlp", 1), DAY, "promote")
    assert "The store is down. The next run ends the MLflow run of this one." in caplog.text
