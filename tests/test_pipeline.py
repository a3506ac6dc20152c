"""The whole path on a small sample, with real stages and a store in a folder; tracking is off here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import need
from meli_tasks.backfill.preview import is_done
from meli_tasks.core.errors import BadData, Conflict
from meli_tasks.ledger import Ledger
from meli_tasks.pipeline import Pipeline
from meli_tasks.planning import history as past_runs
from meli_tasks.planning.evaluation import Evaluated
from meli_tasks.planning.plan import Plan
from meli_tasks.planning.timing import RunTiming, record_end
from meli_tasks.promotion import PromotionOutcome
from meli_tasks.settings import Settings
from meli_tasks.stages import ensemble as ensemble_stage
from tests.pages.served import ServedPages

SMALL: dict[str, Any] = {"source": "sample:rows=2500,seed=3", "sets": ["quick_mlp", "quick_cnn"]}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("pipeline")
    return Settings(store=f"file://{folder}/store", cache=folder / "cache", sets="quick_mlp")


def prepare(settings: Settings, run_id: str, **params: Any) -> tuple[Pipeline, Plan]:
    pipeline = Pipeline(settings, run_id)
    plan, _ = pipeline.plan({**SMALL, **params}, None)
    pipeline.ingest(plan)
    for index in range(len(plan.recipes)):
        pipeline.preprocess(plan, index)
        pipeline.embed(plan, index)
    return pipeline, plan


@pytest.fixture(scope="module")
def first(settings: Settings) -> tuple[Pipeline, Plan, Evaluated, PromotionOutcome]:
    pipeline, plan = prepare(settings, "first")
    for name in plan.sets:
        pipeline.train(plan, name)
    pipeline.ensemble(plan, list(plan.sets))
    evaluated = pipeline.evaluate(plan, list(plan.sets), [])
    return pipeline, plan, evaluated, pipeline.promote(plan, pipeline.decide(plan, evaluated))


def test_the_first_run_ends_with_its_best_set_as_champion(first: Any) -> None:
    pipeline, _, evaluated, decision = first
    scores = pipeline.scores(evaluated.key)
    best = max(scores, key=lambda label: scores[label].balanced_accuracy)
    champion = Ledger(pipeline.store).champion()
    assert champion is not None
    assert (decision.action, champion.set_name, champion.train) == ("promote", best, evaluated.models[best])
    assert champion.balanced_accuracy == scores[best].balanced_accuracy > 0.2


def test_a_second_run_computes_nothing_and_keeps_the_champion(settings: Settings, first: Any) -> None:
    pipeline = Pipeline(settings, "second")
    again, found = pipeline.plan(SMALL, None)
    assert found.computed == 0
    assert "The same titles, sets and champion as before; decision 1" in found.nothing_new
    results = [pipeline.ingest(again), pipeline.preprocess(again, 0), *pipeline.embed(again, 0)]
    results += [pipeline.train(again, name)[0] for name in again.sets]
    combined = pipeline.ensemble(again, list(again.sets))
    assert combined is not None
    results.append(combined[0])
    assert [result.hit for result in results] == [True] * len(results)
    evaluated = pipeline.evaluate(again, list(again.sets), [])
    assert evaluated.hit
    assert evaluated.champion in evaluated.models
    assert pipeline.promote(again, pipeline.decide(again, evaluated)).action == "keep"


def test_a_retried_promotion_writes_no_second_decision(first: Any) -> None:
    pipeline, plan, evaluated, decision = first
    before = len(Ledger(pipeline.store).decisions())
    assert pipeline.promote(plan, pipeline.decide(plan, evaluated)).number == decision.number
    assert len(Ledger(pipeline.store).decisions()) == before


def test_the_others_are_evaluated_without_a_failed_set(settings: Settings, first: Any) -> None:
    pipeline, plan, *_ = first
    evaluated = pipeline.evaluate(plan, ["quick_cnn"], ["quick_mlp"])
    assert evaluated.failed == ("quick_mlp",)
    assert "quick_cnn" in evaluated.models


def test_the_ensemble_is_evaluated_beside_its_members_as_long_as_they_are_the_same(first: Any) -> None:
    pipeline, plan, evaluated, _ = first
    ensemble = evaluated.ensemble
    assert ensemble is not None
    assert ensemble.offered and sum(ensemble.weights.values()) == pytest.approx(1)
    assert need(pipeline.store, "ensemble", ensemble.key).inputs["ingest"] == plan.ingest.key
    scores = pipeline.scores(evaluated.key)
    assert evaluated.models["ensemble"] == ensemble.key
    assert scores["ensemble"].balanced_accuracy > min(scores[name].balanced_accuracy for name in plan.sets)
    assert pipeline.ensemble(plan, ["quick_mlp"]) is None
    assert evaluated.ensemble_failed is False
    alone = pipeline.evaluate(plan, ["quick_mlp"], ["quick_cnn"])
    assert (alone.ensemble, alone.ensemble_failed) == (None, False)
    assert "quick_mlp" in alone.models


def test_a_run_that_requests_no_ensemble_has_none(settings: Settings, first: Any) -> None:
    pipeline = Pipeline(settings, "alone")
    plan, _ = pipeline.plan({**SMALL, "ensemble": False}, None)
    assert "ensemble" not in {step.stage for step in plan.steps()}
    assert pipeline.ensemble(plan, list(plan.sets)) is None
    evaluated = pipeline.evaluate(plan, list(plan.sets), [])
    assert (evaluated.ensemble, evaluated.ensemble_failed) == (None, False)


def test_an_ensemble_that_could_not_be_made_is_reported_and_is_made_again(
    settings: Settings, first: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: Any) -> dict[str, Any]:
        raise BadData("The members do not fit together.")

    pipeline = Pipeline(settings, "broken")
    plan, _ = pipeline.plan({**SMALL, "ensemble_members": 2}, None)
    with monkeypatch.context() as patch:
        patch.setattr(ensemble_stage, "run", breaks)
        with pytest.raises(BadData, match="do not fit"):
            pipeline.ensemble(plan, list(plan.sets))
    evaluated = pipeline.evaluate(plan, list(plan.sets), [])
    assert (evaluated.ensemble, evaluated.ensemble_failed, evaluated.failed) == (None, True, ())
    report = past_runs.evaluated(pipeline.store, plan)
    assert report is not None and report.ensemble_failed
    assert not is_done(pipeline.store, plan)
    steps = {step["stage"]: step for step in ServedPages(pipeline.store).run(plan.name)["steps"]}
    assert (steps["ensemble"]["state"], steps["ensemble"]["progress"]["error"]) == (
        "failed",
        "The members do not fit together.",
    )
    pipeline.ensemble(plan, list(plan.sets))
    evaluated = pipeline.evaluate(plan, list(plan.sets), [])
    assert not is_done(pipeline.store, plan)
    pipeline.promote(plan, pipeline.decide(plan, evaluated))
    assert is_done(pipeline.store, plan)


def test_nothing_trained_is_nothing_to_evaluate(first: Any) -> None:
    pipeline, plan, *_ = first
    with pytest.raises(BadData, match="No training run succeeded"):
        pipeline.evaluate(plan, [], ["quick_mlp", "quick_cnn"])


def test_a_champion_of_another_run_is_evaluated_on_this_run_s_titles(settings: Settings, first: Any) -> None:
    pipeline, plan = prepare(settings, "third", source="sample:rows=2600,seed=4", sets=["quick_mlp"])
    pipeline.train(plan, "quick_mlp")
    evaluated = pipeline.evaluate(plan, ["quick_mlp"], [])
    champion = Ledger(pipeline.store).champion()
    assert champion is not None
    former = f"{champion.set_name} (champion)"
    assert evaluated.champion == former
    assert evaluated.models == {"quick_mlp": plan.sets["quick_mlp"].key, former: champion.train}
    assert pipeline.scores(evaluated.key).keys() == evaluated.models.keys()
    assert need(pipeline.store, "evaluate", evaluated.key).inputs["ingest"] == plan.ingest.key


def test_promotion_never_only_reports(settings: Settings, first: Any) -> None:
    pipeline, plan = Pipeline(settings, "never"), first[1]
    plan, _ = pipeline.plan({**SMALL, "promotion": "never"}, None)
    evaluated = pipeline.evaluate(plan, list(plan.sets), [])
    before = len(Ledger(pipeline.store).decisions())
    decision = pipeline.promote(plan, pipeline.decide(plan, evaluated))
    assert decision.champion is not None
    assert (decision.action, decision.champion.train) == ("keep", evaluated.models[evaluated.champion])
    assert len(Ledger(pipeline.store).decisions()) == before
    _, found = pipeline.plan({**SMALL, "promotion": "never"}, None)
    assert found.nothing_new


def test_a_backfill_promotes_only_on_request(settings: Settings, first: Any) -> None:
    for requested, kept in (("auto", "never"), ("always", "always"), ("never", "never")):
        plan, _ = Pipeline(settings, "back").plan({**SMALL, "promotion": requested}, None, backfill=True)
        assert plan.request.promotion == kept
    assert Pipeline(settings, "night").plan(SMALL, None)[0].request.promotion == "auto"


def test_other_limits_or_a_forced_run_are_something_new(settings: Settings, first: Any) -> None:
    for changes in ({"min_gain": 0.2}, {"force": True}, {"sets": ["quick_mlp"], "overrides": {"train.epochs": 1}}):
        assert not Pipeline(settings, "new").plan({**SMALL, **changes}, None)[1].nothing_new


def test_fewer_sets_than_were_decided_on_are_nothing_new(settings: Settings, first: Any) -> None:
    assert Pipeline(settings, "fewer").plan({**SMALL, "sets": ["quick_mlp"]}, None)[1].nothing_new


def test_the_preview_is_kept_beside_the_plan_with_an_estimate_from_past_runs(settings: Settings, first: Any) -> None:
    pipeline = Pipeline(settings, "preview")
    plan, found = pipeline.plan({**SMALL, "overrides": {"train.seed": 5}}, None)
    blob = pipeline.store.read(f"{plan.folder}/preview.json")
    assert blob is not None
    kept = json.loads(blob.data)
    assert (kept["computed"], kept["cached"]) == (3, found.cached) == (3, len(kept["steps"]) - 3)
    keys = {key for name in pipeline.store.names("train/") if (key := paths.key_of_manifest(name))}
    trainings = [need(pipeline.store, "train", key).seconds for key in keys]
    estimates = {line["name"]: line["estimate"] for line in kept["steps"] if not line["cached"]}
    # A seed takes no time, so each set takes about what it took before.
    assert all(min(trainings) <= estimates[name] <= max(trainings) for name in plan.sets)
    evaluation = kept["evaluation_seconds"]
    assert evaluation > 0
    # The run also decides and writes its report, which the first run's duration tells.
    assert kept["estimate_runs"] >= 1
    assert kept["estimate_seconds"] > sum(estimates.values()) + evaluation


def test_a_run_records_how_long_it_took_once(settings: Settings, first: Any) -> None:
    pipeline, plan = first[:2]
    timing = RunTiming.load(pipeline.store, plan.name)
    assert timing is not None
    assert timing.seconds >= sum(need(pipeline.store, "train", step.key).seconds for step in plan.sets.values())
    record_end(plan, pipeline.store)
    assert RunTiming.load(pipeline.store, plan.name) == timing


def test_a_ledger_that_moved_meanwhile_is_decided_again(settings: Settings, first: Any) -> None:
    pipeline, _, _, _ = first
    plan, _ = Pipeline(settings, "late").plan(SMALL, None)
    evaluated = pipeline.evaluate(plan, list(plan.sets), [])
    ledger = Ledger(pipeline.store)
    last = ledger.last()
    assert last is not None
    ledger.append(last.number, action="keep", reason="somebody was quicker", by="a test")
    assert pipeline.promote(plan, pipeline.decide(plan, evaluated)).number == last.number + 2


def test_a_ledger_that_never_rests_ends_in_a_conflict(
    settings: Settings, first: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline, plan, evaluated, _ = first

    def loses(*_: Any, **__: Any) -> None:
        raise Conflict("somebody was quicker.")

    monkeypatch.setattr("meli_tasks.tracking.registry.Registry.apply", loses)
    with pytest.raises(Conflict, match="changed 8 times"):
        pipeline.promote(plan, pipeline.decide(plan, evaluated))


def test_a_forced_run_computes_again(settings: Settings, first: Any) -> None:
    pipeline = Pipeline(settings, "forced")
    plan, _ = pipeline.plan({**SMALL, "force": True}, None)
    assert not pipeline.ingest(plan).hit
    assert need(pipeline.store, "ingest", plan.ingest.key).about["run_id"] == "forced"


def test_no_half_of_anything_is_left_in_the_cache(settings: Settings, first: Any) -> None:
    assert list(Path(settings.cache, "work").iterdir()) == []
