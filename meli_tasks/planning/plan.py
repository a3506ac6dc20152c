"""The plan of a run: every step with its key, before anything ran.

Sets that share a tokenizer or word vectors share the work: a recipe is one preprocess step with the embed steps on top
of it, and each training names the two it stands on. The plan is kept in the store and never overwritten by another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

from meli_tasks import sources
from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import Manifest, canonical_json, find
from meli_tasks.core.errors import Conflict, NotFound
from meli_tasks.core.hyperparameters import HyperparameterSet
from meli_tasks.execution.runner import Step
from meli_tasks.ledger import Champion
from meli_tasks.planning.request import Request
from meli_tasks.sets import catalog as named_sets
from meli_tasks.settings import Settings
from meli_tasks.store import Store

ENSEMBLE = "ensemble"
"""The stage that weighs a run's models into one, and that model's label among them. No set may have this name."""


"""What stands beside a plan whose run searched: the set that was found."""


@dataclass(frozen=True)
class Recipe:
    """One way from listings to arrays and vectors, shared by the sets that ask for it."""

    name: str
    preprocess: Step
    embeds: tuple[Step, ...]


@dataclass(frozen=True)
class Plan:
    """What a run will do. `sets` maps a set's name to its training step, in the order they were chosen.

    Is the run to search, the set that was found joins them when the plan is loaded afterwards.

    `name` is the plan's in the store: by run, and by what was asked, so asking differently overwrites nothing.
    """

    run_id: str
    at: str
    as_of: str
    dag_run_url: str
    request: dict[str, Any]
    ingest: Step
    recipes: tuple[Recipe, ...]
    sets: dict[str, Step]
    resolved: dict[str, dict[str, Any]] = field(default_factory=dict)
    name: str = ""

    def __post_init__(self) -> None:
        """Names a new plan. One that was loaded keeps its name, also when a stage's new version changes the keys."""
        if self.name:
            return
        # Former names of parameters, as in the keys: a plan of the version before keeps its name.
        request = Request.with_former_names(self.request)
        asked = canonical_json([request, self.ingest.key, {name: step.key for name, step in self.sets.items()}])
        digest = hashlib.sha256(asked.encode()).hexdigest()[:12]
        object.__setattr__(self, "name", paths.plan(self.run_id, digest))

    @property
    def folder(self) -> str:
        """The prefix in the store of what belongs to this plan: `preview.json`, `evaluated.json`."""
        return paths.plan_folder(self.name)

    @property
    def force(self) -> bool:
        """Whether everything is to be computed again."""
        return bool(self.request["force"])

    def family(self, architecture: str) -> list[str]:
        """Names of the sets of one architecture."""
        return [name for name, step in self.sets.items() if step.params["architecture"] == architecture]

    def steps(self) -> list[Step]:
        """Every step known in advance, in the order they run; evaluate and promote depend on how trainings end.

        So does the ensemble: the step is that of a run in which all succeed.
        """
        prepared = [step for recipe in self.recipes for step in (recipe.preprocess, *recipe.embeds)]
        ensemble = ensemble_step(self, list(self.sets))
        return [self.ingest, *prepared, *self.sets.values(), *([ensemble] if ensemble else [])]

    def save(self, store: Store) -> None:
        """Write the plan; the same plan of the same run is the same object."""
        store.write(self.name, json.dumps(asdict(self), ensure_ascii=False).encode())

    def add_searched(self, name: str, step: Step, values: HyperparameterSet, store: Store) -> Plan:
        """Keep the set that the run's search found beside the plan, which stays what was asked; the plan with it."""
        added = {"name": name, "step": asdict(step), "values": values.model_dump(mode="json")}
        store.write(paths.searched(self.name), json.dumps(added, ensure_ascii=False).encode())
        return Plan.load(store, self.name)

    @classmethod
    def load(cls, store: Store, name: str, *, to_run: bool = False) -> Plan:
        """Read a plan: to tell of its run, or `to_run` its steps, which then have to be those of this version.

        Raises:
            NotFound: there is none of that name.
            Conflict: it is `to_run` and an older version made it.
        """
        blob = store.read(name)
        if blob is None:
            raise NotFound(f"No plan {name} in {store.url}: run the task `plan` first.")
        fields = json.loads(blob.data)
        fields["ingest"] = Step(**fields["ingest"])
        fields["sets"] = {set_name: Step(**step) for set_name, step in fields["sets"].items()}
        fields["recipes"] = tuple(
            Recipe(
                name=recipe["name"],
                preprocess=Step(**recipe["preprocess"]),
                embeds=tuple(Step(**step) for step in recipe["embeds"]),
            )
            for recipe in fields["recipes"]
        )
        plan = cls(**{**fields, "name": name})
        if to_run and not plan._current():
            raise Conflict(
                f"{name} was planned by an older version, whose results have other keys: clear the task plan and all "
                "behind it, so that the run is planned anew."
            )
        found = store.read(paths.searched(name)) if plan.request.get("search_minutes") else None
        if found:  # one set more than was asked for
            added = json.loads(found.data)
            plan.sets[added["name"]] = Step(**added["step"])
            plan.resolved[added["name"]] = added["values"]
        return plan

    def _current(self) -> bool:
        """Whether every step stands on the keys that the steps before it have now.

        The plan's name was made of the keys of ingest and of the trainings, those between are compared one by one.
        """
        prepared = {recipe.preprocess.key for recipe in self.recipes}
        embedded = {embed.key for recipe in self.recipes for embed in recipe.embeds}
        standing = [embed for recipe in self.recipes for embed in recipe.embeds] + list(self.sets.values())
        return (
            replace(self, name="").name == self.name
            and all(step.inputs["preprocess"] in prepared for step in standing)
            and all(step.inputs["embed"] in embedded for step in self.sets.values())
        )


