"""`meli_prune`: light to read, off unless it has a schedule, and limited to what one night may delete."""

from __future__ import annotations

import json
import os
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from meli_tasks.store import Store
from tests.past_run import START, PastRun

if TYPE_CHECKING:
    from tests.airflow_process import InAirflow

pytestmark = pytest.mark.airflow

RUN = """
import json
from airflow.dag_processing.dagbag import DagBag
dag = DagBag().get_dag("meli_prune")
run = dag.test()
states = {ti.task_id: str(ti.state) for ti in run.get_task_instances()}
print(json.dumps([type(dag.timetable).__name__, str(run.state), states]))
"""


def test_without_a_schedule_it_prunes_when_triggered(
    in_airflow: InAirflow, airflow_database: None, file_store: Store, tmp_path: Path
) -> None:
    runs = [PastRun(file_store, run_id=f"night_{number}", seed=number) for number in (1, 2)]
    for number, run in enumerate(runs):
        run.plan.model_copy(update={"at": (START + timedelta(days=number - 90)).isoformat()}).save(file_store)
    old = time.time() - 90 * 86_400
    for path in (tmp_path / "store").rglob("*"):
        os.utime(path, (old, old))
    few = {"MELI_PRUNE_KEEP_RUNS": "1", "MELI_PRUNE_KEEP_DAYS": "0", "MELI_PRUNE_KEEP_VERSIONS": "1"}
    here = {"MELI_STORE": file_store.url, "MELI_CACHE": str(tmp_path / "cache"), "MLFLOW_TRACKING_URI": "none"}
    done = in_airflow("-c", RUN, **here, **few)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == ["NullTimetable", "success", {"prune": "success"}]
    kept = [[file_store.size(made.file_name("model.json")) for made in run.trainings.values()] for run in runs]
    assert kept == [[None, None], [2, 2]]
