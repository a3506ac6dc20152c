"""The database of an older MLflow is upgraded before the server starts; of a later one, the server says so."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from meli_tasks.core.errors import Conflict, Rejected, Unreachable
from meli_tasks.stack import servers
from meli_tasks.tracking import database
from meli_tasks.tracking.client import MlflowServer
from tests import waiting

OLDER = "867495a8f9d4"  # MLflow 2.11; the tables of its time, made by MLflow's own migrations

MAKE_OLDER = """
import sys, alembic.command
from sqlalchemy import create_engine
from mlflow.store.db.base_sql_model import Base
from mlflow.store.db.utils import _get_alembic_config
from mlflow.store.tracking.dbmodels.initial_models import Base as First
engine = create_engine(sys.argv[1])
First.metadata.create_all(engine)
alembic.command.upgrade(_get_alembic_config(sys.argv[1]), sys.argv[2])
"""


def make_older(url: str, revision: str = OLDER) -> None:
    """Make a database as MLflow's migrations left it at a revision."""
    done = waiting.run([sys.executable, "-c", MAKE_OLDER, url, revision], env=dict(os.environ))
    assert done.returncode == 0, done.stderr


def test_the_newest_revision_is_mlflows_own() -> None:
    from mlflow.store.db.utils import _get_latest_schema_revision

    known, head = database._revisions()
    assert head == _get_latest_schema_revision()
    assert OLDER in known and len(known) > 40


def test_an_older_database_is_upgraded_and_the_server_starts(tmp_path: Path) -> None:
    folder = tmp_path / "mlflow"
    folder.mkdir()
    url = f"sqlite:///{folder / 'mlflow.db'}"
    make_older(url)
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        values = (7, "kept", "active", (tmp_path / "artifacts").as_uri(), 1_700_000_000_000, 1_700_000_000_000)
        columns = "experiment_id, name, lifecycle_stage, artifact_location, creation_time, last_update_time"
        connection.execute(f"insert into experiments ({columns}) values (?, ?, ?, ?, ?, ?)", values)
        connection.commit()
    port = servers.free_port()
    command = servers.mlflow_command(folder, port)
    server = servers.Server("MLflow", command, tmp_path / "log", servers.mlflow_environment(folder))
    with server.start():
        server.wait_until(servers.mlflow_ready(port), seconds=120)
        found = MlflowServer(f"http://127.0.0.1:{port}").get("experiments/get-by-name", experiment_name="kept")
    assert found["experiment"]["experiment_id"] == "7"
    copy = folder / f"mlflow.db.{OLDER}"
    assert f"Upgraded MLflow's database {url} from the schema {OLDER}" in server.log.read_text()
    assert str(copy) in server.log.read_text()
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("select version_num from alembic_version").fetchone() == (OLDER,)
    assert database.upgrade(url) == ""


def test_no_database_and_an_empty_one_are_left_to_the_server(tmp_path: Path) -> None:
    assert database.upgrade(f"sqlite:///{tmp_path / 'none.db'}") == ""
    assert not (tmp_path / "none.db").exists()
    sqlite3.connect(tmp_path / "empty.db").close()
    assert database.upgrade(f"sqlite:///{tmp_path / 'empty.db'}") == ""


@pytest.fixture
def spoilt(tmp_path: Path) -> Iterator[str]:
    """A database whose tables are not those of its revision."""
    file = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("create table alembic_version (version_num varchar(32))")
        connection.execute("insert into alembic_version values (?)", (OLDER,))
        connection.execute("create table runs (run_uuid varchar(32))")
        connection.commit()
    yield f"sqlite:///{file}"


def test_a_database_of_a_later_mlflow_says_so(spoilt: str, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        connection.execute("update alembic_version set version_num = 'fedcba987654'")
        connection.commit()
    with pytest.raises(Conflict, match="schema fedcba987654, which a later version of MLflow wrote"):
        database.upgrade(spoilt)
    command = servers.mlflow_command(tmp_path, servers.free_port())
    server = servers.Server("MLflow", command, tmp_path / "log", servers.mlflow_environment(tmp_path))
    with pytest.raises(Unreachable, match="a later version of MLflow wrote"):
        server.start().wait_until(lambda: False, seconds=60)


def test_a_failed_upgrade_names_the_copy(spoilt: str, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=rf"could not be upgraded from {OLDER}.*Its copy from before is .*mlflow\.db\."):
        database.upgrade(spoilt)
    assert (tmp_path / f"mlflow.db.{OLDER}").exists()


def test_passwords_are_in_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_revision", lambda url: OLDER)
    monkeypatch.setattr(
        subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 1, "", "postgresql://me:hush@db/mlflow: no")
    )
    with pytest.raises(Rejected) as caught:
        database.upgrade("postgresql+psycopg2://me:hush@db/mlflow")
    assert "hush" not in str(caught.value)
