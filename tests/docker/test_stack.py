"""`make test-compose`: docker-compose.yaml on a real engine, from an empty one to a promoted model and back.

The tests build on each other, in their order; the first one that fails ends them.
"""

from __future__ import annotations

import json
import logging

import pytest

from meli_tasks.core.errors import MeliError
from tests import waiting
from tests.docker.composed import DAG, Stack

logger = logging.getLogger(__name__)
pytestmark = [pytest.mark.compose, pytest.mark.timeout(3600)]

GIGABYTE = 10**9
QUICK = {"source": "sample:rows=4000,seed=1", "sets": ["quick_mlp", "quick_cnn"]}
ONCE = {"check", "databases", "init"}
TOOK: dict[str, float] = {}  # seconds
USED: dict[str, float] = {}  # gigabytes
POOLS = """
import json
from airflow.models.pool import Pool
print(json.dumps({pool.pool: pool.slots for pool in Pool.get_pools()}))
"""
LOGS = """
import json
from meli_tasks.settings import Settings
print(json.dumps([name for name in Settings.from_environment().open_store().names("logs/")]))
"""
CATALOGUE = """
import json
from meli_tasks.settings import Settings
settings = Settings.from_environment()
url = f"s3://{settings.store.split('/')[2]}/catalogue"
catalogue = settings.store_at(url)
for name in ("a", "b"):
    rows = "".join(f"{name}{row},Funda de silicona para celular {row}\\n" for row in range(200))
    catalogue.write(f"{name}.csv", ("id,title\\n" + rows).encode())
print(json.dumps(url))
"""
SCORED = """
import json
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.scoring.records import records_of
from meli_tasks.settings import Settings
store = Settings.from_environment().open_store()
print(json.dumps([[record.rows, record.bad_rows, len(record.parts), record.problems]
                  for record in records_of(store, LenientReader(store))]))
"""
DATABASES = """
import json, os
from urllib.parse import urlsplit
import psycopg2
server = urlsplit(os.environ.get("MLFLOW_DATABASES") or os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])
sign_in = {"host": server.hostname, "user": server.username, "password": server.password}
found = {}
for database in ("airflow", "mlflow", "mlflow_auth", "postgres"):
    try:
        connection = psycopg2.connect(**sign_in, dbname=database)
        cursor = connection.cursor()
        cursor.execute("select rolsuper or rolcreatedb or rolcreaterole from pg_roles where rolname = current_user")
        found[database] = "superuser" if cursor.fetchone()[0] else "allowed"
    except psycopg2.OperationalError as error:
        found[database] = "denied" if "permission denied" in str(error) else str(error)
print(json.dumps(found))
"""
WHO = "import json, os; print(json.dumps([os.getuid(), os.access('/opt/meli', os.W_OK), os.access('/etc', os.W_OK)]))"


def test_everything_becomes_healthy(stack: Stack) -> None:
    TOOK["up"] = stack.up()
    services = stack.services()
    for name, (state, health, code) in services.items():
        assert (state, code) == ("exited", 0) if name in ONCE else (state, health) == ("running", "healthy"), name
    assert {"postgres", "redis", "s3", "mlflow", "api-server", "scheduler", "worker", "cpu-trainer"} < set(services)


def test_pools_are_there(stack: Stack) -> None:
    assert {"gpu": 1, "backfill": 2}.items() <= stack.inside("scheduler", POOLS).items()


def test_nobody_comes_in_without_an_account(stack: Stack) -> None:
    for path in ("/api/v2/dags", "/api/v2/pools", "/api/v2/connections"):
        assert stack.ask(stack.airflow, path)[0] == 401, path
    for path in ("/", "/api/2.0/mlflow/experiments/search?max_results=1", "/api/2.0/mlflow-artifacts/artifacts"):
        assert stack.ask(stack.mlflow, path)[0] == 401, path
    assert stack.ask(stack.mlflow, "/", user="admin", host="elsewhere.example")[0] == 403
    assert stack.ask(stack.mlflow, "/api/2.0/mlflow/experiments/search?max_results=1", user="meli")[0] == 200


