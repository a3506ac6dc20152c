"""The alias in MLflow follows by itself, and stores that share a server do not move it in turn."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from uuid import uuid4

import pytest
from mlflow.tracking import MlflowClient

from meli_tasks.artifacts.identity import identity_of
from meli_tasks.cli import champion_checks
from meli_tasks.cli.check_result import CheckResult
from meli_tasks.pages.champion import MlflowAlias
from meli_tasks.pipeline import Pipeline
from meli_tasks.settings import Settings
from meli_tasks.store import Store, open_store
from meli_tasks.tracking.outbox import Tracking
from meli_tasks.tracking.registry import Registry
from tests.cli.program import here
from tests.servers import NOWHERE
from tests.tracking.promotions import aliased_version, decide, past_run, promote

pytestmark = pytest.mark.integration


@pytest.fixture
def settings(client: MlflowClient, file_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a store with a registered model of its own, which are the environment's too."""
    settings = Settings(
        store=file_store.url,
        mlflow_uri=client.tracking_uri,
        registered_model=f"titles-{uuid4().hex[:8]}",
        cache=tmp_path / "cache",
        source="sample:rows=200,seed=1",
    )
    monkeypatch.setenv("MELI_STORE", settings.store)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", settings.mlflow_uri)
    monkeypatch.setenv("MELI_REGISTERED_MODEL", settings.registered_model)
    monkeypatch.setenv("MELI_CACHE", str(settings.cache))
    return settings


@pytest.fixture
def registry(settings: Settings, file_store: Store) -> Registry:
    return Registry(file_store, Tracking.of(settings, file_store))


@pytest.fixture
def other(settings: Settings, tmp_path: Path) -> Registry:
    """The registry of another store with the same settings for MLflow."""
    store = open_store((tmp_path / "other").as_uri())
    return Registry(store, Tracking.of(settings, store))


