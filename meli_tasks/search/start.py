"""Chooses the set that a search starts from: the one named, or the best of the family trained on these titles."""

from __future__ import annotations

from datetime import date

from meli_tasks.artifacts.manifest import find
from meli_tasks.core.errors import BadHyperparameters
from meli_tasks.planning.plan import Plan, make_plan
from meli_tasks.planning.request import Request
from meli_tasks.search.trial import SearchOptions
from meli_tasks.sets import catalog as named_sets
from meli_tasks.sets import stored as stored_sets
from meli_tasks.settings import Settings
from meli_tasks.stages.summaries import TrainSummary
from meli_tasks.store import Store


def plan_of_start(
    options: SearchOptions, request: Request, settings: Settings, store: Store, as_of: date | None
) -> Plan:
    """Return the plan of the starting set alone, with the overrides of the request.

    The best set has the highest balanced accuracy on the validation titles; if none was trained, the default set of the
    family is used. Quick sets are left out, and so are sets with pretrained vectors, whose file may be slow to fetch.

    Raises:
        BadHyperparameters: The set does not exist or belongs to the other family.
    """
    if options.start:
        family = named_sets.resolve(options.start, request.overrides, settings).train.architecture
        if family != options.family:
            raise BadHyperparameters(
                f"The set {options.start} belongs to the family {family}, but the search is for {options.family}. "
                f"Use the family {family}, or start from another set."
            )
        return _plan((options.start,), request, settings, as_of)
    plan = _plan(tuple(_candidates(options.family, request, settings, store)), request, settings, as_of)
    accuracy = {}
    for name, step in plan.sets.items():
        manifest = find(store, step.stage, step.key)
        if manifest:
            accuracy[name] = manifest.read_summary(TrainSummary).validation_balanced_accuracy
    best = max(accuracy, key=lambda name: accuracy[name], default=options.family)
    return _plan((best,), request, settings, as_of)


def _candidates(family: str, request: Request, settings: Settings, store: Store) -> list[str]:
    """Return the default set of the family, which has the same name, and every set that could be better."""
    found = [family]
    for name in [*named_sets.names(), *stored_sets.names(store)]:
        try:
            values = named_sets.resolve(name, request.overrides, settings)
        except BadHyperparameters:  # invalid with these overrides, or in any case: not a candidate
            continue
        usable = values.variant != "quick" and values.embed.method != "pretrained"
        if name != family and values.train.architecture == family and usable:
            found.append(name)
    return found


def _plan(names: tuple[str, ...], request: Request, settings: Settings, as_of: date | None) -> Plan:
    return make_plan(request.model_copy(update={"sets": names, "stored_sets": ""}), settings, "", as_of)
