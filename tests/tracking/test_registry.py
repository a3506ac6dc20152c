"""The ledger leads and a real MLflow registry follows: promotion, retry, races, outage, rollback."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from meli_tasks.cli import champion_checks
from meli_tasks.core.errors import Conflict, Unreachable
from meli_tasks.ledger import Ledger
from meli_tasks.settings import DEFAULT_REGISTERED_MODEL as MODEL
from meli_tasks.settings import Settings
from meli_tasks.store import Store
from meli_tasks.tracking.alias import ChampionAlias
from meli_tasks.tracking.outbox import Tracking
from meli_tasks.tracking.registry import Registry
from tests.servers import NOWHERE
from tests.tracking.promotions import aliased_version, decide, past_run, promote, versions

pytestmark = pytest.mark.integration


def test_a_promotion_reaches_ledger_registry_and_alias(
    client: MlflowClient, registry: Registry, file_store: Store, tmp_path: Path
) -> None:
    run = past_run(file_store, tmp_path)
    version = promote(registry, run, "mlp")

    champion = registry.champion()
    assert champion is not None
    assert (champion.train, champion.set_name, champion.run_id) == (run.models["mlp"], "mlp", run.run_id)
    assert (champion.balanced_accuracy, champion.as_of, champion.fingerprint) == (0.94, "2026-11-20", "f" * 64)
    decision = registry.ledger.last()
    assert decision is not None
    assert decision.evidence.models == run.models
    assert decision.evidence.gates
    assert registry.champion_on(datetime.now(UTC)) == champion
    assert registry.champion_on(datetime(2020, 1, 1, tzinfo=UTC)) is None
    # Only the promoted one has a version, in the training's own run.
    assert versions(client, run) == [version]
    found = client.get_model_version(MODEL, version)
    assert found.description.startswith("# Model card of mlp")
    assert f"because (decision {decision.number} of " in found.description
    assert len(found.description) <= 5_000
    training = client.get_run(found.run_id)
    assert training.data.tags["meli.artifact_key"] == run.models["mlp"]
    assert training.info.status == "FINISHED"
    assert training.info.end_time - training.info.start_time == 30_000  # registering did not open it again


def test_a_retried_task_decides_once(
    client: MlflowClient, registry: Registry, file_store: Store, tmp_path: Path
) -> None:
    run = past_run(file_store, tmp_path)
    evaluated = run.evaluation()
    first = registry.apply(run.plan, evaluated, run.promotion(evaluated, "mlp"))
    again = Registry(file_store, registry.tracking).apply(run.plan, evaluated, run.promotion(evaluated, "mlp"))
    assert again == first
    assert len(registry.ledger.decisions()) == 1
    assert len(versions(client, run)) == 1
    assert registry.sync().changed is False


def test_a_kept_champion_is_a_decision_and_no_new_version(
    client: MlflowClient, registry: Registry, file_store: Store, tmp_path: Path
) -> None:
    run, later = past_run(file_store, tmp_path), past_run(file_store, tmp_path)
    version = promote(registry, run, "mlp")
    assert promote(registry, later, None) == version
    assert [decision.action for decision in registry.ledger.decisions()] == ["promote", "keep"]
    assert versions(client, later) == []


def test_a_ledger_that_moved_is_a_conflict_and_changes_nothing(
    client: MlflowClient, registry: Registry, file_store: Store, tmp_path: Path
) -> None:
    slow, quick = past_run(file_store, tmp_path), past_run(file_store, tmp_path)
    evaluated = slow.evaluation()
    version = promote(registry, quick, "cnn")
    with pytest.raises(Conflict, match="has changed"):
        registry.apply(slow.plan, evaluated, slow.promotion(evaluated, "mlp"))
    assert aliased_version(registry) == version
    champion = registry.champion()
    assert champion is not None
    assert champion.train == quick.models["cnn"]


def test_rollback_moves_the_alias_back(
    client: MlflowClient, registry: Registry, file_store: Store, tmp_path: Path
) -> None:
    first, second = past_run(file_store, tmp_path), past_run(file_store, tmp_path)
    old, new = promote(registry, first, "mlp"), promote(registry, second, "mlp")
    assert old != new
    decision = registry.rollback(by="somebody", reason="complaints about perfumes")
    assert decision.champion is not None
    assert decision.champion.train == first.models["mlp"]
    assert aliased_version(registry) == old


def test_an_outage_delays_the_alias_and_nothing_else(
    client: MlflowClient, registry: Registry, file_store: Store, tmp_path: Path
) -> None:
    run = past_run(file_store, tmp_path)
    offline = Registry(file_store, Tracking(NOWHERE, file_store))
    evaluated = run.evaluation()
    assert offline.apply(run.plan, evaluated, run.promotion(evaluated, "mlp")).action == "promote"
    assert "does not follow the ledger yet" in (offline.sync().warning or "")

    synced = registry.sync()
    assert (synced.changed, synced.warning) == (True, None)
    assert synced.version == aliased_version(registry)
    assert synced.url == f"{registry.tracking.uri}/#/models/{MODEL}/versions/{synced.version}"


def test_an_alias_moved_by_hand_is_put_back(
    client: MlflowClient, registry: Registry, file_store: Store, tmp_path: Path
) -> None:
    first, second = past_run(file_store, tmp_path), past_run(file_store, tmp_path)
    old, new = promote(registry, first, "mlp"), promote(registry, second, "mlp")
    assert old is not None
    client.set_registered_model_alias(MODEL, "champion", old)
    assert registry.sync().version == new
    assert aliased_version(registry) == new


def test_an_alias_without_a_champion_is_removed(
    client: MlflowClient, registry: Registry, file_store: Store, tmp_path: Path
) -> None:
    assert registry.sync().version is None
    promote(registry, past_run(file_store, tmp_path), "mlp")
    for name in list(file_store.names("ledger")):
        file_store.delete(name)
    assert Registry(file_store, registry.tracking).sync().changed is True
    assert aliased_version(registry) is None


def test_a_promotion_while_the_alias_moves_wins(
    client: MlflowClient, registry: Registry, file_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = past_run(file_store, tmp_path), past_run(file_store, tmp_path)
    promote(registry, first, "mlp")
    client.delete_registered_model_alias(MODEL, "champion")
    follow = ChampionAlias.follow

    def slowly(self: ChampionAlias, *args: object) -> object:
        monkeypatch.setattr(ChampionAlias, "follow", follow)
        found = follow(self, *args)  # type: ignore[arg-type]
        new = promote(Registry(file_store, registry.tracking), second, "mlp")
        assert new is not None
        assert found.version is not None
        client.set_registered_model_alias(MODEL, "champion", found.version)  # ours comes last, and is out of date
        return found

    monkeypatch.setattr(ChampionAlias, "follow", slowly)
    synced = registry.sync()
    assert synced.version == versions(client, second)[0] == aliased_version(registry)


def test_a_store_that_fails_after_a_rollback_does_not_undo_it(
    registry: Registry, file_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline = Registry(file_store, Tracking("", file_store))
    for _ in range(2):
        decide(offline, past_run(file_store, tmp_path), "mlp")
    write, last = Ledger._write, Ledger.last

    def then_down(self: Ledger, *args: object) -> object:
        decision = write(self, *args)  # type: ignore[arg-type]

        def down(_: Ledger) -> None:
            raise Unreachable("The store is down.")

        monkeypatch.setattr(Ledger, "last", down)
        return decision

    monkeypatch.setattr(Ledger, "_write", then_down)
    assert offline.rollback("ana").number == 3
    monkeypatch.setattr(Ledger, "last", last)
    assert [decision.action for decision in offline.ledger.decisions()] == ["promote", "promote", "rollback"]


def test_doctor_moves_the_alias_to_the_champions_version(
    client: MlflowClient, registry: Registry, file_store: Store, tmp_path: Path
) -> None:
    settings = Settings(store=file_store.url, mlflow_uri=registry.tracking.uri)
    run = past_run(file_store, tmp_path)
    version = promote(registry, run, "mlp")
    client.delete_registered_model_alias(MODEL, "champion")
    found = {check.name: check for check in champion_checks.champion(settings)}
    moved = f"MLflow: set the alias 'champion' of {MODEL} to version {version}."
    assert (found["champion: mlflow"].state, found["champion: mlflow"].observed) == ("ok", moved)
    assert found["champion: alias"].observed.startswith(f"'champion' of {MODEL} points at version {version}: READY")
    assert aliased_version(registry) == version
    [_, alias] = champion_checks.champion(settings.model_copy(update={"mlflow_uri": NOWHERE}))
    assert (alias.state, "does not follow the ledger yet" in alias.observed) == ("failed", True)


def test_the_alias_follows_to_a_version_whose_model_the_store_has_lost(
    client: MlflowClient, registry: Registry, file_store: Store, tmp_path: Path
) -> None:
    run = past_run(file_store, tmp_path)
    version = promote(registry, run, "mlp")
    client.delete_registered_model_alias(MODEL, "champion")
    file_store.delete(run.trainings["mlp"].name)
    assert registry.sync().version == version == aliased_version(registry)
