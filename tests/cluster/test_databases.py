"""The roles of the services in Postgres, also on a server whose only role was the superuser of an earlier version."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg2
import pytest

from meli_tasks.stack import servers
from tests import waiting
from tests.cluster import database
from tests.cluster.cluster import Cluster
from tests.cluster.compose import ROOT

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(7200)]

PASSWORDS = {
    "POSTGRES_PASSWORD": "4f7d1c9b2e8a6d5c", "AIRFLOW_DATABASE_PASSWORD": "8a6d5c4f7d1c9b2e",
    "MLFLOW_DATABASE_PASSWORD": "9b2e8a6d5c4f7d1c",
}  # fmt: skip
OF_EARLIER_VERSION = """
    create type mood as enum ('good');
    create table run (id serial primary key, number int generated always as identity, mood mood);
    create sequence runs; create view good as select * from run; create schema other; create table other.run (id int);
    create function two() returns int language sql as 'select 2'; insert into run (mood) values ('good')
"""
ALL_MAY_BE_CHANGED = """
    alter type mood add value 'bad'; alter table run add ended int; drop view good; drop function two();
    drop sequence runs; drop table other.run; drop schema other; create table another (id int)
"""


@pytest.fixture(scope="module")
def earlier() -> Iterator[int]:
    """The port of a server whose superuser is `airflow`, which owns all."""
    port = servers.free_port()
    with TemporaryDirectory(prefix="meli-databases-") as shared:
        Path(shared).chmod(0o711)
        folder = Path(shared) / "postgres"
        database.make_postgres(folder, PASSWORDS["POSTGRES_PASSWORD"], "airflow")
        command = [*database.postgres_command(folder, port), "-c", "fsync=off"]
        with subprocess.Popen(command, cwd="/", stderr=subprocess.DEVNULL) as server:
            try:
                waiting.until(database.postgres_ready(port, PASSWORDS["POSTGRES_PASSWORD"], "airflow"))
                for name in ("airflow", "mlflow"):
                    execute(port, "airflow", "POSTGRES_PASSWORD", "postgres", f"create database {name}")
                    execute(port, "airflow", "POSTGRES_PASSWORD", name, OF_EARLIER_VERSION)
                yield port
            finally:
                server.terminate()


def execute(
    port: int, user: str, password: str, name: str, statements: str, secrets: Mapping[str, str] = PASSWORDS
) -> str:
    """What a query of a role in a database returns, or why the server refuses the role."""
    try:
        connection = psycopg2.connect(
            host=servers.HOST, port=port, user=user, password=secrets[password], dbname=name, connect_timeout=10
        )
    except psycopg2.OperationalError as error:
        return str(error)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statements)
            return str(cursor.fetchone()) if cursor.description else ""
    finally:
        connection.close()


def prepared(port: int) -> str:
    script = ROOT / "docker" / "databases.py"
    environment = {**PASSWORDS, "POSTGRES_SERVER": f"{servers.HOST}:{port}"}
    done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def check_roles(ask: Callable[[str, str, str, str], str]) -> None:
    """Each role has its own databases, and no other; neither is a superuser."""
    power = "select rolsuper or rolcreatedb or rolcreaterole from pg_roles where rolname = current_user"
    for role, others in (("airflow", ("mlflow", "mlflow_auth")), ("mlflow", ("airflow",))):
        password = f"{role.upper()}_DATABASE_PASSWORD"
        assert ask(role, password, role, power) == "(False,)"
        for name in (*others, "postgres", "template1"):
            assert f'permission denied for database "{name}"' in ask(role, password, name, power)
    assert "password authentication failed" in ask("airflow", "POSTGRES_PASSWORD", "airflow", power)
    assert ask("postgres", "POSTGRES_PASSWORD", "mlflow", power) == "(True,)"


def test_a_server_of_an_earlier_version_keeps_its_data_and_loses_its_shared_superuser(earlier: int) -> None:
    assert "role airflow: was the superuser, and is named postgres now" in prepared(earlier)
    assert prepared(earlier).splitlines() == [
        "database airflow: of airflow", "database mlflow: of mlflow", "database mlflow_auth: of mlflow",
    ]  # fmt: skip
    check_roles(lambda *statements: execute(earlier, *statements))
    assert execute(earlier, "mlflow", "MLFLOW_DATABASE_PASSWORD", "mlflow", "select id, mood from run") == "(1, 'good')"
    assert not execute(earlier, "airflow", "AIRFLOW_DATABASE_PASSWORD", "airflow", ALL_MAY_BE_CHANGED)


def test_the_services_of_the_cluster_have_a_role_each(cluster: Cluster) -> None:
    check_roles(
        lambda user, password, name, query: execute(
            cluster.ports.postgres, user, password, name, query, secrets=cluster.secrets
        )
    )
