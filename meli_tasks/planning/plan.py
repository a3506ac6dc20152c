"""The plan of a run: every step with its key, before anything runs.

Sets that share a tokenizer or word vectors share the work (`recipes`). The plan is kept in the store, and no other plan
overwrites it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, Self

from pydantic import Field, JsonValue, model_validator

from meli_tasks import sources
from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.manifest import canonical_json
from meli_tasks.core.errors import Conflict, NotFound
from meli_tasks.core.hyperparameters import HyperparameterSet
from meli_tasks.execution.runner import Step
from meli_tasks.index.changes import write_announced
from meli_tasks.planning.golden import PlannedGolden, plan_golden
from meli_tasks.planning.recipes import Fold, Recipe, Recipes, relabelled
from meli_tasks.planning.request import Request
from meli_tasks.planning.stored_sections import StoredParameters, StoredSet
from meli_tasks.sets import catalog as named_sets
from meli_tasks.sets.catalog import SECTIONS
from meli_tasks.settings import Settings
from meli_tasks.stages.stored import Stored
from meli_tasks.stages.summaries import ENSEMBLE
from meli_tasks.store import Store


class SearchedSet(Stored):
    """searched.json: the set that a run's search found, and its train step."""

    version: int = 2
    name: str
    step: Step
    values: StoredSet


class Plan(Stored):
    """What a run will do. `sets` maps a set's name to its train step, in the order in which they were chosen.

    If the run searches, the set that it finds joins them when the plan is loaded afterwards.

    With `folds`, each set is trained without each of them, for its figures, and `sets` are trained on `all_titles`.

    `name` is the plan's name in the store: by run and by request, so that another request overwrites nothing.
    """

    version: int = 2
    run_id: str
    at: str
    as_of: str
    dag_run_url: str
    request: StoredParameters
    ingest: Step
    recipes: tuple[Recipe, ...]
    sets: dict[str, Step]
    all_titles: Step | None = None
    folds: tuple[Fold, ...] = ()
    resolved: dict[str, StoredSet] = Field(default_factory=dict)
    golden: PlannedGolden | None = None
    started: str = ""
    """When the run started, in ISO format; empty if unknown. Its duration is recorded when it ends."""
    in_airflow: bool = False
    name: str = ""

    @model_validator(mode="after")
    def _name_new_plans(self) -> Self:
        """A plan that was loaded keeps its name, also when a stage's new version changes the keys."""
        if not self.name:
            object.__setattr__(self, "name", self._name_for(self.request.model_dump(mode="json")))
        return self

    def _name_for(self, request: dict[str, JsonValue]) -> str:
        # From what keys are computed from, so that a renamed or an added field changes no plan's name.
        made_from = canonical_json(
            [
                Request.key_values(request),
                self.ingest.key,
                {name: step.key for name, step in self.sets.items()},
                *([self.golden.digest] if self.golden else []),
            ]
        )
        digest = hashlib.sha256(made_from.encode()).hexdigest()[:12]
        return paths.plan(self.run_id, digest)

    @property
    def folder(self) -> str:
        """The prefix in the store of what belongs to this plan: `preview.json`, `evaluated.json`."""
        return paths.plan_folder(self.name)

    @property
    def force(self) -> bool:
        """Whether everything is computed again."""
        return self.request.force

    @property
    def listings(self) -> Step:
        """The listings that `sets` are trained on: those of ingest, or with folds those of all titles."""
        return self.all_titles or self.ingest

    @property
    def all_listings(self) -> tuple[Step, ...]:
        """Every step of the stage ingest, in the order they run."""
        made = (fold.listings for fold in self.folds if fold.listings != self.ingest)
        return (self.ingest, *([self.all_titles] if self.all_titles else []), *made)

    @property
    def all_recipes(self) -> tuple[Recipe, ...]:
        """The recipes of the sets, then those of the folds."""
        return (*self.recipes, *(recipe for fold in self.folds for recipe in fold.recipes))

    def training_runs(self, set_name: str) -> tuple[Step, ...]:
        """The train steps of a set: the one whose model may be promoted, then those of the folds."""
        return (self.sets[set_name], *(fold.sets[set_name] for fold in self.folds))

    def training_run(self, name: str) -> Step | None:
        """The train step of that name: that of a set, or of a set without a fold, such as `mlp, fold 2 of 5`."""
        return next((step for step in self._all_training_runs() if step.name == name), None)

    def _all_training_runs(self) -> list[Step]:
        return [*self.sets.values(), *(step for fold in self.folds for step in fold.sets.values())]

    def family(self, architecture: str) -> list[str]:
        """Names of the sets of one architecture."""
        return [name for name, step in self.sets.items() if step.outline.architecture == architecture]

    def displayed_set(self, name: str) -> dict[str, Any]:
        """The hyperparameters of a set, by section, as logs, pages and MLflow display them."""
        return self.resolved[name].model_dump(mode="json", include=set(SECTIONS))

    def steps(self) -> list[Step]:
        """Every step known in advance, in the order they run; evaluate and promote depend on how training ends.

        So does the ensemble: its step is that of a run in which every training run succeeds.
        """
        prepared = [step for recipe in self.all_recipes for step in (recipe.preprocess, *recipe.embeds)]
        trained = self._all_training_runs()
        ensembles = filter(None, (ensemble_step(self, list(self.sets), fold) for fold in (None, *self.folds)))
        return [*self.all_listings, *prepared, *trained, *ensembles]

    def for_run(self, run_id: str) -> Plan:
        """The same plan for another run."""
        return Plan.model_validate({**dict(self), "run_id": run_id, "name": ""})

    def save(self, store: Store) -> None:
        """Write the plan; the same plan of the same run is the same object."""
        write_announced(store, self.name, "plan", self.model_dump_json().encode())

    def add_searched(self, name: str, step: Step, values: HyperparameterSet, store: Store) -> Plan:
        """Store the set that the run's search found next to the plan, and return the plan with that set.

        The stored plan itself does not change.
        """
        added = SearchedSet(name=name, step=step, values=values)
        write_announced(store, self.name, "searched", added.model_dump_json().encode())
        return Plan.load(store, self.name)

    @classmethod
    def load(cls, store: Store, name: str, *, to_run: bool = False) -> Plan:
        """Read a plan. With `to_run` its steps must have the keys that this version gives them.

        Raises:
            NotFound: there is none of that name.
            BadData: the object is not a plan.
            Conflict: it is `to_run`, and an older version made it.
        """
        blob = store.read(name)
        if blob is None:
            raise NotFound(f"No plan {name} in {store.url}: run the task `plan` first.")
        stored = reading.parsed(store, name, blob.data, StoredRequest.model_validate_json)
        plan = reading.parsed(store, name, blob.data, cls.model_validate_json).model_copy(update={"name": name})
        searched = paths.searched(name)
        added = reading.read(store, searched, SearchedSet.model_validate_json) if plan.request.search_minutes else None
        if to_run and not plan._is_current(stored.request):
            raise Conflict(
                f"{name} was planned by an older version, whose results have other keys: clear the task plan and its "
                "downstream tasks, so that the run is planned again."
            )
        if added:
            plan.sets[added.name] = added.step
            plan.resolved[added.name] = added.values
        return plan

    def _is_current(self, request: dict[str, JsonValue]) -> bool:
        """Whether the input keys of every step are those that its upstream steps have in this version.

        The plan's name was made from the request as it was then and the keys of ingest and train; the steps between
        are compared one by one.
        """
        derived = self.all_listings[1:]
        recipes = self.all_recipes
        listings = {step.key for step in self.all_listings}
        prepared = {recipe.preprocess.key for recipe in recipes}
        embedded = {embed.key for recipe in recipes for embed in recipe.embeds}
        trained = self._all_training_runs()
        dependent = [embed for recipe in recipes for embed in recipe.embeds] + trained
        return (
            self._name_for(request) == self.name
            and all(step.inputs["ingest"] == self.ingest.key for step in derived)
            and all(recipe.preprocess.inputs["ingest"] in listings for recipe in recipes)
            and all(step.inputs["preprocess"] in prepared for step in dependent)
            and all(step.inputs["embed"] in embedded for step in trained)
        )


