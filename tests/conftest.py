"""Fixtures for everybody: a clean environment, the two stores, and real servers that start when first asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import settings as hypothesis_settings

from meli_tasks.store import Store, open_store
from tests import servers

pytest_plugins = ["tests.airflow_process", "tests.fixtures"]

# Two cores are shared by the tests' own processes and the servers.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A busy machine makes an example slow: Hypothesis's limit of 200 ms fails the test of a function that takes 20.
hypothesis_settings.register_profile("without_deadline", deadline=None)
hypothesis_settings.load_profile("without_deadline")

SETTINGS = ("AWS_", "MELI_", "MLFLOW_")
KEPT = {"MELI_REAL_DATA"}
COLLECTED = pytest.StashKey[list[tuple[str, list[str]]]]()
"""Every collected test with its marks, of any marks."""


@pytest.hookimpl(tryfirst=True)  # before a marker expression deselects some
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    config.stash[COLLECTED] = [(item.nodeid, sorted({mark.name for mark in item.iter_markers()})) for item in items]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No setting and no key of whoever runs the tests reaches them."""
    for name in list(os.environ):
        if name.startswith(SETTINGS) and name not in KEPT:
            monkeypatch.delenv(name)
    nowhere = tmp_path_factory.getbasetemp() / "no-aws-files"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(nowhere / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(nowhere / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("MELI_S3_RETRY_SECONDS", "1")  # many tests are of servers that are down, and stay down
    monkeypatch.setenv("MELI_MLFLOW_SECONDS", "600")  # on a busy machine MLflow is slow, which is not what is tested


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.S3Server]:
    """A real S3 server; `environment` has what a program needs to use it."""
    with servers.s3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.MlflowServer]:
    """A real MLflow server; `url`, and `environment` with what a program needs to use it."""
    with servers.mlflow(tmp_path_factory.mktemp("mlflow")) as server:
        yield server


@pytest.fixture
def s3_store(s3_server: servers.S3Server, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store under a prefix of its own in the real S3 server, whose settings stand in the environment."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return open_store(f"s3://{s3_server.bucket}/test-{uuid4().hex[:12]}")


@pytest.fixture
def file_store(tmp_path: Path) -> Store:
    """A store in a folder of its own, which does not exist yet."""
    return open_store((tmp_path / "store").as_uri())
