"""An Airflow of the tests' own: each script runs in a fresh interpreter with one database."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import waiting

ROOT = Path(__file__).parents[1]

# Runs a script in a fresh interpreter with an Airflow of its own.
InAirflow = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def in_airflow(tmp_path_factory: pytest.TempPathFactory) -> InAirflow:
    """Airflow reads its configuration when first imported, so each script gets a process, all with one database."""
    home = tmp_path_factory.mktemp("airflow")
    others = ("AIRFLOW", "MELI_", "MLFLOW_", "AWS_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    environment = kept | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'dags'}:{ROOT / 'plugins'}",
        "OMP_NUM_THREADS": "1",
        "MELI_HOME": str(home / "meli"),
        "MELI_STORE": (home / "store").as_uri(),
        "MELI_CACHE": str(home / "cache"),
        "MELI_AIRFLOW_URL": "http://localhost:8080",
        "MELI_SOURCES": "any",  # tests read files of this machine
    }

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return waiting.run([sys.executable, *arguments], env=environment | more, cwd=home)

    return run


@pytest.fixture(scope="session")
def airflow_database(in_airflow: InAirflow) -> None:
    made = in_airflow("-m", "airflow", "db", "migrate")
    assert made.returncode == 0, made.stderr[-2000:]