class StoredRequest(Stored):
    """The request of a stored plan as it was written, whatever the version: the plan's name was made from it."""

    request: dict[str, JsonValue]


def make_plan(
    request: Request,
    settings: Settings,
    run_id: str,
    as_of: date | None,
    dag_run_url: str = "",
    *,
    store: Store | None = None,
) -> Plan:
    """Resolve a request into steps with content keys. Lists the files of the source, but computes nothing.

    Args:
        request: What to do.
        settings: For the keys of sources.
        run_id: The run that the plan is for.
        as_of: The date on which the run is due, which the request may replace.
        dag_run_url: Its page in Airflow.
        store: Where golden titles are looked for and kept. Without it the plan has none; it is for plans that do not
            evaluate.

    Raises:
        BadHyperparameters: an unknown set or override, or a value out of range.
        BadData: the source does not exist, or the golden titles cannot be used.
    """
    resolved = {name: named_sets.resolve(name, request.overrides, settings) for name in request.sets}
    day = request.as_of or as_of
    source = sources.identify(request.source, day, settings, request.window_days, dated_rows=bool(request.date_column))
    ingest = Step(
        "ingest",
        source.spec,
        request.ingest(day).model_dump(mode="json"),
        {"source": source.identity},
        {"source": source.spec},
    )
    recipes = Recipes(resolved, settings)
    all_titles = relabelled(ingest, 0, 0) if request.folds else None
    prepared = recipes.prepare(all_titles or ingest)
    return Plan(
        run_id=run_id,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        as_of=str(day or ""),
        dag_run_url=dag_run_url,
        request=request,
        ingest=ingest,
        recipes=prepared.recipes,
        sets=prepared.sets,
        all_titles=all_titles,
        folds=tuple(recipes.fold(ingest, number, request.folds) for number in range(1, request.folds + 1)),
        resolved=resolved,
        golden=plan_golden(request.golden, request.source, source, day, settings=settings, store=store)
        if store
        else None,
    )


def why_no_ensemble(plan: Plan, trained: Sequence[str]) -> str:
    """The reason why a run that trained these sets makes no ensemble; empty if it makes one."""
    if not plan.request.ensemble:
        return "this run does not request one"
    different = len({plan.sets[name].key for name in trained})
    return (
        ""
        if different > 1
        else f"it needs two different models, but {different} {'was' if different == 1 else 'were'} trained"
    )


def ensemble_step(plan: Plan, trained: Sequence[str], fold: Fold | None = None) -> Step | None:
    """The step that combines the models of trained sets, or those of a fold; None if the run makes no ensemble."""
    if why_no_ensemble(plan, trained):
        return None
    sets, listings = (fold.sets, fold.listings) if fold else (plan.sets, plan.listings)
    models = {sets[name].key: name for name in sorted(trained, reverse=True)}
    names = sorted(models.values())
    inputs = {"ingest": listings.key, **{f"model:{name}": sets[name].key for name in names}}
    params = plan.request.ensembling().model_dump()
    return Step(ENSEMBLE, ", ".join([*names, *([fold.name] if fold else [])]), params, inputs)
