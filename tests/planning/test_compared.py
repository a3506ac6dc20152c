from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from meli_tasks.artifacts.manifest import Manifest, ModelRef, Output
from meli_tasks.champion import ChampionModel
from meli_tasks.decision import Champion
from meli_tasks.planning.compared import evaluate_step, evaluated_models, find_ensemble, reference_steps
from meli_tasks.planning.plan import Plan, ensemble_step, make_plan
from meli_tasks.planning.request import Request
from meli_tasks.settings import Settings
from meli_tasks.stages.files.digest import MODEL_FILES
from meli_tasks.stages.summaries import EnsembleSummary
from meli_tasks.store import Store

A, B = ModelRef("1", "f00d"), ModelRef("2")


def plan_of(settings: Settings, **params: Any) -> Plan:
    return make_plan(Request.check({"source": "sample:rows=50,seed=1", **params}, settings), settings, "run", None)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(store=f"file://{tmp_path}/store", cache=tmp_path / "cache")


def test_evaluation_does_not_depend_on_the_order_of_the_models(settings: Settings, file_store: Store) -> None:
    plan = plan_of(settings, sets=["quick_mlp"])
    forth, back = (evaluate_step(plan, models, file_store) for models in ({"a": A, "b": B}, {"b": B, "a": A}))
    assert forth.key == back.key


def test_evaluate_has_the_test_titles_and_every_model_as_input(settings: Settings, file_store: Store) -> None:
    plan = plan_of(settings, sets=["quick_mlp"])
    step = evaluate_step(plan, {"b": B, "a": A}, file_store)
    why = {label: f"its listings cannot be found. No train artifact {ref.key}" for label, ref in (("a", A), ("b", B))}
    unread = step.params.pop("unread")
    assert isinstance(unread, dict) and unread.keys() == why.keys()
    assert all(str(unread[label]).startswith(text) for label, text in why.items())
    assert (step.stage, step.name) == ("evaluate", "a, b")
    params: dict[str, Any] = {"validation": {}, "other_folds": {}, "without_ensemble": []}
    assert step.params == {**plan.request.evaluate().model_dump(), **params}
    [reference] = reference_steps(plan).values()
    assert reference.inputs == {"ingest": plan.ingest.key}
    assert step.inputs == {
        "ingest": plan.ingest.key, "model:a": "1@f00d", "model:b": "2", "reference": reference.key
    }  # fmt: skip


def test_with_folds_each_has_a_reference_of_its_own(settings: Settings) -> None:
    plan = plan_of(settings, sets=["quick_mlp"], folds=3)
    steps = reference_steps(plan)
    assert list(steps) == ["reference:1", "reference:2", "reference:3"]
    assert [step.inputs for step in steps.values()] == [{"ingest": fold.listings.key} for fold in plan.folds]


def ensemble_of(plan: Plan, offered: bool) -> Manifest:
    step = ensemble_step(plan, list(plan.sets))
    assert step is not None
    summary = {**EnsembleSummary().model_dump(mode="json"), "offered": offered}
    return Manifest("ensemble", step.key, step.params, step.inputs, {}, summary, "attempt")


def test_an_ensemble_is_found_once_it_was_computed(settings: Settings, file_store: Store) -> None:
    plan = plan_of(settings, sets=["quick_mlp", "quick_cnn"])
    manifest = ensemble_of(plan, offered=True)
    assert find_ensemble(plan, list(plan.sets), file_store) is None
    file_store.write(manifest.name, manifest.to_bytes())
    assert find_ensemble(plan, list(plan.sets), file_store) == manifest
    assert find_ensemble(plan, ["quick_mlp"], file_store) is None


def champion_with(ref: ModelRef) -> ChampionModel:
    champion = Champion(train=ref.key, sha256=ref.sha256, set_name="mlp", balanced_accuracy=0.9, interval=(0.8, 0.95))
    return ChampionModel(champion, cast(Manifest, SimpleNamespace(ref=ref)))


def train_all(plan: Plan, store: Store) -> dict[str, ModelRef]:
    """Publish a model for every set; the attempts by set."""
    found = {}
    for name, step in plan.sets.items():
        outputs = {file: Output(sha256=f"{name} {file}", bytes=1) for file in MODEL_FILES}
        manifest = Manifest("train", step.key, step.params, step.inputs, outputs, {}, "attempt")
        store.write(manifest.name, manifest.to_bytes())
        found[name] = manifest.ref
    return found


def test_a_run_evaluates_what_it_trained_with_the_champion(settings: Settings, file_store: Store) -> None:
    plan = plan_of(settings, sets=["quick_mlp", "quick_cnn"])
    own = train_all(plan, file_store)
    trained = ["quick_mlp", "quick_cnn"]
    assert evaluated_models(plan, trained, file_store, None) == (own, None)
    assert evaluated_models(plan, ["quick_cnn"], file_store, None) == ({"quick_cnn": own["quick_cnn"]}, None)
    elsewhere = ModelRef("elsewhere", "f00d")
    models, label = evaluated_models(plan, trained, file_store, champion_with(elsewhere))
    assert (models, label) == ({**own, "mlp (champion)": elsewhere}, "mlp (champion)")
    assert list(models) == ["quick_cnn", "quick_mlp", "mlp (champion)"]
    assert evaluated_models(plan, trained, file_store, champion_with(own["quick_cnn"])) == (own, "quick_cnn")


def test_another_attempt_of_the_champion_is_evaluated_beside_it(settings: Settings, file_store: Store) -> None:
    plan = plan_of(settings, sets=["quick_mlp", "quick_cnn"])
    own = train_all(plan, file_store)
    promoted = ModelRef(own["quick_cnn"].key, "of the attempt before")
    models, label = evaluated_models(plan, list(own), file_store, champion_with(promoted))
    assert (models, label) == ({**own, "mlp (champion)": promoted}, "mlp (champion)")
    inputs = evaluate_step(plan, models, file_store).inputs
    assert inputs["model:mlp (champion)"] == f"{promoted.key}@of the attempt before"
    assert inputs["model:quick_cnn"] == str(own["quick_cnn"]) != inputs["model:mlp (champion)"]


def test_an_ensemble_is_evaluated_if_it_is_offered(settings: Settings, file_store: Store) -> None:
    plan = plan_of(settings, sets=["quick_mlp", "quick_cnn"])
    own = train_all(plan, file_store)
    for offered, models in ((True, {**own, "ensemble": ensemble_of(plan, True).ref}), (False, own)):
        manifest = ensemble_of(plan, offered)
        file_store.write(manifest.name, manifest.to_bytes())
        assert evaluated_models(plan, list(own), file_store, None)[0] == models


def test_validation_figures_are_those_of_the_manifests_of_own_models(settings: Settings, file_store: Store) -> None:
    plan = plan_of(settings, sets=["quick_mlp", "quick_cnn"])
    own = train_all(plan, file_store)
    step = plan.sets["quick_mlp"]
    outputs = {file: Output(sha256=f"quick_mlp {file}", bytes=1) for file in MODEL_FILES}
    summary = {"validation_balanced_accuracy": 0.93}
    manifest = Manifest("train", step.key, step.params, step.inputs, outputs, summary, "attempt")
    file_store.write(manifest.name, manifest.to_bytes())
    models = {**own, "mlp (champion)": ModelRef("elsewhere", "f00d")}
    params = evaluate_step(plan, models, file_store).params
    assert params["validation"] == {"quick_mlp": 0.93}  # the other summary has none: it is not taken for 0