def test_a_viewer_may_not_trigger(stack: Stack) -> None:
    with pytest.raises(MeliError, match="403"):
        stack.api("viewer").trigger(DAG, QUICK, "not allowed")


@pytest.mark.parametrize("service", ["api-server", "worker", "mlflow", "s3"])
def test_services_are_no_root_and_cannot_change_themselves(stack: Stack, service: str) -> None:
    assert stack.inside(service, WHO) == [50000, False, False]


def test_each_service_may_connect_only_to_its_own_databases(stack: Stack) -> None:
    allowed = {"scheduler": {"airflow"}, "mlflow": {"mlflow", "mlflow_auth"}}
    for service, own in allowed.items():
        found = stack.inside(service, DATABASES)
        assert found == {name: "allowed" if name in own else "denied" for name in found}, service


def test_a_run_through_celery_ends_with_a_champion(stack: Stack) -> None:
    assert stack.api().has_dag(DAG)
    with stack.measured() as looks:
        name, seconds = stack.run(QUICK)
    TOOK["first run"], USED["at most"] = seconds, max(looks) / GIGABYTE
    where = {task.task_id: task.queue for task in stack.api().tasks(DAG, name)}
    assert where["train_mlp"] == where["train_cnn"] == "gpu"
    champion = stack.compose("exec", "--no-TTY", "worker", "meli", "champion", "--json")
    assert json.loads(champion[champion.index("{") :])["set_name"] in [*QUICK["sets"], "ensemble"]
    query = "registered-models/alias?name=meli-title-classifier&alias=champion"
    status, answer = stack.ask(stack.mlflow, f"/api/2.0/mlflow/{query}", user="admin")
    assert status == 200, answer


def test_a_catalogue_in_s3_is_scored_through_celery(stack: Stack) -> None:
    run, _ = stack.run({"source": stack.inside("worker", CATALOGUE)}, "meli_batch_predict")
    tasks = [task.task_id for task in stack.api().tasks("meli_batch_predict", run)]
    assert sorted(tasks) == ["merge", "plan", "score", "score"]
    assert stack.inside("worker", SCORED) == [[400, 0, 2, []]]


def test_the_service_answers_with_the_champion_and_only_with_a_key(stack: Stack) -> None:
    key = stack.secrets["MELI_SERVING_KEYS"]
    waiting.until(lambda: stack.classify("Funda de silicona", key)[0] == 200, lambda: stack.compose("logs", "serving"))
    status, answer = stack.classify("Funda de silicona", key)
    assert (status, answer["model"]["decision"]) == (200, 1), answer
    assert answer["predictions"]
    for wrong in ("", key[:-1]):
        assert stack.classify("Funda de silicona", wrong)[0] == 401


def test_task_logs_are_in_s3(stack: Stack) -> None:
    names = stack.inside("worker", LOGS)
    for task in ("plan", "train_mlp", "promote"):
        assert any(f"task_id={task}/" in name for name in names), (task, names)


def test_a_run_of_what_is_there_computes_nothing(stack: Stack) -> None:
    name, TOOK["everything cached"] = stack.run(QUICK)
    for task in ("train_mlp", "train_cnn"):
        assert stack.api().returned(DAG, name, task, 0)["hit"], task


def test_a_second_up_and_a_restart_change_nothing(stack: Stack) -> None:
    stack.compose("restart", "redis", "worker", "api-server")
    stack.up()
    assert stack.services()["init"] == ("exited", "", 0)
    stack.run(QUICK)


def test_nothing_is_left(stack: Stack) -> None:
    assert stack.left()
    stack.down()
    assert stack.left() == []


def test_the_stack_fits_into_six_gigabytes() -> None:
    """After all others, whose peaks it reads. The seconds are logged: they depend on the machine."""
    logger.info("seconds: %s; gigabytes: %s", TOOK, USED)
    assert USED["at most"] <= 6
