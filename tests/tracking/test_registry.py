"""The ledger leads and a real MLflow registry follows: promotion, retry, races, outage, rollback, loading by alias."""

from __future__ import annotations

import hashlib
import json
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from meli_tasks.artifacts.manifest import Output
from meli_tasks.cli import champion_checks
from meli_tasks.core.errors import BadData, Conflict, NotFound, Unreachable
from meli_tasks.execution import attempts
from meli_tasks.ledger import Ledger
from meli_tasks.settings import DEFAULT_REGISTERED_MODEL as MODEL
from meli_tasks.settings import Settings
from meli_tasks.stages import STAGES
from meli_tasks.store import Store
from meli_tasks.tracking.alias import ChampionAlias
from meli_tasks.tracking.outbox import Tracking
from meli_tasks.tracking.registered_model import pip_requirements
from meli_tasks.tracking.registry import Registry
from tests import waiting
from tests.past_run import PastRun
from tests.servers import NOWHERE
from tests.tracking.promotions import aliased_version, decide, past_run, promote

if TYPE_CHECKING:
    from tests import servers

pytestmark = pytest.mark.integration


@pytest.fixture
def client(client: MlflowClient) -> MlflowClient:
    with suppress(MlflowException):  # the server is shared, and the model belongs to the store of the test before
        client.delete_registered_model(MODEL)
    return client


@pytest.fixture
def registry(file_store: Store, tracking: Tracking) -> Registry:
    return Registry(file_store, tracking)


def versions(client: MlflowClient, run: PastRun) -> list[str]:
    keys = set(run.models.values())
    found = client.search_model_versions(f"name = '{MODEL}'")
    return [version.version for version in found if version.tags["meli.artifact_key"] in keys]


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


def test_a_task_retried_after_a_conflict_finds_what_it_decided(file_store: Store, tmp_path: Path) -> None:
    quick, slow = past_run(file_store, tmp_path), past_run(file_store, tmp_path)
    registry = Registry(file_store, Tracking("", file_store))
    stale, evaluated = slow.evaluation(), quick.evaluation()
    registry.apply(quick.plan, evaluated, quick.promotion(evaluated, "mlp"))
    fresh = slow.evaluation("champion", champion_model=(quick.models["mlp"], 0.94)).model_copy(update={"ledger": 1})
    decided = registry.apply(slow.plan, fresh, slow.promotion(fresh, "mlp"))
    # It died before it could say so: Airflow gives its next try the evaluation from before the conflict.
    assert registry.apply(slow.plan, stale, slow.promotion(stale, "mlp")) == decided
    assert len(registry.ledger.decisions()) == 2


