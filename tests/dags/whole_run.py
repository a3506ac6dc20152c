"""Runs `meli_training` whole by `dag.test()`, every stage real, twice. Prints each run as JSON: its state, its tasks.

python whole_run.py '{"source": "sample:rows=2500,seed=3", "sets": ["quick_mlp", "quick_cnn"]}'
"""

from __future__ import annotations

import json
import sys

from airflow.models.pool import Pool
from airflow.utils.session import create_session
from meli_training import dag

with create_session() as session:
    Pool.create_or_update_pool("gpu", slots=1, description="trainings", include_deferred=False, session=session)

runs = []
for _ in range(2):
    run = dag.test(run_conf=json.loads(sys.argv[1]))
    tasks = {}
    for instance in run.get_task_instances():
        name = f"{instance.task_id}[{instance.map_index}]" if instance.map_index >= 0 else instance.task_id
        tasks[name] = {
            "state": str(instance.state),
            "returned": instance.xcom_pull(task_ids=instance.task_id, map_indexes=instance.map_index),
        }
    runs.append({"state": str(run.state), "tasks": tasks})
sys.stdout.write(json.dumps(runs) + "\n")
