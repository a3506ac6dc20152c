"""Fixtures around runs: a runner, a toy stage, a finished run, the ledger, MLflow and its client."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from meli_tasks.execution.runner import Runner
from meli_tasks.ledger import Ledger
from meli_tasks.settings import Settings
from meli_tasks.stages import STAGES, StageSpec
from meli_tasks.store import Store
from meli_tasks.tracking.outbox import Tracking
from tests.execution.toy_stage import Body, Toy, ToyParams, ToySummary
from tests.past_run import PastRun

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

    from tests import servers


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    settings = Settings.from_environment(
        {"MELI_STORE": f"file://{tmp_path}/store", "MELI_CACHE": str(tmp_path / "cache"), "MELI_HOME": str(tmp_path)}
    )
    return Runner(settings, run_id="test")


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Toy]]:
    def install(body: Body, name: str = "toy") -> Toy:
        stage = Toy(body)
        module = types.ModuleType(f"meli_tasks.stages.{name}")
        module.run = stage.run  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(STAGES, name, StageSpec(name, 1, ToyParams, ToySummary))
        return stage

    return install


@pytest.fixture
def client(mlflow_server: servers.MlflowServer, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """MLflow's own client of the real server, to read back what was sent."""
    from mlflow.tracking import MlflowClient

    for name, value in mlflow_server.environment.items():
        monkeypatch.setenv(name, value)
    return MlflowClient(mlflow_server.url)


@pytest.fixture
def tracking(mlflow_server: servers.MlflowServer, file_store: Store) -> Tracking:
    return Tracking(mlflow_server.url, file_store)


@pytest.fixture
def run(file_store: Store) -> PastRun:
    """A finished run that was not sent to MLflow. The server is shared, so the run has an id and keys of its own."""
    unique = uuid4().int % 10**9
    return PastRun(file_store, run_id=f"manual__{unique}", seed=unique)


@pytest.fixture
def ledger(file_store: Store) -> Ledger:
    return Ledger(file_store)
