"""What runs again when somebody clears the failed tasks of a run that had no titles."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.airflow_process import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.airflow_process import InAirflow

pytestmark = pytest.mark.airflow


@pytest.fixture(scope="module")
def again(in_airflow: InAirflow, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, list[str]]]:
    folder: Path = tmp_path_factory.mktemp("cleared")
    more = {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder / 'airflow.db'}",
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
        "AIRFLOW__API_AUTH__JWT_SECRET": "only-for-this-test-" * 4,
        "AIRFLOW__API__SECRET_KEY": "another-one-for-this-test",
    }
    for command in (("db", "migrate"), ("dags", "reserialize")):
        made = in_airflow("-m", "airflow", *command, **more)
        assert made.returncode == 0, made.stderr[-2000:]
    done = in_airflow(str(ROOT / "tests" / "plugins" / "cleared_run.py"), **more)
    lines = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    assert lines, done.stderr[-3000:]
    found: dict[str, tuple[str, list[str]]] = json.loads(lines[-1].removeprefix("FOUND "))
    assert {state for state, _ in found.values()} == {"running"}
    return found


@pytest.mark.parametrize("case", ["plan_failed", "ingest_failed"])
def test_what_was_skipped_for_want_of_titles_runs_again_with_the_first_task(
    again: dict[str, tuple[str, list[str]]], case: str
) -> None:
    _, tasks = again[case]
    assert {"ingest", "ensemble", "evaluate", "decide", "approve", "promote"} <= set(tasks)
    assert ("plan" in tasks) == (case == "plan_failed")


def test_what_the_plan_skipped_stays_skipped(again: dict[str, tuple[str, list[str]]]) -> None:
    assert "search" not in again["ingest_failed"][1]


def test_other_failures_leave_what_was_skipped_alone(again: dict[str, tuple[str, list[str]]]) -> None:
    assert again["a_training_run_failed"][1] == ["train_mlp"]
    assert again["only_promote_failed"][1] == ["promote"]
