from __future__ import annotations

import json

from tests.airflow_process import InAirflow

SCRIPT = """
import json, sys, threading
import airflow.settings
airflow.settings.prepare_syspath_for_config_and_plugins()
import meli_airflow.preload
from meli_tasks.planning.form import form_fields
from meli_tasks.settings import Settings
settings = Settings.from_environment()
loaded = set(sys.modules)
opened = []
sys.addaudithook(lambda event, detail: opened.append(str(detail[0])) if event == 'open' else None)
settings.s3_client(settings.s3_endpoint)
form_fields(settings)
print(json.dumps({
    "opened": opened,
    "new": len(set(sys.modules) - loaded),
    "threads": threading.active_count(),
    "heavy": sorted({"torch", "gensim", "mlflow", "pandas", "pyarrow", "polars", "sklearn"} & loaded),
    "boto3": "boto3" in loaded,
}))
"""


def test_a_worker_loads_a_single_time_what_each_task_would(in_airflow: InAirflow) -> None:
    ran = in_airflow("-c", SCRIPT, MELI_STORE="s3://meli/store", MELI_S3_ENDPOINT="http://127.0.0.1:1")
    assert ran.returncode == 0, ran.stderr[-2000:]
    seen = json.loads(ran.stdout.splitlines()[-1])
    assert seen["boto3"]
    assert seen["new"] == 0, seen
    assert seen["opened"] == [], "what a task reads again"
    assert seen["threads"] == 1, "a thread does not outlive the fork that a task is"
    assert seen["heavy"] == [], "memory that most tasks never use"
