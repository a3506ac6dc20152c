"""A store with the runs of many nights, written directly: plans, evaluations, manifests and a ledger, but no model.

The figures are random. Each run has titles of its own day, or some runs in a row have the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from pydantic import JsonValue

from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.decision import Champion
from meli_tasks.execution.runner import Step
from meli_tasks.ledger import Ledger
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.planning.plan import Plan
from meli_tasks.planning.request import Request
from meli_tasks.planning.stored_sections import StoredSet
from meli_tasks.stages.evaluation import Evaluation
from meli_tasks.stages.figures import CategoryRecall
from meli_tasks.store import Store

FIRST = datetime(2024, 1, 1, 3, tzinfo=UTC)
CATEGORIES = tuple(f"CATEGORY_{number:02}" for number in range(39))
TITLES = 27
"""Test titles of each category: about 1,050 in all."""


@dataclass(frozen=True)
class Nights:
    """How many runs there are, how many sets each trains, and how many runs in a row have the same test titles."""

    runs: int
    sets: int = 30
    on_same_titles: int = 1

    def write(self, store: Store) -> None:
        """Write all runs, and promote the first model of the first one."""
        random = np.random.default_rng(1)
        for number in range(self.runs):
            plan = self._plan(number)
            plan.save(store)
            report = _report(plan, random)
            report.save(store, plan.name)
            store.write(*_evaluate_manifest(plan, report))
            if number == 0:
                _promote(store, plan, report)

    def _plan(self, number: int) -> Plan:
        at = FIRST + timedelta(days=number)
        titles = number // self.on_same_titles
        ingest = Step("ingest", f"s3://titles/{titles}.csv.gz", {"language": "any"}, {"source": f"etag-{titles}"})
        names = [f"{'cnn' if place % 2 else 'mlp'}_{place:02}" for place in range(self.sets)]
        steps = dict(self._trainings(names, number, ingest))
        sections = {"title": "a set", "preprocess": {"tokenizer": "default"}, "embed": {"method": "fasttext"}}
        return Plan(
            run_id=f"scheduled__{at.isoformat()}",
            at=at.isoformat(),
            as_of=str(at.date()),
            dag_run_url="",
            request=Request(source="s3://titles/{ds}.csv.gz", sets=tuple(names), ensemble=False),
            ingest=ingest,
            recipes=(),
            sets=steps,
            resolved={
                name: StoredSet.model_validate({**sections, "train": step.params}) for name, step in steps.items()
            },
        )

    def _trainings(self, names: list[str], number: int, ingest: Step) -> Iterator[tuple[str, Step]]:
        inputs = {"preprocess": ingest.key, "embed": ingest.key}
        for place, name in enumerate(names):
            params: dict[str, JsonValue] = {
                "architecture": name.partition("_")[0],
                "hidden": [256],
                "seed": number * self.sets + place,
            }
            yield name, Step("train", name, params, inputs)


def _report(plan: Plan, random: np.random.Generator) -> EvaluationReport:
    scores = {}
    for name in plan.sets:
        recalls = random.uniform(0.7, 1.0, len(CATEGORIES))
        mean = float(recalls.mean())
        scores[name] = Evaluation(
            balanced_accuracy=mean,
            interval=(mean - 0.01, mean + 0.01),
            accuracy=mean,
            top5=0.98,
            macro_f1=mean,
            milliseconds_p95=1.5,
            megabytes=12.0,
            categories={
                category: CategoryRecall(recall=float(recall), titles=TITLES)
                for category, recall in zip(CATEGORIES, recalls, strict=True)
            },
        )
    return EvaluationReport(
        key=_evaluate_step(plan).key,
        trained=tuple(plan.sets),
        models={name: step.key for name, step in plan.sets.items()},
        attempts={name: (step.key * 2)[:64] for name, step in plan.sets.items()},
        scores=scores,
        run_id=plan.run_id,
        as_of=plan.as_of,
    )


def _evaluate_step(plan: Plan) -> Step:
    inputs = {"ingest": plan.ingest.key, **{f"model:{name}": step.key for name, step in plan.sets.items()}}
    return Step("evaluate", "evaluate", {"seed": 1}, inputs)


def _evaluate_manifest(plan: Plan, report: EvaluationReport) -> tuple[str, bytes]:
    step = _evaluate_step(plan)
    summary: dict[str, JsonValue] = {
        "balanced_accuracy": {name: found.balanced_accuracy for name, found in report.scores.items()}
    }
    manifest = Manifest(step.stage, step.key, step.params, step.inputs, {}, summary, "attempt1", {"at": plan.at})
    return manifest.name, manifest.to_bytes()


def _promote(store: Store, plan: Plan, report: EvaluationReport) -> None:
    name, found = next(iter(report.scores.items()))
    ref = report.ref(name)
    champion = Champion(
        train=ref.key, sha256=ref.sha256, set_name=name, balanced_accuracy=found.balanced_accuracy,
        interval=found.interval, run_id=plan.run_id, as_of=plan.as_of, fingerprint="f" * 64,
    )  # fmt: skip
    Ledger(store).append(0, action="promote", champion=champion, reason="the first", by=plan.run_id)
