"""`meli_monitoring`: light to read, off unless it has a schedule, and skipped while there is no champion."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from meli_tasks.store import Store
from tests.monitoring.stores import night, titles, with_champion

if TYPE_CHECKING:
    from tests.airflow_process import InAirflow

pytestmark = pytest.mark.airflow

SCHEDULE = """
import json
from meli_monitoring import dag
print(json.dumps([dag.timetable.expression, str(dag.timetable.timezone)]))
"""
RETRAIN = """
import json, types
from meli_airflow.operators import RetrainIfAdvised
from meli_monitoring import dag
answers = [sorted(dag.task_ids)]
for found in (None, {"retrain": ""}, {"retrain": "Retrain: languages changed."}):
    task = RetrainIfAdvised(task_id="retrain")
    known = types.SimpleNamespace(is_paused=False)
    ti = types.SimpleNamespace(xcom_pull=lambda task_ids: found, get_dag=lambda dag_id: known, xcom_push=print)
    try:
        task.execute({"ti": ti, "run_id": "scheduled__2026-11-21", "task_instance": ti})
    except Exception as ended:
        print(repr(ended))
        run = [getattr(ended, name, None) for name in ("trigger_dag_id", "dag_run_id", "note")]
        answers.append([type(ended).__name__, *run])
print(json.dumps(answers))
"""
RUN = """
import json
from airflow.dag_processing.dagbag import DagBag
dag = DagBag().get_dag("meli_monitoring")
run = dag.test()
states = {ti.task_id: str(ti.state) for ti in run.get_task_instances()}
print(json.dumps([type(dag.timetable).__name__, str(run.state), states]))
"""
TRIGGER = """
import json
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from sqlalchemy import select
bag = DagBag()
DagBundlesManager().sync_bundles_to_db()
sync_bag_to_db(bag, "dags-folder", None)
with create_session() as session:
    session.get(DagModel, "meli_training").is_paused = False
    earlier = set(session.scalars(select(DagRun.run_id)))  # other tests use the same database
run = bag.get_dag("meli_monitoring").test()
states = {ti.task_id: str(ti.state) for ti in run.get_task_instances()}
with create_session() as session:
    all_runs = session.scalars(select(DagRun).where(DagRun.dag_id == "meli_training")).all()
    started = [one for one in all_runs if one.run_id not in earlier]
    found = [[one.run_id == f"monitoring__{run.run_id}", one.note, str(one.state)] for one in started]
print(json.dumps([states, found]))
"""


def test_it_runs_by_its_own_schedule(in_airflow: InAirflow) -> None:
    done = in_airflow("-c", SCHEDULE, MELI_MONITORING_SCHEDULE="30 6 * * * America/Bogota")
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == ["30 6 * * *", "America/Bogota"]


def test_without_a_schedule_it_runs_when_triggered_and_is_skipped_without_a_champion(
    in_airflow: InAirflow, airflow_database: None
) -> None:
    done = in_airflow("-c", RUN)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "There is no champion yet" in done.stdout + done.stderr
    timetable, state, tasks = json.loads(done.stdout.splitlines()[-1])
    assert (timetable, state, tasks) == ("NullTimetable", "success", {"monitor": "skipped"})


def test_a_reason_to_retrain_becomes_the_note_of_a_run(in_airflow: InAirflow) -> None:
    done = in_airflow("-c", RETRAIN, MELI_MONITORING_RETRAIN="trigger")
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == [
        ["monitor", "retrain"],
        ["AirflowSkipException", None, None, None],
        ["AirflowSkipException", None, None, None],
        [
            "DagRunTriggerException",
            "meli_training",
            "monitoring__scheduled__2026-11-21",
            "Retrain: languages changed.",
        ],
    ]


def test_a_change_starts_a_run_of_training_with_the_reason_in_its_note(
    in_airflow: InAirflow, airflow_database: None, file_store: Store, tmp_path: Path
) -> None:
    night(with_champion(file_store, tmp_path / "model"), "2026-11-21", titles(1, 600, strange=0.4))
    more = {"MELI_STORE": file_store.url, "MELI_CACHE": str(tmp_path / "cache"), "MELI_MONITORING_RETRAIN": "trigger"}
    done = in_airflow("-c", TRIGGER, **more)
    assert done.returncode == 0, done.stderr[-3000:]
    states, started = json.loads(done.stdout.splitlines()[-1])
    assert states == {"monitor": "success", "retrain": "success"}
    ((named_after_it, note, state),) = started
    assert (named_after_it, state) == (True, "queued")
    assert note.startswith("Retrain: unknown words and confidence changed.")
    assert "training takes about 30 s" in note
