from __future__ import annotations

import json

import pytest

from tests.airflow_process import InAirflow

SCRIPT = """
import json, os, sys, threading
import airflow.settings
airflow.settings.prepare_syspath_for_config_and_plugins()
connected = []
sys.addaudithook(lambda event, detail: connected.append(str(detail)) if event == 'socket.connect' else None)
import meli_airflow.preload
import numpy
from meli_tasks.planning.form import form_fields
from meli_tasks.settings import Settings
settings = Settings.from_environment()
loaded = set(sys.modules)
assert connected == [], connected
opened = []
sys.addaudithook(lambda event, detail: opened.append(str(detail[0])) if event == 'open' else None)
settings.s3_client(settings.s3_endpoint)
draws = []
for _ in range(2):
    reading, writing = os.pipe()
    if not (child := os.fork()):
        os.write(writing, str(numpy.random.rand()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    draws.append(os.read(reading, 100).decode())
form_fields(settings)
print(json.dumps({
    "opened": opened,
    "new": len(set(sys.modules) - loaded),
    "threads": threading.active_count(),
    "draws": draws,
    "loaded": sorted({"boto3", "torch", "gensim", "sklearn", "mlflow", "polars"} & loaded),
}))
"""


def test_a_worker_loads_a_single_time_what_each_task_would(in_airflow: InAirflow) -> None:
    ran = in_airflow("-c", SCRIPT, MELI_STORE="s3://meli/store", MELI_S3_ENDPOINT="http://127.0.0.1:1")
    assert ran.returncode == 0, ran.stderr[-2000:]
    seen = json.loads(ran.stdout.splitlines()[-1])
    assert seen["loaded"] == ["boto3", "gensim", "sklearn", "torch"], "MLflow imports polars, which starts a thread"
    assert seen["new"] == 0, seen
    assert seen["opened"] == [], "what a task reads again"
    first, second = seen["draws"]
    assert first != second, "each task has random numbers of its own"
    assert seen["threads"] == 1, "a thread does not outlive the fork that a task is"


LISTENER = """
import json, sys
import airflow.settings
airflow.settings.initialize()
from airflow.jobs.job import Job
from airflow.listeners.listener import get_listener_manager
from airflow.sdk.execution_time.task_runner import TaskRunnerMarker
def preloaded():
    return "meli_airflow.preload" in sys.modules
hook = get_listener_manager().hook
seen = {}
sys.argv = ["airflow", "triggerer"]
Job()
seen["triggerer"] = preloaded()
sys.argv = ["airflow", "scheduler", "--skip-serve-logs"]
hook.on_starting(component=TaskRunnerMarker())  # a task, forked from the scheduler
seen["task"] = preloaded()
job = Job()
seen["scheduler"] = preloaded()
print(json.dumps({**seen, "heartbeat": job.latest_heartbeat.isoformat()}))
"""


@pytest.mark.parametrize(
    ("executor", "preloads"),
    [("LocalExecutor", True), ("CeleryExecutor,LocalExecutor", True), ("CeleryExecutor", False)],
)
def test_only_a_scheduler_whose_children_run_tasks_loads_it(
    in_airflow: InAirflow, executor: str, preloads: bool
) -> None:
    ran = in_airflow("-c", LISTENER, AIRFLOW__CORE__EXECUTOR=executor)
    assert ran.returncode == 0, ran.stderr[-2000:]
    seen = json.loads(ran.stdout.splitlines()[-1])
    assert (seen["triggerer"], seen["task"], seen["scheduler"]) == (False, False, preloads), ran.stdout


def test_a_scheduler_starts_although_nothing_can_be_loaded(in_airflow: InAirflow) -> None:
    ran = in_airflow("-c", LISTENER, AIRFLOW__CORE__EXECUTOR="LocalExecutor", MELI_SLOTS="none")
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert json.loads(ran.stdout.splitlines()[-1])["heartbeat"]
    assert "could not be imported in advance" in ran.stdout + ran.stderr
    assert "MELI_SLOTS='none'" in ran.stdout + ran.stderr
