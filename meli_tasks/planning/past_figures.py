"""What estimates need of a past run: its steps and how long they took, and what its duration depends on."""

from __future__ import annotations

import hashlib

from pydantic import Field, JsonValue

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import Manifest, canonical_json, find
from meli_tasks.execution.runner import MODEL, Step
from meli_tasks.index.attempts import Attempts
from meli_tasks.planning.compared import reference_steps
from meli_tasks.planning.estimate import PastStep, RunShape
from meli_tasks.planning.parameters import DATA_FIELDS
from meli_tasks.planning.plan import Plan
from meli_tasks.stages.stored import Stored
from meli_tasks.stages.summaries import IngestSummary
from meli_tasks.store import Store


class StoredPastStep(Stored):
    """A step whose result a past run had."""

    stage: str
    key: str
    params: dict[str, JsonValue] = Field(default_factory=dict)
    models: int = Field(0, description="among its inputs")
    seconds: float
    device: str = ""
    threads: int = 0
    computed: bool = Field(False, description="whether the run computed it itself")

    @classmethod
    def of(cls, manifest: Manifest, run_id: str) -> StoredPastStep:
        """Take it from the manifest of its artifact."""
        return cls(
            stage=manifest.stage,
            key=manifest.key,
            # Those of an evaluation hold figures of its models, and are not compared.
            params={} if manifest.stage in ("evaluate", "reference") else dict(manifest.params),
            models=sum(name.startswith(MODEL) for name in manifest.inputs),
            seconds=manifest.seconds,
            device=manifest.conditions.device,
            threads=manifest.conditions.threads,
            computed=manifest.run_id == run_id,
        )

    def past(self, titles: int | None) -> PastStep:
        """The step of a run with this number of titles."""
        inputs = {f"{MODEL}{place}": "" for place in range(self.models)}
        step = Step(self.stage, "", self.params, inputs)
        return PastStep(step, self.seconds, titles, (self.device, self.threads))


class PastFigures(Stored):
    """What estimates need of a run; without steps for a run that found nothing new."""

    in_airflow: bool = False
    folds: int = 0
    recipes: int = 0
    trainings: int = 0
    planned: int = Field(0, description="steps that follow one another outside Airflow")
    searched: bool = Field(False, description="whether it searched, for as long as was requested")
    source: str = Field("", description="digest of what decides how many titles a night has")
    titles: int | None = None
    steps: tuple[StoredPastStep, ...] = ()

    @classmethod
    def of(cls, plan: Plan, manifests: list[Manifest]) -> PastFigures:
        """Take them from a plan and from the manifests of its steps."""
        ingested = next((made for made in manifests if made.key == plan.ingest.key), None)
        return cls(
            in_airflow=plan.in_airflow,
            folds=len(plan.folds),
            recipes=len(plan.all_recipes),
            trainings=sum(len(plan.training_runs(name)) for name in plan.sets),
            planned=len(plan.steps()),
            searched=bool(plan.request.search_minutes),
            source=source_of(plan),
            titles=rows_of(ingested) if ingested else None,
            steps=tuple(StoredPastStep.of(made, plan.run_id) for made in manifests),
        )

    def shape(self, sets: tuple[str, ...], slots: int) -> RunShape:
        """What the duration of a run of these sets depends on besides its steps.

        In Airflow plan, ingest, the list of sets, ensemble, evaluate, decide, approve and promote follow one another,
        and between them the recipes and the training runs, as many at once as there are slots.
        """
        in_airflow = 8 + 2 * -(-self.recipes // slots) + -(-self.trainings // slots)
        waves = in_airflow if self.in_airflow else self.planned + 3
        return RunShape(self.in_airflow, sets, self.folds, waves)


def read_figures(store: Store, plan_name: str, evaluated: str, attempts: Attempts) -> PastFigures | None:
    """Read the figures of a run; None if its plan cannot be read.

    Args:
        store: Where it is.
        plan_name: Its plan.
        evaluated: The key of its evaluation; empty if it has none.
        attempts: Reports what cannot be read.
    """
    plan = attempts.attempt(plan_name, lambda: Plan.load(store, plan_name))
    if plan is None:
        return None
    steps = [*plan.steps(), *reference_steps(plan).values()]
    keys = dict.fromkeys(
        [*((step.stage, step.key) for step in steps), *([("evaluate", evaluated)] if evaluated else [])]
    )
    found = []
    for stage, key in keys:
        name = paths.manifest(stage, key)
        found.append(attempts.attempt(name, lambda stage=stage, key=key: find(store, stage, key)))  # type: ignore[misc]
    return PastFigures.of(plan, [made for made in found if made])


def source_of(plan: Plan) -> str:
    """What decides how many titles a night has; the source is the request's, whose {ds} stands for any date.

    A digest, since the source may hold a password.
    """
    decides = canonical_json(plan.request.model_dump(mode="json", include=set(DATA_FIELDS) - {"as_of"}))
    return hashlib.sha256(decides.encode()).hexdigest()[:16]


def rows_of(ingested: Manifest) -> int | None:
    """Return the listings that an ingest step wrote; None if its summary does not say."""
    return ingested.read_summary(IngestSummary).rows or None
