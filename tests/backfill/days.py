"""A backfill of three days for the tests: its preview, and what the runs of its dates leave in the store."""

from __future__ import annotations

from typing import Any

from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.backfill.planning import preview_backfill
from meli_tasks.backfill.preview import BackfillPreview
from meli_tasks.backfill.request import Backfill
from meli_tasks.execution.runner import Step
from meli_tasks.pipeline import Pipeline
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.planning.history import evaluated
from meli_tasks.planning.plan import Plan
from meli_tasks.settings import Settings
from meli_tasks.store import Store

REQUEST: dict[str, Any] = {
    "from_date": "2026-11-01",
    "to_date": "2026-11-03",
    "sets": ["quick_mlp", "quick_cnn"],
    "source": "sample:rows=50,seed=1,day={ds}",
}


def previewed(settings: Settings, store: Store, **more: Any) -> BackfillPreview:
    """The preview of the backfill, with more of its parameters."""
    return preview_backfill(Backfill.check({**REQUEST, **more}, settings), settings, store, "manual__1")


def compute(store: Store, step: Step, run_id: str) -> None:
    """What the runner leaves of a step."""
    about = {"run_id": run_id, "seconds": 2.0}
    manifest = Manifest(step.stage, step.key, step.params, step.inputs, {}, {}, "attempt", about)
    store.write(manifest.name, manifest.to_bytes())


def run(settings: Settings, store: Store, preview: BackfillPreview, number: int, failed: tuple[str, ...] = ()) -> Plan:
    """What a date's run of meli_training leaves in the store, its plan made as the DAG makes it."""
    day = preview.dates[number]
    plan, _ = Pipeline(settings, run_id=day.run_id).plan(day.conf or {}, None)
    for step in plan.steps():
        if not set(step.name.split(", ")) & set(failed):  # an ensemble is named by its members
            compute(store, step, plan.run_id)
    scores = {name: {"balanced_accuracy": 0.9, "interval": [0.8, 1.0]} for name in plan.sets if name not in failed}
    report = {"key": "0" * 32, "scores": scores, "failed": failed, "run_id": plan.run_id}
    EvaluationReport.model_validate(report).save(store, plan.name)
    return plan


def evaluated_again(store: Store, plan: Plan, scores: dict[str, Any] | None = None, **more: Any) -> None:
    """More of what the run's task evaluate leaves."""
    report = evaluated(store, plan)
    assert report is not None
    merged = {**report.model_dump(), "scores": {**report.model_dump()["scores"], **(scores or {})}, **more}
    EvaluationReport.model_validate(merged).save(store, plan.name)
