"""`meli_verify`: off unless it has a schedule, light to read, and green in a store without damage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from meli_tasks.artifacts import reading
from meli_tasks.store import Store

if TYPE_CHECKING:
    from tests.airflow_process import InAirflow

pytestmark = pytest.mark.airflow

RUN = """
import json
from airflow.dag_processing.dagbag import DagBag
dag = DagBag().get_dag("meli_verify")
run = dag.test()
found = {ti.task_id: [str(ti.state), ti.xcom_pull(task_ids=ti.task_id)] for ti in run.get_task_instances()}
print(json.dumps([dag.timetable.expression, str(run.state), found]))
"""


def test_it_checks_the_store_by_its_own_schedule(
    in_airflow: InAirflow, airflow_database: None, file_store: Store, tmp_path: Path
) -> None:
    reading.write(file_store, "plans/run/abc/timing.json", b'{"seconds": 3}')
    more = {"MELI_STORE": file_store.url, "MELI_CACHE": str(tmp_path / "cache"), "MELI_VERIFY_SCHEDULE": "30 6 * * 0"}
    done = in_airflow("-c", RUN, **more)
    assert done.returncode == 0, done.stderr[-3000:]
    schedule, state, tasks = json.loads(done.stdout.splitlines()[-1])
    assert (schedule, state) == ("30 6 * * 0", "success")
    assert tasks == {"verify": ["success", {"objects": 1, "damaged": 0, "open": 0, "registry": []}]}
