"""Reads from the store what estimates are made of: the steps and the durations of the newest runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.manifest import Manifest, canonical_json, find_readable
from meli_tasks.artifacts.reading import LenientReader, read
from meli_tasks.planning.compared import reference_steps
from meli_tasks.planning.estimate import Estimate, PastRun, PastStep, RunShape, seconds_with_slots
from meli_tasks.planning.history import plans
from meli_tasks.planning.parameters import DATA_FIELDS
from meli_tasks.planning.plan import Plan
from meli_tasks.planning.timing import RunTiming
from meli_tasks.sources.generated import generated_rows
from meli_tasks.stages.stored import Stored
from meli_tasks.stages.summaries import IngestSummary
from meli_tasks.store import Store

# Enough to cover every set in use; each plan costs a handful of small reads.
PAST_PLANS = 16


class EvaluatedKey(Stored):
    """The part of evaluated.json that says where the evaluation is; the rest, the figures, is large."""

    key: str = ""


@dataclass(frozen=True)
class _Read:
    """What the store holds of a past run."""

    plan: Plan
    manifests: dict[str, Manifest]
    """By key."""
    timing: RunTiming | None

    @property
    def titles(self) -> int | None:
        """Listings of the run."""
        ingested = self.manifests.get(self.plan.ingest.key)
        return rows_of(ingested) if ingested else None

    @property
    def computed(self) -> list[Manifest]:
        """What the run computed itself."""
        return [made for made in self.manifests.values() if made.run_id == self.plan.run_id]


def past_runs(store: Store, slots: int = 1) -> Estimate:
    """Read the newest runs in a store; what cannot be read is skipped, with one warning."""
    reader = LenientReader(store)
    newest = plans(store, reader)[:PAST_PLANS]
    evaluations = reader.read_all([plan.name for plan in newest], lambda name: _evaluated(store, name))
    keys = dict(evaluations)
    names = {name for plan in newest for name in _names(plan, keys.get(plan.name, ""))}
    found = reader.read_all(sorted(names), lambda name: read(store, name, Manifest.from_bytes))
    manifests = {made.key: made for made in found if made}
    timings = dict(reader.read_all([plan.name for plan in newest], lambda name: (name, RunTiming.load(store, name))))
    reader.warn()
    read_runs = [_Read(plan, _of(plan, keys.get(plan.name, ""), manifests), timings.get(plan.name)) for plan in newest]
    steps = {made.key: PastStep.of(made, run.titles) for run in reversed(read_runs) for made in run.manifests.values()}
    runs = [past for run in read_runs if (past := _past_run(run, slots))]
    titles = {_source_of(run.plan): run.titles for run in reversed(read_runs) if run.titles}
    return Estimate(list(reversed(steps.values())), runs, titles)


def shape_of(plan: Plan, slots: int) -> RunShape:
    """Return what the duration of a plan's run depends on besides its steps.

    In Airflow plan, ingest, the list of sets, ensemble, evaluate, decide, approve and promote follow one another, and
    between them the recipes and the training runs, as many at once as there are slots.
    """
    trainings = sum(len(plan.training_runs(name)) for name in plan.sets)
    if plan.in_airflow:
        waves = 8 + 2 * -(-len(plan.all_recipes) // slots) + -(-trainings // slots)
    else:
        waves = len(plan.steps()) + 3
    return RunShape(plan.in_airflow, tuple(sorted(plan.sets)), len(plan.folds), waves)


def titles_of(plan: Plan, store: Store, estimate: Estimate) -> int | None:
    """Return how many listings a plan's run has: read before, to be generated, or as many as the source had last."""
    ingested = find_readable(store, "ingest", plan.ingest.key)
    if ingested:
        return rows_of(ingested)
    source = plan.ingest.fetch.get("source", "")
    return generated_rows(source) or estimate.titles_by_source.get(_source_of(plan))


def rows_of(ingested: Manifest) -> int | None:
    """Return the listings that an ingest step wrote; None if its summary does not say."""
    return ingested.read_summary(IngestSummary).rows or None


def _source_of(plan: Plan) -> str:
    """What decides how many titles a night has; the source is the request's, whose {ds} stands for any date."""
    return canonical_json(plan.request.model_dump(mode="json", include=set(DATA_FIELDS) - {"as_of"}))


def _evaluated(store: Store, plan_name: str) -> tuple[str, str]:
    found = reading.read(store, paths.evaluated(plan_name), EvaluatedKey.model_validate_json)
    return plan_name, found.key if found else ""


def _keys(plan: Plan, evaluated: str) -> list[tuple[str, str]]:
    steps = [*plan.steps(), *reference_steps(plan).values()]
    return [*((step.stage, step.key) for step in steps), *([("evaluate", evaluated)] if evaluated else [])]


def _names(plan: Plan, evaluated: str) -> list[str]:
    return [paths.manifest(stage, key) for stage, key in _keys(plan, evaluated)]


def _of(plan: Plan, evaluated: str, manifests: dict[str, Manifest]) -> dict[str, Manifest]:
    return {key: manifests[key] for _, key in _keys(plan, evaluated) if key in manifests}


def _past_run(run: _Read, slots: int) -> PastRun | None:
    """Return the duration of a run; None if it has not ended, or searched, whose time a request sets."""
    if run.timing is None or run.plan.request.search_minutes:
        return None
    computed = seconds_with_slots(_stages(run.computed), slots if run.plan.in_airflow else 1)
    return PastRun(shape_of(run.plan, slots), run.timing.seconds, computed or 0.0)


def _stages(manifests: Sequence[Manifest]) -> list[tuple[str, float | None]]:
    return [(made.stage, made.seconds) for made in manifests]
