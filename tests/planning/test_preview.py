from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.execution.runner import Step
from meli_tasks.planning.plan import Plan, make_plan
from meli_tasks.planning.preview import preview
from meli_tasks.planning.request import Request
from meli_tasks.settings import Settings
from meli_tasks.store import FileStore, Store


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    settings = Settings(store=f"file://{tmp_path}/store")
    params = {"source": "sample:rows=50,seed=1", "sets": ["quick_mlp", "quick_cnn"], "ensemble": False}
    return make_plan(Request.check(params, settings), settings, "run", None)


def publish(store: Store, step: Step, seconds: float) -> None:
    manifest = Manifest(step.stage, step.key, step.params, step.inputs, {}, {}, "attempt", {"seconds": seconds})
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
    publish_past_run(file_store, plan)
    found = preview(plan, file_store, slots)
    before = sum(line.estimate or 0.0 for line in found.steps if line.stage != "train")
    assert before >= 7.0
    assert found.estimate_seconds == pytest.approx(before + trainings)


def test_cached_steps_save_their_seconds_and_are_not_part_of_the_estimate(plan: Plan, file_store: FileStore) -> None:
    publish_past_run(file_store, plan)
    publish(file_store, plan.ingest, 50.0)
    publish(file_store, plan.sets["quick_cnn"], 70.0)
    found = preview(plan, file_store)
    assert (found.cached, found.saved_seconds) == (2, 120.0)
    assert found.computed == len(found.steps) - 2
    missing = [line.estimate or 0.0 for line in found.steps if not line.cached]
    assert found.estimate_seconds == pytest.approx(sum(missing))
    assert found.lines()[-1] == found.summary()
    assert "2 steps cached, 2 min saved" in found.summary()


def test_without_past_runs_there_is_no_estimate(plan: Plan, file_store: FileStore) -> None:
    found = preview(plan, file_store)
    assert found.estimate_seconds is None
    assert found.summary() == f"{len(found.steps)} steps to compute"
