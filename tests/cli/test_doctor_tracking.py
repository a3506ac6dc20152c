"""`meli doctor` tries what MLflow's user may do, and loads the registered champion."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from mlflow.entities import ViewType
from mlflow.tracking import MlflowClient

from meli_tasks.cli.tracking_checks import mlflow_rights, registered_model
from meli_tasks.core.errors import TrackingRejected, TrackingUnavailable
from meli_tasks.settings import Settings
from meli_tasks.store import Store
from meli_tasks.tracking import client as tracking_client
from meli_tasks.tracking import loading
from meli_tasks.tracking.outbox import Tracking
from meli_tasks.tracking.registry import Registry
from tests.servers import NOWHERE
from tests.servers import MlflowServer as RunningServer
from tests.tracking.promotions import decide, past_run


@pytest.fixture
def settings(file_store: Store, mlflow_server: RunningServer) -> Settings:
    name = f"doctor-{uuid4().hex[:8]}"
    return Settings(store=file_store.url, mlflow_uri=mlflow_server.url, registered_model=name)


@pytest.mark.integration
def test_the_doctor_writes_to_mlflow_and_loads_what_is_registered(
    settings: Settings, file_store: Store, tmp_path: Path
) -> None:
    client = MlflowClient(settings.mlflow_uri)
    [rights], [loaded] = list(mlflow_rights(settings)), list(registered_model(settings))
    assert (rights.state, loaded.state) == ("ok", "skipped")
    assert rights.observed.endswith("and deleted; a registered model was created and deleted")
    experiment = client.get_experiment_by_name("meli_training").experiment_id
    assert client.search_runs([experiment], "tags.`meli.kind` = 'doctor'", ViewType.ACTIVE_ONLY) == []
    assert not [one.name for one in client.search_registered_models() if settings.registered_model in one.name]

    decide(Registry(file_store, Tracking.of(settings, file_store)), past_run(file_store, tmp_path), "mlp")
    [rights], [loaded] = list(mlflow_rights(settings)), list(registered_model(settings))
    assert (rights.state, loaded.state) == ("ok", "ok"), (rights, loaded)
    assert rights.observed.endswith(f"the registered model {settings.registered_model} may be changed")
    client.delete_registered_model_alias(settings.registered_model, "champion")
    [loaded] = registered_model(settings)
    assert loaded.state == "failed" and "has no version" in loaded.observed


@pytest.mark.integration
@pytest.mark.parametrize(
    ("refused", "before"), [("runs/create", ""), ("registered-models/create", "a run with a metric and an artifact")]
)
def test_a_user_who_may_not_write_is_found(
    refused: str, before: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    post: Callable[..., dict[str, Any]] = tracking_client.MlflowServer.post

    def post_unless_refused(self: tracking_client.MlflowServer, path: str, **fields: Any) -> dict[str, Any]:
        if path == refused:
            raise TrackingRejected(f"MLflow refused POST {path} with 403 PERMISSION_DENIED", code="PERMISSION_DENIED")
        return post(self, path, **fields)

    monkeypatch.setattr(tracking_client.MlflowServer, "post", post_unless_refused)
    [line] = mlflow_rights(settings)
    assert line.state == "failed" and line.observed.startswith(before) and "403 PERMISSION_DENIED" in line.observed
    assert "right to edit" in line.advice


def test_what_could_not_be_tried_is_not_ok(file_store: Store) -> None:
    [line] = mlflow_rights(Settings(store=file_store.url, mlflow_uri=NOWHERE))
    assert line.state == "skipped" and line.observed.startswith("not tried")
    for settings in (Settings(store=file_store.url), Settings(mlflow_uri=NOWHERE)):
        assert [line.state for check in (mlflow_rights, registered_model) for line in check(settings)] == [
            "skipped",
            "skipped",
        ]


def test_a_champion_cannot_be_called_unloadable_while_mlflow_does_not_answer(file_store: Store, tmp_path: Path) -> None:
    decide(
        Registry(file_store, Tracking.of(Settings(store=file_store.url), file_store)),
        past_run(file_store, tmp_path),
        "mlp",
    )
    [line] = registered_model(Settings(store=file_store.url, mlflow_uri=NOWHERE))
    assert line.state == "skipped" and line.observed.startswith("not loaded, since MLflow did not answer")


def test_the_first_refusal_is_reported_even_if_the_cleaning_up_is_refused_too(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: tracking_client.MlflowServer, path: str, **__: Any) -> dict[str, Any]:
        raise TrackingRejected(f"MLflow refused POST {path}", code="PERMISSION_DENIED")

    def refuse_to_log(self: tracking_client.MlflowServer, *_: Any, **__: Any) -> None:
        monkeypatch.setattr(tracking_client.MlflowServer, "post", refuse)
        raise TrackingRejected("MLflow refused to log", code="PERMISSION_DENIED")

    monkeypatch.setattr(tracking_client.MlflowServer, "log", refuse_to_log)
    [line] = mlflow_rights(settings)
    assert line.state == "failed" and "MLflow refused to log" in line.observed


@pytest.mark.parametrize(
    ("program", "error", "reason"),
    [
        (
            "raise SystemExit('no answer from http://me:SECRET@host/a')",
            TrackingRejected,
            r"no answer from http://\.\.\.@host/a",
        ),
        ("import os; os.kill(os.getpid(), 9)", TrackingRejected, "exit code -9"),
        ("import time; time.sleep(60)", TrackingUnavailable, "was not loaded within"),
    ],
)
def test_a_model_that_does_not_load_says_why(
    program: str, error: type[Exception], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "PROGRAM", program)
    with pytest.raises(error, match=reason):
        loading.load_folder(Path("/none"), "titles", seconds=1.0 if error is TrackingUnavailable else 60.0)