def test_a_champion_of_an_older_version_of_the_stages_is_registered(
    client: MlflowClient, registry: Registry, file_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = past_run(file_store, tmp_path)
    offline = Registry(file_store, Tracking(NOWHERE, file_store))
    evaluated = run.evaluation()
    offline.apply(run.plan, evaluated, run.promotion(evaluated, "mlp"))
    monkeypatch.setitem(STAGES, "train", replace(STAGES["train"], version=STAGES["train"].version + 1))
    assert registry.sync().version == aliased_version(registry)


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
    for name in list(file_store.names("ledger/")):
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


def of_0_1_0(client: MlflowClient, store: Store, version: str | None) -> None:
    """Take the digests out of a version's tags and out of the ledger."""
    client.delete_model_version_tag(MODEL, version, "meli.sha256")
    for name in list(store.names("ledger/")):
        blob = store.read(name)
        assert blob is not None
        decision = json.loads(blob.data)
        for fields, field in ((decision["champion"], "sha256"), (decision.get("evidence", {}), "attempts")):
            fields.pop(field, None)
        store.write(name, json.dumps(decision).encode())


def test_a_version_names_the_attempt(
    client: MlflowClient, registry: Registry, file_store: Store, tmp_path: Path
) -> None:
    run = past_run(file_store, tmp_path)
    version = promote(registry, run, "mlp")
    assert client.get_model_version(MODEL, version).tags["meli.sha256"] == run.trainings["mlp"].model_sha256
    champion = registry.champion()
    assert champion is not None and champion.sha256 == run.trainings["mlp"].model_sha256


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


@pytest.mark.parametrize("damage", ["shorter", "as long", "missing"])
def test_a_damaged_model_is_not_promoted(damage: str, file_store: Store, tmp_path: Path) -> None:
    registry = Registry(file_store, Tracking("", file_store))
    run = past_run(file_store, tmp_path)
    evaluated = run.evaluation()
    spoil(file_store, run.trainings["mlp"].file_name("model.safetensors"), damage)
    with pytest.raises((BadData, NotFound), match=r"model\.safetensors"):
        registry.apply(run.plan, evaluated, run.promotion(evaluated, "mlp"))
    assert registry.ledger.decisions() == []


def test_a_champion_that_was_damaged_since_is_not_registered(
    client: MlflowClient, registry: Registry, file_store: Store, tmp_path: Path
) -> None:
    run = past_run(file_store, tmp_path)
    decide(Registry(file_store, Tracking("", file_store)), run, "mlp")
    spoil(file_store, run.trainings["mlp"].file_name("model.safetensors"), "as long")
    assert "differs from its manifest" in (registry.sync().warning or "")
    assert versions(client, run) == []


def spoil(store: Store, name: str, how: str) -> None:
    """Damage an object."""
    blob = store.read(name)
    assert blob is not None
    store.delete(name)
    if how != "missing":
        store.write(name, blob.data[:-1] + (b"" if how == "shorter" else b"x"))


@pytest.mark.parametrize("damage", ["shorter", "as long", "missing", "manifest"])
def test_a_rollback_to_a_model_that_is_gone_changes_nothing_and_offers_others(
    damage: str, file_store: Store, tmp_path: Path
) -> None:
    registry = Registry(file_store, Tracking("", file_store))
    runs = [past_run(file_store, tmp_path) for _ in range(3)]
    for ledger, run in enumerate(runs):
        evaluated = run.evaluation().model_copy(update={"ledger": ledger})
        registry.apply(run.plan, evaluated, run.promotion(evaluated, "mlp"))
    gone = runs[1].trainings["mlp"]
    if damage == "manifest":
        file_store.delete(gone.name)
    else:
        spoil(file_store, gone.file_name("model.safetensors"), damage)
    with pytest.raises(
        NotFound, match=rf"mlp \({gone.key[:8]}\) cannot become champion again: .*Nothing was changed"
    ) as raised:
        registry.rollback("ana")
    today = registry.ledger.decision(1).at
    assert f"These can be restored: `meli rollback --to 1` (mlp, promoted on {today:%Y-%m-%d})." in str(raised.value)
    file_store.delete(runs[0].trainings["mlp"].name)
    with pytest.raises(NotFound, match="No other earlier champion is in the store"):
        registry.rollback("ana", to=2)
    assert [decision.action for decision in registry.ledger.decisions()] == ["promote"] * 3


def test_a_model_that_does_not_answer_is_not_restored(file_store: Store, tmp_path: Path) -> None:
    """Its files are those that the manifest describes, but no model."""
    registry = Registry(file_store, Tracking("", file_store))
    first, second = PastRun(file_store, "manual__1", seed=1), past_run(file_store, tmp_path)
    decide(registry, first, "mlp")
    decide(registry, second, "mlp")
    with pytest.raises(NotFound, match=r"attempt1/ cannot be loaded: .* does not fit model\.json"):
        registry.rollback("ana")
    assert len(registry.ledger.decisions()) == 2


def test_without_mlflow_the_ledger_works_alone(file_store: Store, tmp_path: Path) -> None:
    run = past_run(file_store, tmp_path)
    registry = Registry(file_store, Tracking("", file_store))
    evaluated = run.evaluation()
    assert registry.apply(run.plan, evaluated, run.promotion(evaluated, "cnn")).action == "promote"
    assert registry.sync() == registry.sync()
    champion = registry.champion()
    assert champion is not None
    assert champion.set_name == "cnn"


LOAD = """
import json, sys
import mlflow, numpy as np, pandas as pd
try:
    import meli_tasks
except ImportError:
    pass
else:
    raise SystemExit("meli_tasks must not be importable before the model is loaded")
model = mlflow.pyfunc.load_model("models:/meli-title-classifier@champion")
wide = model.predict(pd.DataFrame({"id": [1, 2], "title": ["celular barato", "zapatillas"]}))
texts = model.predict(["perfume", "PERFUME", ""], params={"top": 2})
kinds = model.predict(pd.DataFrame({" Title": [b"zapatillas", np.float32(0.1), "  perfume\\n", np.nan, 501, 1.0]}))
kinds_as_text = model.predict(["zapatillas", "0.1", "perfume", "", "501", "1.0"])
try:
    model.predict(pd.DataFrame({"titulo": ["x"]}))
except ValueError as error:
    refusal = str(error)
try:
    model.predict([["zapatillas"]])
except ValueError as error:
    refused_list = str(error)
print(json.dumps({"wide": wide.to_dict("list"), "texts": texts.to_dict("list"), "refusal": refusal,
    "refused_list": refused_list, "same": kinds.equals(kinds_as_text)}))
"""


def test_the_champion_loads_by_alias_where_the_project_is_not_installed(
    client: MlflowClient,
    registry: Registry,
    file_store: Store,
    tmp_path: Path,
    mlflow_server: servers.MlflowServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    promote(registry, past_run(file_store, tmp_path), "mlp")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    # An editable install would make the project importable; -S -s leave only what is put on the path here.
    packages = [path for path in sys.path if path.endswith("site-packages")]
    code = f"import sys; sys.path += {packages!r}\n{LOAD}"
    answer = waiting.run([sys.executable, "-S", "-s", "-c", code], cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout.splitlines()[-1])
    assert found["wide"]["category"] == ["CELLPHONES", "SNEAKERS"]
    assert found["wide"]["categories"][1][0] == "SNEAKERS"
    assert len(found["wide"]["categories"][0]) == 3
    assert found["texts"]["category"][:2] == ["PERFUMES", "PERFUMES"]
    assert [len(ranked) for ranked in found["texts"]["probabilities"]] == [2, 2, 2]
    assert found["texts"]["probability"][0] == found["texts"]["probabilities"][0][0] > 0.9
    assert found["refusal"] == "a column `title` is required, but the columns are titulo"
    assert found["refused_list"] == "titles are text, but the one at position 0 is a list: ['zapatillas']"
    assert found["same"]


def test_requirements_name_what_pip_can_find() -> None:
    assert all(requirement.count("==") == 1 and "+" not in requirement for requirement in pip_requirements())
    assert {"torch", "mlflow"} <= {requirement.partition("==")[0] for requirement in pip_requirements()}