def make_plan(request: Request, settings: Settings, run_id: str, as_of: date | None, dag_run_url: str = "") -> Plan:
    """Resolve what was asked into steps with keys. Looks at the source, computes nothing.

    Raises:
        BadHyperparameters: an unknown set or override, or a value out of range.
        BadData: the source is not there.
    """
    resolved = {name: named_sets.resolve(name, request.overrides, settings) for name in request.sets}
    source = sources.identify(
        request.source,
        request.as_of or as_of,
        settings,
        request.window_days,
        dated_rows=bool(request.date_column),
    )
    ingest = Step(
        "ingest",
        source.redacted,
        request.ingest(request.as_of or as_of).model_dump(mode="json"),
        {"source": source.identity},
        {"source": source.spec},
    )
    preprocess: dict[str, Step] = {}
    embeds: dict[str, dict[str, Step]] = {}
    trains: dict[str, Step] = {}
    for name, values in resolved.items():
        prepared = _preprocess(values, ingest)
        embedded = _embed(values, prepared, settings)
        preprocess.setdefault(prepared.key, prepared)
        embeds.setdefault(prepared.key, {}).setdefault(embedded.key, embedded)
        trains[name] = Step(
            "train", name, values.train.model_dump(mode="json"), {"preprocess": prepared.key, "embed": embedded.key}
        )
    recipes = tuple(Recipe(step.name, step, tuple(embeds[key].values())) for key, step in preprocess.items())
    return Plan(
        run_id=run_id,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        as_of=str(request.as_of or as_of or ""),
        dag_run_url=dag_run_url,
        request=request.model_dump(mode="json"),
        ingest=ingest,
        recipes=recipes,
        sets=trains,
        resolved={name: values.model_dump(mode="json") for name, values in resolved.items()},
    )


def evaluate_step(plan: Plan, models: Mapping[str, str]) -> Step:
    """The step that measures trained models, label -> key, on the run's test split."""
    inputs = {"ingest": plan.ingest.key, **{f"model:{label}": key for label, key in sorted(models.items())}}
    return Step(
        "evaluate", ", ".join(sorted(models)), Request.model_validate(plan.request).evaluate().model_dump(), inputs
    )


def no_ensemble(plan: Plan, trained: Sequence[str]) -> str:
    """Why a run whose trainings of these sets succeeded makes no ensemble; empty when it does."""
    if not plan.request.get("ensemble"):  # nor has a plan of a time when there were none
        return "this run wants none"
    different = {plan.sets[name].key for name in trained}
    return "" if len(different) > 1 else f"it takes two different models, and {len(different)} was trained"


def ensemble_step(plan: Plan, trained: Sequence[str]) -> Step | None:
    """The step that weighs trained sets into one model; None when there is to be no ensemble."""
    if no_ensemble(plan, trained):
        return None
    models = {plan.sets[name].key: name for name in sorted(trained, reverse=True)}
    names = sorted(models.values())
    inputs = {"ingest": plan.ingest.key, **{f"model:{name}": plan.sets[name].key for name in names}}
    params = Request.model_validate(plan.request).ensembling().model_dump()
    return Step(ENSEMBLE, ", ".join(names), params, inputs)


def made_ensemble(plan: Plan, trained: Sequence[str], store: Store) -> Manifest | None:
    """What the stage ensemble made of these sets, if it ran; its summary says whether it offers a model."""
    step = ensemble_step(plan, trained)
    return find(store, step.stage, step.key) if step else None


def measured_models(
    plan: Plan, trained: Sequence[str], ensemble: Manifest | None, champion: Champion | None
) -> tuple[dict[str, str], str | None]:
    """What a run measures: label -> key of trained sets, ensemble and champion; and the label of the champion."""
    models = {name: plan.sets[name].key for name in sorted(trained)}
    if ensemble and ensemble.summary.get("offered"):
        models[ENSEMBLE] = ensemble.key
    if champion is None:
        return models, None
    own = (name for name, key in models.items() if key == champion.train)
    label = next(own, f"{champion.set_name} (champion)")
    models.setdefault(label, champion.train)
    return models, label


def _preprocess(values: HyperparameterSet, ingest: Step) -> Step:
    params = values.preprocess
    ngrams = f", {params.max_ngrams / 1000:g}k n-grams" if params.max_ngrams else ""
    return Step(
        "preprocess", f"{params.tokenizer} words{ngrams}", params.model_dump(mode="json"), {"ingest": ingest.key}
    )


def _embed(values: HyperparameterSet, prepared: Step, settings: Settings) -> Step:
    params, inputs, fetch = values.embed, {"preprocess": prepared.key}, {}
    if params.method == "pretrained":
        inputs["vectors"] = sources.identify_vectors(params.path, settings).identity
        fetch["vectors"] = params.path
    return Step("embed", f"{params.method} {params.dimensions}", params.model_dump(mode="json"), inputs, fetch)
