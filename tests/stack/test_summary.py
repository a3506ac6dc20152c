"""What the demo says at its end about the registry."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from uuid import uuid4

import pytest
from rich.console import Console

from meli_tasks.settings import Settings
from meli_tasks.stack.summary import show_registration
from meli_tasks.store import Store
from meli_tasks.tracking.outbox import Tracking
from meli_tasks.tracking.registry import Registry
from tests.servers import NOWHERE, MlflowServer
from tests.tracking.promotions import decide, past_run


def said(uri: str, model: str, store: Store) -> str:
    settings = Settings.from_environment({"MLFLOW_TRACKING_URI": uri, "MELI_REGISTERED_MODEL": model})
    text = StringIO()
    show_registration(Console(file=text, width=300), settings, store)
    return text.getvalue()


@pytest.mark.integration
def test_a_champion_that_was_not_registered_is_reported(
    mlflow_server: MlflowServer, file_store: Store, tmp_path: Path
) -> None:
    name = f"demo-{uuid4().hex[:8]}"
    assert said(mlflow_server.url, name, file_store) == ""  # there is no champion yet
    decide(Registry(file_store, Tracking(NOWHERE, file_store)), past_run(file_store, tmp_path), "mlp")
    lines = said(mlflow_server.url, name, file_store)
    assert f"MLflow does not follow: MLflow has no registered model {name}. Run `meli champion`" in lines
    assert "Why is in the log of the task promote" in lines
    registry = Registry(file_store, Tracking(mlflow_server.url, file_store, model=name))
    assert registry.sync().warning is None
    assert said(mlflow_server.url, name, file_store) == ""


def test_a_registry_that_does_not_answer_is_reported(file_store: Store, tmp_path: Path) -> None:
    decide(Registry(file_store, Tracking("", file_store)), past_run(file_store, tmp_path), "mlp")
    assert f"It is unknown whether MLflow has the champion: MLflow at {NOWHERE}" in said(NOWHERE, "m", file_store)
