from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from pydantic import JsonValue

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import MODEL_STAGES, Manifest, Output, find_model
from meli_tasks.decision import Champion, Evidence
from meli_tasks.execution.runner import Step
from meli_tasks.ledger import Ledger
from meli_tasks.planning.compared import evaluate_step, evaluated_models, judged_with
from meli_tasks.planning.plan import Plan, make_plan
from meli_tasks.planning.preview import Preview, PreviewStep, nothing_new, preview
from meli_tasks.planning.request import Request
from meli_tasks.settings import Settings
from meli_tasks.stages import STAGES
from meli_tasks.stages.files.digest import MODEL_FILES
from meli_tasks.store import FileStore, Store
from tests.rewriting import stored_json


def plan_of(**params: Any) -> Plan:
    settings = Settings(store="file:///nowhere")
    fields = {"source": "sample:rows=50,seed=1", "sets": ["quick_mlp", "quick_cnn"], "ensemble": False, **params}
    return make_plan(Request.check(fields, settings), settings, "run", None)


@pytest.fixture
def plan() -> Plan:
    return plan_of()


def publish(store: Store, step: Step, seconds: float, weights: str = "of the first attempt") -> None:
    summary: dict[str, JsonValue] = {"offered": True} if step.stage == "ensemble" else {}
    about: dict[str, JsonValue] = {"seconds": seconds}
    files = MODEL_FILES if step.stage in MODEL_STAGES else ()
    outputs = {file: Output(sha256=weights, bytes=1) for file in files}
    manifest = Manifest(step.stage, step.key, step.params, dict(step.inputs), outputs, summary, "attempt", about)
    store.write(manifest.name, manifest.to_bytes())


def publish_past_run(store: Store, plan: Plan) -> None:
    """A run with the same parameters and other titles: its seconds are the estimates of the plan's steps."""
    past = {step.key: replace(step, inputs={**step.inputs, "titles": "others"}) for step in plan.steps()}
    seconds = {"ingest": 1.0, "preprocess": 2.0, "embed": 4.0, "train": 30.0}
    for step in past.values():
        publish(store, step, 90.0 if step.name == "quick_cnn" else seconds[step.stage])
    recipes = tuple(
        replace(
            recipe,
            preprocess=past[recipe.preprocess.key],
            embeds=tuple(past[step.key] for step in recipe.embeds),
        )
        for recipe in plan.recipes
    )
    sets = {name: past[step.key] for name, step in plan.sets.items()}
    changed = {"ingest": past[plan.ingest.key], "recipes": recipes, "sets": sets}
    plan.model_copy(update=changed).for_run("past").save(store)


@pytest.mark.parametrize(("slots", "trainings"), [(1, 120.0), (2, 90.0)])
def test_the_estimate_of_a_run_lets_its_trainings_share_the_slots(
    plan: Plan, file_store: FileStore, slots: int, trainings: float
) -> None:
    plan = plan.model_copy(update={"in_airflow": True})
    publish_past_run(file_store, plan)
    found = preview(plan, file_store, slots)
    before = sum(line.estimate or 0.0 for line in found.steps if line.stage != "train")
    assert before >= 7.0
    assert found.estimate_seconds == pytest.approx(before + trainings)


def test_by_default_trainings_run_one_after_another(plan: Plan, file_store: FileStore) -> None:
    plan = plan.model_copy(update={"in_airflow": True})
    publish_past_run(file_store, plan)
    assert preview(plan, file_store) == preview(plan, file_store, slots=1) != preview(plan, file_store, slots=2)


def test_outside_airflow_trainings_run_one_after_another_whatever_the_slots(plan: Plan, file_store: FileStore) -> None:
    publish_past_run(file_store, plan)
    assert preview(plan, file_store, slots=2) == preview(plan, file_store, slots=1)


def test_cached_steps_save_their_seconds_and_are_not_part_of_the_estimate(plan: Plan, file_store: FileStore) -> None:
    publish_past_run(file_store, plan)
    publish(file_store, plan.ingest, 50.0)
    publish(file_store, plan.sets["quick_cnn"], 70.0)
    found = preview(plan, file_store)
    assert (found.cached, found.saved_seconds) == (2, 120.0)
    assert found.computed == len(found.steps) - 2
    assert {line.estimate for line in found.steps if line.cached} == {None}
    missing = [line.estimate or 0.0 for line in found.steps if not line.cached]
    assert found.estimate_seconds == pytest.approx(sum(missing))
    assert found.lines()[-1] == found.summary()
    assert "2 steps cached, 2 min saved" in found.summary()


