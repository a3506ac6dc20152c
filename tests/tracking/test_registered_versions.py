"""Which version of MLflow's registered model holds a champion, and with what it is registered."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import importlib_metadata
import pytest
from mlflow.tracking import MlflowClient
from mlflow.utils import environment, requirements_utils

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import Output
from meli_tasks.execution import attempts
from meli_tasks.ledger import Ledger
from meli_tasks.pages import Pages
from meli_tasks.proxies import NAMES
from meli_tasks.settings import DEFAULT_REGISTERED_MODEL as MODEL
from meli_tasks.stages import STAGES
from meli_tasks.store import Store
from meli_tasks.tracking.outbox import Tracking
from meli_tasks.tracking.registry import Registry
from tests.rewriting import stored_json
from tests.servers import NOWHERE
from tests.tracking.promotions import aliased_version, decide, past_run, promote, spoil, versions

pytestmark = pytest.mark.integration


def test_a_champion_of_an_older_version_of_the_stages_is_registered(
    client: MlflowClient, registry: Registry, file_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = past_run(file_store, tmp_path)
    offline = Registry(file_store, Tracking(NOWHERE, file_store))
    evaluated = run.evaluation()
    offline.apply(run.plan, evaluated, run.promotion(evaluated, "mlp"))
    monkeypatch.setitem(STAGES, "train", replace(STAGES["train"], version=STAGES["train"].version + 1))
    assert registry.sync().version == aliased_version(registry)


def of_0_1_0(client: MlflowClient, store: Store, version: str | None) -> None:
    """Take the digests out of a version's tags and out of the ledger."""
    client.delete_model_version_tag(MODEL, version, "meli.sha256")
    for name in [*store.names("ledger/")]:
        decision = stored_json(store, name)
        for fields, field in ((decision["champion"], "sha256"), (decision.get("evidence", {}), "attempts")):
            fields.pop(field, None)
        store.write(name, json.dumps(decision).encode())
    for name in [*store.names("ledger-copies/")]:
        store.delete(name)


def test_a_version_names_the_attempt(
    client: MlflowClient, registry: Registry, file_store: Store, tmp_path: Path
) -> None:
    run = past_run(file_store, tmp_path)
    version = promote(registry, run, "mlp")
    assert client.get_model_version(MODEL, version).tags["meli.sha256"] == run.trainings["mlp"].model_sha256
    champion = registry.champion()
    assert champion is not None and champion.sha256 == run.trainings["mlp"].model_sha256


def test_a_version_links_to_the_page_of_its_model_in_airflow(
    client: MlflowClient, file_store: Store, tracking: Tracking, tmp_path: Path
) -> None:
    run = past_run(file_store, tmp_path)
    linking = Tracking(tracking.uri, file_store, airflow="https://airflow.example/at/")
    version = client.get_model_version(MODEL, promote(Registry(file_store, linking), run, "mlp"))
    query = urlencode({"model": paths.model_id(run.plan.name, "mlp")})
    assert version.tags["meli.page"] == f"https://airflow.example/at/plugin/models?{query}"
    assert version.tags["meli.page"] in version.description
    [decision] = Ledger(file_store).decisions()
    assert Pages(file_store).model(paths.model_id(run.plan.name, "mlp")).row.train == decision.champion.train  # type: ignore[union-attr]


