"""The plan of a run with folds: what it adds, what it shares, and that a run without folds keeps its keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meli_tasks.core.errors import BadHyperparameters, Conflict
from meli_tasks.core.stage_parameters import Ingest
from meli_tasks.planning.form import form_fields
from meli_tasks.planning.plan import Plan, ensemble_step, make_plan
from meli_tasks.planning.preview import preview
from meli_tasks.planning.request import Request
from meli_tasks.settings import Settings
from meli_tasks.stages import STAGES, StageSpec
from meli_tasks.stages.summaries import IngestSummary
from meli_tasks.store import Store

SETS = ["quick_mlp", "quick_cnn"]


def plan_of(settings: Settings, **params: Any) -> Plan:
    request = Request.check({"source": "sample:rows=50,seed=1", "sets": SETS, **params}, settings)
    return make_plan(request, settings, "run", None)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(store=f"file://{tmp_path}/store", cache=tmp_path / "cache")


def test_every_set_is_trained_on_all_titles_and_without_each_fold(settings: Settings) -> None:
    plain, plan = plan_of(settings), plan_of(settings, folds=3)
    assert plan.ingest.key == plain.ingest.key
    assert plan.all_titles is not None
    assert [step.inputs for step in plan.all_listings[1:]] == [{"ingest": plan.ingest.key}] * 4
    assert [step.read_params(Ingest).fold for step in plan.all_listings[1:]] == [0, 1, 2, 3]
    assert {recipe.preprocess.inputs["ingest"] for recipe in plan.recipes} == {plan.all_titles.key}
    for fold in plan.folds:
        assert {recipe.preprocess.inputs["ingest"] for recipe in fold.recipes} == {fold.listings.key}
        assert {step.inputs["preprocess"] for step in fold.sets.values()} == {
            recipe.preprocess.key for recipe in fold.recipes
        }
    assert [step.name for step in plan.training_runs("quick_mlp")] == [
        "quick_mlp", "quick_mlp, fold 1 of 3", "quick_mlp, fold 2 of 3", "quick_mlp, fold 3 of 3"
    ]  # fmt: skip
    runs = [step.key for name in SETS for step in plan.training_runs(name)]
    assert len(set(runs)) == 8
    assert not {step.key for step in plain.sets.values()} & set(runs)


def test_each_fold_has_an_ensemble_of_its_own(settings: Settings) -> None:
    plan = plan_of(settings, folds=3)
    ensembles = [ensemble_step(plan, SETS, fold) for fold in (None, *plan.folds)]
    listings = [plan.all_titles, *(fold.listings for fold in plan.folds)]
    for step, titles, fold in zip(ensembles, listings, (None, *plan.folds), strict=True):
        assert step is not None and titles is not None
        sets = fold.sets if fold else plan.sets
        assert step.inputs == {"ingest": titles.key, **{f"model:{name}": sets[name].key for name in SETS}}
    assert [step.name for step in ensembles if step] == [
        "quick_cnn, quick_mlp", *(f"quick_cnn, quick_mlp, fold {number} of 3" for number in (1, 2, 3))
    ]  # fmt: skip


def test_runs_with_other_folds_share_what_is_trained_on_all_titles(settings: Settings) -> None:
    three, five = plan_of(settings, folds=3), plan_of(settings, folds=5)
    assert three.sets == five.sets
    shared = {step.key for step in three.steps()} & {step.key for step in five.steps()}
    folds = {step.key for fold in three.folds for step in (fold.listings, *fold.sets.values())}
    assert not shared & folds


def test_the_test_split_as_the_only_fold_adds_only_what_may_be_promoted(settings: Settings) -> None:
    plain, plan = plan_of(settings), plan_of(settings, folds=1)
    [fold] = plan.folds
    assert fold.listings == plain.ingest
    assert {name: step.key for name, step in fold.sets.items()} == {name: step.key for name, step in plain.sets.items()}
    assert plan.sets == plan_of(settings, folds=3).sets
    assert [step.key for step in plan.all_listings] == [plan.ingest.key, plan.listings.key]
    assert [step.name for step in plan.training_runs("quick_mlp")] == [
        "quick_mlp", "quick_mlp, without the test titles"
    ]  # fmt: skip
    assert {step.key for step in plain.steps()} < {step.key for step in plan.steps()}


def test_a_plan_without_folds_has_none_of_their_steps(settings: Settings) -> None:
    plan = plan_of(settings)
    assert (plan.folds, plan.all_titles, plan.listings) == ((), None, plan.ingest)
    assert plan.training_runs("quick_mlp") == (plan.sets["quick_mlp"],)
    assert plan.steps().count(plan.ingest) == 1


def test_the_preview_counts_the_folds(settings: Settings, file_store: Store) -> None:
    found = preview(plan_of(settings, folds=5), file_store)
    # Seven listings; preprocess, embed, two sets and an ensemble for the sets and for each fold.
    assert found.computed == 7 + 6 * 5
    assert found.summary() == "37 steps to compute, with 5 folds, no estimate yet: no run of this kind so far"
    assert sum("fold 2 of 5" in line for line in found.lines()) == 6
    assert preview(plan_of(settings), file_store).summary().startswith("6 steps to compute, no ")


def test_a_stored_plan_keeps_its_folds(settings: Settings, file_store: Store) -> None:
    plan = plan_of(settings, folds=3)
    plan.save(file_store)
    assert Plan.load(file_store, plan.name, to_run=True) == plan


def test_a_plan_whose_folds_have_other_keys_now_is_refused(
    settings: Settings, file_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(settings, folds=3)
    plan.save(file_store)
    monkeypatch.setitem(STAGES, "ingest", StageSpec("ingest", 99, Ingest, IngestSummary))
    with pytest.raises(Conflict, match="planned by an older version"):
        Plan.load(file_store, plan.name, to_run=True)


@pytest.mark.parametrize("folds", [2, 11, -1, "many"])
def test_other_numbers_of_folds_are_refused(settings: Settings, folds: object) -> None:
    with pytest.raises(BadHyperparameters, match="folds"):
        Request.check({"folds": folds}, settings)


def test_a_run_with_folds_cannot_search(settings: Settings) -> None:
    with pytest.raises(BadHyperparameters, match="a run with folds cannot search: search first"):
        Request.check({"folds": 3, "search_minutes": 1}, settings)


def test_the_form_offers_folds(settings: Settings) -> None:
    field = form_fields(settings)["folds"]
    assert (field["type"], field["default"], field["minimum"], field["maximum"]) == ("integer", 0, 0, 10)
    assert "3 to 10" in field["description"]