def test_without_past_runs_there_is_no_estimate(plan: Plan, file_store: FileStore) -> None:
    found = preview(plan, file_store)
    assert found.estimate_seconds is None
    assert found.summary() == (f"{len(found.steps)} steps to compute, no estimate yet: no run of this kind so far")


def test_the_log_lists_each_step_with_its_state_and_time() -> None:
    found = Preview(
        steps=(
            PreviewStep(stage="ingest", name="titles.csv", key="a", cached=True, seconds=61.0),
            PreviewStep(stage="embed", name="word2vec 64", key="b", estimate=5.0),
            PreviewStep(stage="train", name="quick_mlp", key="c"),
        ),
        computed=2,
        cached=1,
        saved_seconds=61.0,
        estimate_seconds=50.0,
        estimate_runs=3,
    )
    assert found.lines() == [
        "ingest     titles.csv                               cached (1 min 1 s saved)",
        "embed      word2vec 64                              to compute, about 5 s",
        "train      quick_mlp                                to compute",
        "2 steps to compute, about 50 s by 3 runs of this kind; 1 step cached, 1 min 1 s saved",
    ]


def test_the_summary_says_how_long_the_run_takes_or_that_there_is_nothing_to_compute() -> None:
    estimated = Preview(computed=2, estimate_seconds=90.0)
    assert estimated.summary() == "2 steps to compute, about 1 min 30 s by past runs"
    guess = Preview(computed=2, estimate_seconds=90.0, estimate_runs=0)
    assert guess.summary().endswith(", roughly 1 min 30 s, a guess from other runs: no run of this kind so far")
    cached = Preview(cached=5, saved_seconds=30.0)
    assert cached.summary() == "Nothing to compute: 5 steps cached, 30 s saved"


def test_a_preview_is_kept_beside_its_plan(plan: Plan, file_store: FileStore) -> None:
    assert Preview.load(file_store, plan) is None
    publish(file_store, plan.ingest, 50.0)
    found = preview(plan, file_store)
    found.save(plan, file_store)
    assert list(file_store.names("plans/")) == [paths.preview(plan.name)]
    assert Preview.load(file_store, plan) == found


def test_the_lines_name_the_steps_of_the_plan_once_each(plan: Plan, file_store: FileStore) -> None:
    publish(file_store, plan.ingest, 50.0)
    lines = preview(plan, file_store).steps
    assert {(line.stage, line.name, line.key) for line in lines} == {
        (step.stage, step.name, step.key) for step in plan.steps()
    }
    assert len({line.key for line in lines}) == len(lines)
    assert [(line.stage, line.seconds, line.estimate) for line in lines if line.cached] == [("ingest", 50.0, None)]
    assert {line.seconds for line in lines if not line.cached} == {None}


def test_a_forced_run_computes_everything_and_estimates_it(file_store: FileStore) -> None:
    publish_past_run(file_store, plan_of())
    forced = plan_of(force=True)
    for step in forced.steps():
        publish(file_store, step, 5.0)
    found = preview(forced, file_store)
    assert (found.computed, found.cached, found.saved_seconds) == (len(found.steps), 0, 0.0)
    assert all(line.estimate for line in found.steps)
    assert found.nothing_new == ""


def complete(store: Store, plan: Plan) -> Plan:
    """Publish every step of a plan, as if it had run."""
    for step in plan.steps():
        publish(store, step, 5.0)
    return plan


def decide(store: Store, plan: Plan, champion: str = "quick_mlp", models: dict[str, str] | None = None) -> None:
    """Promote one of the plan's models, after comparing `models` (by default all of the plan's)."""
    compared = models if models is not None else {name: step.key for name, step in plan.sets.items()}
    digests = {key: found.model_sha256 for key in compared.values() if (found := find_model(store, key))}
    ledger = Ledger(store)
    last = ledger.last()
    ledger.append(
        last.number if last else 0,
        action="promote",
        champion=Champion(
            train=plan.sets[champion].key,
            set_name=champion,
            balanced_accuracy=0.9,
            interval=(0.8, 0.95),
            sha256=digests.get(plan.sets[champion].key, ""),
        ),
        reason=f"{champion} is better.",
        by="a run",
        evidence=Evidence(
            models=compared,
            attempts={label: digests.get(key, "") for label, key in compared.items()},
            limits=plan.request.promote(),
            judged_with=judged_with(plan),
        ),
    )


def test_models_that_nobody_decided_on_are_something_new(plan: Plan, file_store: FileStore) -> None:
    assert nothing_new(complete(file_store, plan), file_store) == ""
    decide(file_store, plan, models={"quick_mlp": plan.sets["quick_mlp"].key})
    assert nothing_new(plan, file_store) == ""