def test_no_package_is_listed_to_compare_the_requirements_with_what_is_installed(
    client: MlflowClient, registry: Registry, file_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[str] = []
    compared = environment.warn_dependency_requirement_mismatches
    monkeypatch.setattr(requirements_utils, "_MODULES_TO_PACKAGES", None)
    monkeypatch.setattr(importlib_metadata, "packages_distributions", lambda: listed.append("all") or {})
    version = promote(registry, past_run(file_store, tmp_path), "mlp")
    assert client.get_model_version(MODEL, version).status == "READY"
    assert listed == []
    assert environment.warn_dependency_requirement_mismatches is compared, "other models of this process are compared"


def test_without_airflows_address_a_version_has_no_link(
    client: MlflowClient, registry: Registry, file_store: Store, tmp_path: Path
) -> None:
    version = client.get_model_version(MODEL, promote(registry, past_run(file_store, tmp_path), "mlp"))
    assert "meli.page" not in version.tags
    assert "plugin/models" not in version.description


def test_another_attempt_of_the_champions_key_gets_a_version_of_its_own(
    client: MlflowClient, registry: Registry, file_store: Store, tmp_path: Path
) -> None:
    run = past_run(file_store, tmp_path)
    first, version = run.trainings["mlp"], promote(registry, run, "mlp")
    again = replace(first, attempt="attempt2")
    for file in first.outputs:
        blob = file_store.read(first.file_name(file))
        assert blob is not None
        file_store.write(again.file_name(file), blob.data)
    described = b" " + file_store.read(first.file_name("model.json")).data  # type: ignore[union-attr]
    file_store.write(again.file_name("model.json"), described)
    digest = Output(hashlib.sha256(described).hexdigest(), len(described))
    again = replace(again, outputs={**again.outputs, "model.json": digest})
    attempts.replace(file_store, again)
    assert registry.sync().version == version  # the key has another attempt now, and the champion is who it was
    other = promote(registry, run, "mlp")
    assert other != version
    assert client.get_model_version(MODEL, other).tags["meli.sha256"] == again.model_sha256
    registry.rollback("ana")
    assert aliased_version(registry) == version


def test_the_version_that_0_1_0_registered_is_kept_and_gets_its_digest(
    client: MlflowClient, registry: Registry, file_store: Store, tmp_path: Path
) -> None:
    run = past_run(file_store, tmp_path)
    version = promote(registry, run, "mlp")
    of_0_1_0(client, file_store, version)
    assert Registry(file_store, registry.tracking).sync().version == version
    assert client.get_model_version(MODEL, version).tags["meli.sha256"] == run.trainings["mlp"].model_sha256
    assert versions(client, run) == [version]


def test_a_version_deleted_by_hand_is_registered_again(
    client: MlflowClient, registry: Registry, file_store: Store, tmp_path: Path
) -> None:
    """Also after the champion was evaluated twice within a second."""
    run, later = past_run(file_store, tmp_path), past_run(file_store, tmp_path, {"cnn": 0.9})
    version = promote(registry, run, "mlp")
    registry.tracking.evaluation(run.plan, run.evaluation())
    champion = (run.models["mlp"], 0.8)
    for accuracy in (0.8, 0.81):
        later.accuracies["cnn"] = accuracy
        registry.tracking.evaluation(later.plan, later.evaluation("mlp (champion)", **{"mlp (champion)": champion}))
    client.delete_model_version(MODEL, version)
    synced = registry.sync()
    assert synced.warning is None
    assert synced.version not in (None, version)
    assert aliased_version(registry) == synced.version


def test_metrics_that_mlflow_cannot_copy_do_not_keep_a_champion_from_being_registered(
    client: MlflowClient, registry: Registry, file_store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An earlier version logged each night's figures to the training's run: two within a second, each with step 0."""
    run = past_run(file_store, tmp_path)
    version = promote(registry, run, "mlp")
    training = client.get_model_version(MODEL, version).run_id
    for value in (0.8, 0.81):
        client.log_metric(training, "test_balanced_accuracy", value, timestamp=1_700_000_000_000, step=0)
    client.delete_model_version(MODEL, version)
    synced = registry.sync()
    assert synced.warning is None
    assert synced.version == aliased_version(registry)
    assert client.get_model_version(MODEL, synced.version).run_id == training
    assert f"MLflow run {training} holds metrics that MLflow cannot copy" in caplog.text


def test_a_champion_that_was_damaged_since_is_not_registered(
    client: MlflowClient, registry: Registry, file_store: Store, tmp_path: Path
) -> None:
    run = past_run(file_store, tmp_path)
    decide(Registry(file_store, Tracking("", file_store)), run, "mlp")
    spoil(file_store, run.trainings["mlp"].file_name("model.safetensors"), "as long")
    assert "differs from its manifest" in (registry.sync().warning or "")
    assert versions(client, run) == []


def test_a_proxy_in_the_environment_does_not_keep_a_champion_from_being_registered(
    client: MlflowClient, registry: Registry, file_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow's own client reads the proxies' variables, and would look for this machine's server behind one."""
    run = past_run(file_store, tmp_path)
    decide(Registry(file_store, Tracking("", file_store)), run, "mlp")
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, NOWHERE)
    for name in NAMES:
        monkeypatch.setenv(name, "")
    synced = registry.sync()
    assert synced.warning is None
    assert synced.version == aliased_version(registry)
