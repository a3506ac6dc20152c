"""What can be checked of `meli_backfill` without a scheduler: its form, and whose turn it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.airflow_process import InAirflow

pytestmark = pytest.mark.airflow

TURNS = """
import json, sys, types
from airflow.sdk.exceptions import AirflowRescheduleException
from airflow.sdk import timezone
from meli_airflow.operators import RunOfDate
answers = []
for at_once, position, states in json.loads(sys.argv[1]):
    task = RunOfDate(task_id="run", date="2026-11-01", plan="", position=position, at_once=at_once, trigger_run_id="x")
    named = {f"run_{index}": state for index, state in enumerate(states)}
    ti = types.SimpleNamespace(dag_id="meli_backfill", task_id="run", run_id="r")
    ti.get_task_states = lambda dag_id, task_ids, run_ids: {"r": named}
    try:
        task._wait_for_turn(ti)
        answers.append(0)
    except AirflowRescheduleException as later:
        answers.append(round((later.reschedule_date - timezone.utcnow()).total_seconds()))
print(json.dumps(answers))
"""


def test_the_form_has_dates_sets_and_every_hyperparameter(in_airflow: InAirflow) -> None:
    schemas_of = "{name: dag.params.get_param(name).schema for name in dag.params}"
    done = in_airflow("-c", f"import json; from meli_backfill import dag; print(json.dumps({schemas_of}))")
    assert done.returncode == 0, done.stderr[-2000:]
    schemas: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert list(schemas)[:4] == ["summary", "from_date", "to_date", "every_days"]
    assert all("type" in schema and "section" in schema for schema in schemas.values())
    assert schemas["from_date"]["format"] == "date"
    assert schemas["train.epochs"]["type"] == ["integer", "null"]
    assert {"mlp", "cnn"} <= set(schemas["sets"]["examples"])


def test_a_date_waits_while_as_many_before_it_as_may_run_have_not_ended(in_airflow: InAirflow) -> None:
    turns: list[tuple[tuple[Any, ...], int]] = [  # at once, position, states by position -> seconds to wait
        ((None, 3, ["running", "running", "running", None]), 0),  # no cap but the pool's
        ((2, 1, ["running", None]), 0),
        ((2, 2, ["running", "deferred", None]), 15),
        ((2, 2, ["success", "deferred", None]), 0),
        ((2, 2, ["failed", "deferred", None]), 0),
        ((1, 2, ["up_for_retry", "success", None]), 15),  # the one before it is tried again first
        ((1, 5, ["success", "running", None, None, None, None]), 60),  # four rounds away
    ]
    done = in_airflow("-c", TURNS, json.dumps([turn for turn, _ in turns]))
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == [pytest.approx(waits, abs=1) for _, waits in turns]