@pytest.fixture
def hanging() -> Iterator[str]:
    """A server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def checks(settings: Settings) -> dict[str, CheckResult]:
    return {check.name: check for check in champion_checks.champion(settings)}


def test_meli_champion_moves_the_alias_and_sends_what_was_missed(
    registry: Registry, file_store: Store, tmp_path: Path
) -> None:
    run = past_run(file_store, tmp_path)
    version = promote(registry, run, "mlp")
    assert Tracking(NOWHERE, file_store).training(run.plan, "cnn", run.trainings["cnn"]) is None
    MlflowClient(registry.tracking.uri).delete_registered_model_alias(registry.tracking.model, "champion")

    result = here("champion", "--json")
    assert json.loads(result.stdout)["set_name"] == "mlp"
    moved = f"note: MLflow: set the alias 'champion' of {registry.tracking.model} to version {version}."
    assert result.stderr.splitlines() == [moved, "note: MLflow: sent 1 record that it had missed."]
    assert aliased_version(registry) == version
    assert registry.tracking.pending() == []
    assert here("champion", "--json").stderr == ""


@pytest.mark.parametrize("state", ["down", "hanging"])
def test_meli_champion_answers_without_mlflow(
    state: str, hanging: str, registry: Registry, file_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(registry, past_run(file_store, tmp_path), "mlp")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", {"down": NOWHERE, "hanging": hanging}[state])
    result = here("champion", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["set_name"] == "mlp"
    [line] = result.stderr.splitlines()
    assert "does not follow the ledger yet: MLflow at http://127.0.0.1:" in line
    assert "does not answer" in line


def test_a_champion_of_the_past_repairs_nothing(registry: Registry, file_store: Store, tmp_path: Path) -> None:
    promote(registry, past_run(file_store, tmp_path), "mlp")
    MlflowClient(registry.tracking.uri).delete_registered_model_alias(registry.tracking.model, "champion")
    assert here("champion", "--on", "2100-01-01").stderr == ""
    assert aliased_version(registry) is None


def test_the_task_plan_moves_the_alias_and_sends_what_was_missed(
    settings: Settings, registry: Registry, file_store: Store, tmp_path: Path
) -> None:
    run = past_run(file_store, tmp_path)
    version = promote(registry, run, "mlp")
    assert Tracking(NOWHERE, file_store).training(run.plan, "cnn", run.trainings["cnn"]) is None
    MlflowClient(registry.tracking.uri).delete_registered_model_alias(registry.tracking.model, "champion")
    Pipeline(settings, run_id="scheduled__1").plan({}, date(2026, 11, 21))
    assert aliased_version(registry) == version
    assert registry.tracking.pending() == []


def test_the_task_plan_goes_on_without_mlflow(
    settings: Settings, hanging: str, registry: Registry, file_store: Store, tmp_path: Path
) -> None:
    promote(registry, past_run(file_store, tmp_path), "mlp")
    pipeline = Pipeline(settings.model_copy(update={"mlflow_uri": hanging}), run_id="scheduled__1")
    plan, _ = pipeline.plan({}, date(2026, 11, 21))
    assert plan.name in file_store.names("plans/")


def test_two_stores_do_not_share_a_registered_model(
    registry: Registry, other: Registry, settings: Settings, tmp_path: Path
) -> None:
    version = promote(registry, past_run(registry.store, tmp_path), "mlp")
    decide(other, past_run(other.store, tmp_path), "cnn")
    warning = other.sync().warning or ""
    for store in (registry.store, other.store):
        assert store.url in warning
        assert f"(id {identity_of(store).id[:8]})" in warning
    assert "Set MELI_REGISTERED_MODEL to another name" in warning
    assert aliased_version(registry) == version
    assert registry.sync().changed is False

    found = checks(settings.model_copy(update={"store": other.store.url}))
    assert (found["champion: owner"].state, registry.store.url in found["champion: owner"].observed) == ("failed", True)
    assert found["champion: mlflow"].state == "failed"
    assert found["champion: alias"].advice == "See champion: mlflow above."
    champion = other.champion()
    assert champion is not None
    displayed = MlflowAlias(other.store, settings.mlflow_uri, model=settings.registered_model).champion(champion.ref)
    assert displayed.note == warning


def test_a_name_of_its_own_ends_the_quarrel(
    registry: Registry, other: Registry, settings: Settings, tmp_path: Path
) -> None:
    version = promote(registry, past_run(registry.store, tmp_path), "mlp")
    own = settings.model_copy(update={"registered_model": f"{settings.registered_model}-2"})
    second = Registry(other.store, Tracking.of(own, other.store))
    assert promote(second, past_run(other.store, tmp_path), "mlp") == "1"
    assert aliased_version(registry) == version


def test_a_registered_model_can_be_taken_over(registry: Registry, other: Registry, tmp_path: Path) -> None:
    version = promote(registry, past_run(registry.store, tmp_path), "mlp")
    decide(other, past_run(other.store, tmp_path), "mlp")
    MlflowClient(registry.tracking.uri).delete_registered_model_tag(registry.tracking.model, "meli.store")
    assert other.sync().changed is True
    assert aliased_version(other) != version
    assert registry.sync().warning is not None
    assert aliased_version(other) != version


def test_a_registered_model_of_an_earlier_version_is_taken_by_the_first_store(
    client: MlflowClient, registry: Registry, other: Registry, tmp_path: Path
) -> None:
    model = registry.tracking.model
    version = promote(registry, past_run(registry.store, tmp_path), "mlp")
    assert version is not None
    client.delete_registered_model_tag(model, "meli.store")
    client.delete_model_version_tag(model, version, "meli.store")
    assert registry.sync().changed is False
    assert client.get_registered_model(model).tags["meli.store"] == identity_of(registry.store).id
    decide(other, past_run(other.store, tmp_path), "mlp")
    assert other.sync().warning is not None
    assert aliased_version(registry) == version


def test_a_store_of_an_earlier_version_that_moves_the_alias_is_reported_and_not_fought(
    client: MlflowClient, registry: Registry, other: Registry, tmp_path: Path
) -> None:
    model = registry.tracking.model
    promote(registry, past_run(registry.store, tmp_path), "mlp")
    theirs = client.create_model_version(
        model,
        "s3://nowhere/model",
        tags={"meli.artifact_key": "k" * 32, "meli.sha256": "d" * 64, "meli.dag_run": "r__1"},
    ).version
    client.set_registered_model_alias(model, "champion", theirs)
    warning = registry.sync().warning or ""
    assert f"Another store has moved MLflow's alias 'champion' of {model} to version {theirs}" in warning
    assert "run r__1 of an earlier version" in warning
    assert "MELI_REGISTERED_MODEL" in warning
    assert aliased_version(registry) == theirs


def test_a_store_without_a_champion_leaves_the_alias_of_others_alone(
    client: MlflowClient, registry: Registry, other: Registry, tmp_path: Path
) -> None:
    version = promote(registry, past_run(registry.store, tmp_path), "mlp")
    assert other.sync().changed is False
    client.delete_registered_model_tag(registry.tracking.model, "meli.store")
    assert other.sync().changed is False
    assert aliased_version(registry) == version


def test_doctor_finds_what_does_not_agree(
    client: MlflowClient, settings: Settings, registry: Registry, tmp_path: Path
) -> None:
    promote(registry, past_run(registry.store, tmp_path), "mlp")
    found = checks(settings)
    assert [check.state for check in found.values()] == ["ok"] * 4, found
    assert list(found) == ["champion", "champion: owner", "champion: alias", "champion: records"]
    theirs = client.create_model_version(
        settings.registered_model, "s3://nowhere/model", tags={"meli.artifact_key": "k" * 32}
    ).version
    client.set_registered_model_alias(settings.registered_model, "champion", theirs)
    alias = checks(settings)["champion: alias"]
    assert (alias.state, f"version {theirs}, which holds kkkkkkkk" in alias.observed) == ("failed", True)
    assert alias.advice


@pytest.mark.parametrize("content", [b"{", b"[]"])
def test_an_identity_that_cannot_be_read_moves_nothing(content: bytes, registry: Registry, tmp_path: Path) -> None:
    version = promote(registry, past_run(registry.store, tmp_path), "mlp")
    registry.store.write("identity.json", content)
    again = Registry(registry.store, registry.tracking)
    assert "identity.json" in (again.sync().warning or "")
    assert aliased_version(registry) == version