def test_models_that_were_decided_on_are_nothing_new(plan: Plan, file_store: FileStore) -> None:
    decide(file_store, complete(file_store, plan))
    decision = Ledger(file_store).last()
    assert decision is not None
    found = preview(plan, file_store)
    assert (found.computed, found.estimate_seconds) == (0, None)
    assert found.nothing_new == nothing_new(plan, file_store)
    assert found.nothing_new == (
        f"The same titles, sets and champion as before; decision 1 of {decision.at.date()} was: quick_mlp is better."
    )


def test_an_ensemble_that_nobody_decided_on_is_something_new(file_store: FileStore) -> None:
    plan = complete(file_store, plan_of(ensemble=True))
    decide(file_store, plan)
    assert nothing_new(plan, file_store) == ""
    models = {step.name: step.key for step in plan.steps() if step.stage in ("train", "ensemble")}
    decide(file_store, plan, models=models)
    assert "decision 2 of" in nothing_new(plan, file_store)


def test_while_a_step_is_missing_a_run_may_find_something_new(plan: Plan, file_store: FileStore) -> None:
    decide(file_store, plan)
    assert preview(plan, file_store).nothing_new == ""


def test_the_latest_decision_on_these_models_counts(plan: Plan, file_store: FileStore) -> None:
    decide(file_store, complete(file_store, plan))
    decide(file_store, plan, "quick_cnn")
    Ledger(file_store).append(2, action="keep", reason="nothing was compared", by="ana")
    assert "decision 2 of" in nothing_new(plan, file_store)


def test_other_limits_are_something_new(plan: Plan, file_store: FileStore) -> None:
    decide(file_store, complete(file_store, plan))
    assert nothing_new(plan_of(min_gain=0.2), file_store) == ""


@pytest.mark.parametrize("stage", ["evaluate", "promote"])
def test_a_release_that_evaluates_or_decides_otherwise_is_something_new(
    plan: Plan, file_store: FileStore, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide(file_store, complete(file_store, plan))
    assert preview(plan, file_store).nothing_new
    monkeypatch.setitem(STAGES, stage, replace(STAGES[stage], version=STAGES[stage].version + 1))
    assert preview(plan, file_store).computed == 0
    assert preview(plan, file_store).nothing_new == ""
    decide(file_store, plan)
    assert "decision 2 of" in preview(plan, file_store).nothing_new


def test_other_parameters_of_the_evaluation_are_something_new(
    plan: Plan, file_store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide(file_store, complete(file_store, plan))
    params = plan.request.evaluate()
    other = params.model_copy(update={"seed": params.seed + 1})
    monkeypatch.setattr(Request, "evaluate", lambda _: other)
    assert nothing_new(plan, file_store) == ""


def test_a_decision_that_does_not_say_how_it_judged_does_not_end_a_night(plan: Plan, file_store: FileStore) -> None:
    decide(file_store, complete(file_store, plan))
    name = paths.decision(1)
    stored = stored_json(file_store, name)
    del stored["evidence"]["judged_with"], stored["evidence"]["attempts"], stored["champion"]["sha256"]
    file_store.write(name, json.dumps(stored).encode())  # as 0.1.0 wrote it
    assert nothing_new(plan, file_store) == ""


def test_another_attempt_of_a_model_is_something_new(plan: Plan, file_store: FileStore) -> None:
    decide(file_store, complete(file_store, plan))
    publish(file_store, plan.sets["quick_cnn"], 5.0, weights="of a forced attempt")
    assert nothing_new(plan, file_store) == ""


def test_a_forced_run_may_find_something_new(plan: Plan, file_store: FileStore) -> None:
    decide(file_store, complete(file_store, plan))
    assert nothing_new(plan_of(force=True), file_store) == ""


def test_a_champion_that_these_models_were_not_compared_with_is_something_new(
    plan: Plan, file_store: FileStore
) -> None:
    decide(file_store, complete(file_store, plan))
    other = plan_of(overrides={"train.epochs": 1})
    decide(file_store, other)
    assert nothing_new(plan, file_store) == ""


def test_a_run_that_never_promotes_finds_nothing_new_once_its_models_were_evaluated(file_store: FileStore) -> None:
    plan = complete(file_store, plan_of(promotion="never"))
    assert nothing_new(plan, file_store) == ""
    models, _ = evaluated_models(plan, list(plan.sets), file_store, None)
    publish(file_store, evaluate_step(plan, models, file_store), 5.0)
    assert nothing_new(plan, file_store) == "The same titles, sets and champion were evaluated before"
