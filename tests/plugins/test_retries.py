"""Retries by kind of error, time limits that fit, and whose turn it is in a pool: in an Airflow of the tests' own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from meli_tasks.planning.request import Request

if TYPE_CHECKING:
    from tests.airflow_process import InAirflow

pytestmark = pytest.mark.airflow

DECISIONS = """
import json
from datetime import timedelta
from types import SimpleNamespace
from meli_airflow.retries import ByKind, FIRST_DELAY, retries_within
from airflow.providers.standard.exceptions import HITLTimeoutError
from meli_tasks.core.errors import BadData, DiskFull, NotFound, Unreachable

def decided(error, try_number, max_tries, retries=17, first=FIRST_DELAY):
    context = {"task": SimpleNamespace(retries=retries, retry_delay=first)}
    found = ByKind().evaluate(error, try_number, max_tries, context)
    return [found.action.value, found.retry_delay.total_seconds() if found.retry_delay is not None else None]

print(json.dumps({
    "retries": [retries_within(timedelta(hours=hours)) for hours in (0, 0.01, 1, 6, 20)],
    "outage": [decided(Unreachable("down"), number, 17) for number in (1, 2, 6, 7, 17)],
    "disk": decided(DiskFull("full"), 9, 17),
    "a full disk in a library's words": decided(OSError(28, "No space left on device"), 9, 17),
    "connection": decided(ConnectionResetError("peer"), 9, 17),
    "permanent": [decided(error("no"), 1, 17) for error in (BadData, NotFound)],
    "fault": [decided(KeyError("x"), number, 17) for number in (1, 3, 4)],
    "cleared": [decided(error("x"), 19, 18 + 17) for error in (Unreachable, KeyError)],
    "fewer retries than when it began": decided(Unreachable("down"), 2, 3),
    "no delay": decided(Unreachable("down"), 5, 17, first=timedelta(0)),
    "huge": decided(Unreachable("down"), 900, 1000, retries=1000),
    "nobody answered": decided(HITLTimeoutError("after 7 days"), 1, 17),
    "without a context": ByKind().evaluate(Unreachable("down"), 1, 17).action.value,
}))
"""

TASKS = """
import json
import meli_backfill, meli_training
from airflow.serialization.serialized_objects import DagSerialization
answers = {}
for module in (meli_training, meli_backfill):
    dag = DagSerialization.from_dict(DagSerialization.to_dict(module.dag))
    answers[dag.dag_id] = {"timeout": dag.dagrun_timeout and dag.dagrun_timeout.total_seconds(), "tasks": {
        task.task_id: [
            task.execution_timeout and task.execution_timeout.total_seconds(), task.retries,
            task.retry_delay.total_seconds(), task.retry_exponential_backoff, task.max_retry_delay.total_seconds(),
        ] for task in dag.tasks
    }}
print(json.dumps(answers))
"""

WEIGHTS = """
import json
from datetime import UTC, datetime
from airflow.api_fastapi.core_api.datamodels.tasks import TaskResponse

from airflow.models.taskinstance import TaskInstance
from airflow.serialization.serialized_objects import DagSerialization
from meli_training import dag
task = DagSerialization.from_dict(DagSerialization.to_dict(dag)).get_task("train_mlp")
runs = ["scheduled__2026-11-01T03:00:00+00:00", "manual__2026-11-01T09:00:00+00:00", "by hand", None,
        "meli_backfill__2026-11-01__0123456789abcdef", "backfill__2026-11-01T03:00:00+00:00"]
weights = [TaskInstance(task, dag_version_id=None, run_id=run).priority_weight for run in runs]
page = TaskResponse.validate_weight_rule(task.weight_rule)
print(json.dumps([weights, page]))
"""


def printed(in_airflow: InAirflow, script: str, **environment: str) -> Any:
    done = in_airflow("-c", script, **environment)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_how_long_a_task_is_retried_depends_on_the_kind_of_its_error(in_airflow: InAirflow) -> None:
    found = printed(in_airflow, DECISIONS)
    assert found["retries"] == [0, 1, 7, 17, 45]
    assert found["outage"] == [["retry", seconds] for seconds in (45, 90, 1440, 1800, 1800)]
    assert found["disk"] == found["a full disk in a library's words"] == found["connection"] == ["retry", 1800]
    assert found["permanent"] == [["fail", None]] * 2
    assert found["fault"] == [["retry", 45], ["retry", 180], ["fail", None]]
    assert found["cleared"] == [["retry", 45]] * 2
    assert found["fewer retries than when it began"] == ["retry", 90]
    assert found["no delay"] == ["retry", 0]
    assert found["huge"] == ["retry", 1800]
    assert found["nobody answered"] == ["fail", None]
    assert found["without a context"] == "retry"


def test_every_task_of_both_dags_has_a_time_limit_that_fits_and_the_same_retries(in_airflow: InAirflow) -> None:
    found = printed(in_airflow, TASKS, MELI_RETRY_HOURS="6")
    for dag in found.values():
        for name, (limit, *retries) in dag["tasks"].items():
            assert limit and 0 < limit < dag["timeout"], name
            assert retries == [17, 45, 2.0, 1800], name
    bounds = Request.model_fields["search_minutes"].metadata
    longest = next(bound.le for bound in bounds if hasattr(bound, "le"))
    assert found["meli_training"]["tasks"]["search"][0] > longest * 60
    # A date's run may take as long as its own limit, and a backfill has more than one.
    assert found["meli_backfill"]["tasks"]["run"][0] > found["meli_training"]["timeout"]
    assert found["meli_backfill"]["timeout"] > 7 * found["meli_training"]["timeout"]


def test_the_budget_of_the_retries_is_a_setting(in_airflow: InAirflow) -> None:
    found = printed(in_airflow, TASKS, MELI_RETRY_HOURS="0")
    assert {retries[1] for dag in found.values() for retries in dag["tasks"].values()} == {0}


def test_a_night_gets_the_next_slot_before_any_backfilled_run(in_airflow: InAirflow) -> None:
    (night, manual, named, unknown, ours, airflows), page = printed(in_airflow, WEIGHTS)
    assert night == manual == named == unknown
    assert ours == airflows
    assert night > ours > 0
    assert page == "meli_airflow.priority.BackfillsLast"
