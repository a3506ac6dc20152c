"""MLflow behind its own sign-in: creates missing accounts, upgrades older databases, becomes the server."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import psycopg2

from meli_tasks.tracking import mlflow_server, mlflow_sign_in

DATABASES = ("mlflow", "mlflow_auth")
"""Created by databases.py."""
TASKS = os.environ["MLFLOW_TRACKING_USERNAME"]


def with_driver(server: str) -> str:
    """The URL in the form that makes SQLAlchemy use the same driver as Airflow."""
    return server.replace("postgresql://", "postgresql+psycopg2://", 1)


def make_accounts(server: str) -> None:
    """Creates the missing accounts: one for people, with all permissions, and one for the tasks.

    `server` is a URL that ends before the name of the database.
    """
    if has_account(server, TASKS):
        return
    from mlflow.server import auth  # takes 5 s, so only if there is something to create

    auth.bootstrap_admin_user()
    auth.store.create_user(TASKS, os.environ["MLFLOW_TRACKING_PASSWORD"])


def has_account(server: str, name: str) -> bool:
    """Whether an account exists; a new database does not even have the table."""
    with psycopg2.connect(f"{server}/{DATABASES[1]}", connect_timeout=10) as connection, connection.cursor() as cursor:
        cursor.execute("select to_regclass('users') is not null")
        table = cursor.fetchone()
        if not table or not table[0]:
            return False
        cursor.execute("select 1 from users where username = %s", (name,))
        return cursor.fetchone() is not None


if __name__ == "__main__":
    server = os.environ.pop("MLFLOW_DATABASES")
    if endpoint := os.environ.get("MELI_S3_ENDPOINT"):
        os.environ["MLFLOW_S3_ENDPOINT_URL"] = endpoint
    configuration = Path(tempfile.mkdtemp(prefix="mlflow-sign-in-"), "sign-in.ini")
    mlflow_sign_in.write_configuration(configuration, f"{with_driver(server)}/{DATABASES[1]}")
    os.environ["MLFLOW_AUTH_CONFIG_PATH"] = str(configuration)
    make_accounts(server)  # with the sign-in's own database, which MLflow upgrades by itself
    # In the environment: every user of a machine sees the arguments of its processes.
    os.environ[mlflow_server.DATABASE] = f"{with_driver(server)}/{DATABASES[0]}"
    mlflow_server.main(
        [
            *("--app-name", mlflow_sign_in.APP, "--workers", "1"),
            *("--artifacts-destination", f"{os.environ['MELI_STORE'].rstrip('/')}/mlflow"),
            *sys.argv[1:],
        ]
    )
