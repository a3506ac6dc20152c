"""How training runs end with a cancelled backfill: those that it began and that no other one waits for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.airflow_process import InAirflow

pytestmark = pytest.mark.airflow

SCRIPT = """
import json, sys
from datetime import UTC, datetime, timedelta
from uuid import uuid4
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from meli_airflow.listeners import children

NOW = datetime(2026, 11, 20, tzinfo=UTC)
answers = {}
for title, (backfills, trainings, cancelled) in json.loads(sys.argv[1]).items():
    with create_session() as session:
        session.connection().exec_driver_sql("PRAGMA foreign_keys = OFF")  # only these rows matter
        for model in (XComModel, TaskInstance, DagRun):
            session.execute(model.__table__.delete())
        def run(dag, run_id, state, number):
            state, _, later = state.partition(" ")
            session.execute(DagRun.__table__.insert().values(
                id=number, dag_id=dag, run_id=run_id, state=state, run_type="manual", run_after=NOW, log_template_id=1,
                clear_number=0, queued_at=NOW + timedelta(minutes=1 if later else -1),
            ))
        for number, (run_id, state) in enumerate(trainings.items(), 100):
            run("meli_training", run_id, state, number)
        for number, (run_id, (state, dates)) in enumerate(backfills.items(), 1):
            run("meli_backfill", run_id, state, number)
            if dates is None:
                continue
            for position, (date, task, tries) in enumerate(dates):
                session.execute(TaskInstance.__table__.insert().values(
                    id=uuid4(), dag_id="meli_backfill", run_id=run_id, task_id="run", map_index=position, state=task,
                    try_number=tries, max_tries=0, hostname="", pool="backfill", pool_slots=1, start_date=NOW,
                    end_date=None if task in ("running", "deferred") else NOW,
                ))
            session.execute(XComModel.__table__.insert().values(
                dag_run_id=number, dag_id="meli_backfill", run_id=run_id, task_id="preview", map_index=-1,
                key="return_value", value=[{"trigger_run_id": date} for date, _, _ in dates], timestamp=NOW,
            ))
        session.flush()
        row = session.query(DagRun).filter_by(dag_id="meli_backfill", run_id=cancelled).one()
        answers[title] = sorted(child.run_id for child in children(row, session))
        session.rollback()
print(json.dumps(answers))
"""

RUNNING = {"one": "running", "two": "queued", "three": "success"}
# The dates of a backfill that somebody has just failed: their tasks have failed or were skipped, whatever they did.
ENDED = ["failed", [["one", "failed", 1], ["two", "failed", 1], ["three", "success", 1]]]
CASES = {
    "alone": [{"a": ENDED}, RUNNING, "a"],
    "another waits for one": [{"a": ENDED, "b": ["running", [["one", "deferred", 1]]]}, RUNNING, "a"],
    "another is starting one": [
        {"a": ENDED, "b": ["running", [["zero", "success", 1], ["one", "running", 1]]]}, RUNNING, "a"
    ],
    "another will try one again": [{"a": ENDED, "b": ["running", [["two", "up_for_retry", 1]]]}, RUNNING, "a"],
    "another has not come to it": [{"a": ENDED, "b": ["running", [["one", None, 0]]]}, RUNNING, "a"],
    "another is done with it": [{"a": ENDED, "b": ["running", [["one", "success", 1]]]}, RUNNING, "a"],
    "another was cancelled": [{"a": ENDED, "b": ["failed", [["one", "deferred", 1]]]}, RUNNING, "a"],
    "another has no preview": [{"a": ENDED, "b": ["queued", None]}, RUNNING, "a"],
    "it had not come to one": [{"a": ["failed", [["one", "skipped", 0], ["two", "failed", 1]]]}, RUNNING, "a"],
    "somebody cleared one since": [{"a": ENDED}, {"one": "running again", "two": "running"}, "a"],
    "its tasks have not been ended yet": [{"a": ["failed", [["one", "deferred", 1]]]}, RUNNING, "a"],
    "it has no preview": [{"a": ["failed", None]}, RUNNING, "a"],
}  # fmt: skip


def test_a_cancelled_backfill_ends_what_it_began_and_nobody_else_waits_for(
    in_airflow: InAirflow, airflow_database: None
) -> None:
    done = in_airflow("-c", SCRIPT, json.dumps(CASES))
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "alone": ["one", "two"],
        "another waits for one": ["two"],
        "another is starting one": ["two"],
        "another will try one again": ["one"],
        "another has not come to it": ["one", "two"],
        "another is done with it": ["one", "two"],
        "another was cancelled": ["one", "two"],
        "another has no preview": ["one", "two"],
        "it had not come to one": ["two"],
        "somebody cleared one since": ["two"],
        "its tasks have not been ended yet": ["one"],
        "it has no preview": [],
    }


LAST_TASKS = """
import json
from datetime import UTC, datetime
from uuid import uuid4
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from meli_airflow.listeners import on_dag_run_failed

NOW = datetime(2026, 11, 20, tzinfo=UTC)
STATES = {
    "meli_backfill": {"preview": "success", "approve": "skipped", "report": "skipped"},
    "meli_training": {"plan": "success", "search": "skipped", "train_mlp": "failed", "promote": "skipped"},
    "another": {"last": "skipped"},
}
found = {}
for number, (dag, tasks) in enumerate(STATES.items(), 1):
    with create_session() as session:
        session.connection().exec_driver_sql("PRAGMA foreign_keys = OFF")  # only these rows matter
        for model in (TaskInstance, DagRun):
            session.execute(model.__table__.delete())
        session.execute(DagRun.__table__.insert().values(
            id=number, dag_id=dag, run_id="run", state="failed", run_type="manual", run_after=NOW, log_template_id=1,
            clear_number=0,
        ))
        for task, state in tasks.items():
            session.execute(TaskInstance.__table__.insert().values(
                id=uuid4(), dag_id=dag, run_id="run", task_id=task, map_index=-1, state=state, try_number=1,
                max_tries=0, hostname="", pool="default_pool", pool_slots=1,
            ))
        on_dag_run_failed(session.query(DagRun).one(), "")
        found[dag] = {row.task_id: row.state for row in session.query(TaskInstance.task_id, TaskInstance.state)}
        session.rollback()
print(json.dumps(found))
"""


def test_no_scheduler_can_take_a_run_that_was_marked_as_failed_for_a_success(
    in_airflow: InAirflow, airflow_database: None
) -> None:
    """A run whose leaf is skipped is a success to Airflow's scheduler, which may have loaded the run before."""
    done = in_airflow("-c", LAST_TASKS)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "meli_backfill": {"preview": "success", "approve": "skipped", "report": "upstream_failed"},
        "meli_training": {"plan": "success", "search": "skipped", "train_mlp": "failed", "promote": "upstream_failed"},
        "another": {"last": "skipped"},
    }
