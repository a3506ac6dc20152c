"""Where a search starts: the set that was named, or the best of its family that anybody has trained on these titles."""

from __future__ import annotations

from datetime import date

from meli_tasks.artifacts.manifest import find
from meli_tasks.core.errors import BadHyperparameters
from meli_tasks.planning.plan import Plan, make_plan
from meli_tasks.planning.request import Request
from meli_tasks.search.trial import Asked
from meli_tasks.sets import catalog as named_sets
from meli_tasks.sets import stored as stored_sets
from meli_tasks.settings import Settings
from meli_tasks.stages.summaries import TrainSummary
from meli_tasks.store import Store


def plan_of_start(asked: Asked, request: Request, settings: Settings, store: Store, as_of: date | None) -> Plan:
    """The plan of the starting set alone, with the request's overrides: its one set is the start.

    Of several trained sets the best is the one with the highest balanced accuracy on validation; where none was, it is
    the family's default. Sets made for first looks are left out, and those on a file of vectors, which may be far away.

    Raises:
        BadHyperparameters: there is no such set, or it is of the other family.
    """
    if asked.start:
        family = named_sets.resolve(asked.start, request.overrides, settings).train.architecture
        if family != asked.family:
            raise BadHyperparameters(
                f"The set {asked.start} is of the family {family}, and {asked.family} is to be searched: "
                f"name the family {family}, or another set to start from."
            )
        return _plan((asked.start,), request, settings, as_of)
    plan = _plan(tuple(_candidates(asked.family, request, settings, store)), request, settings, as_of)
    accuracy = {}
    for name, step in plan.sets.items():
        manifest = find(store, step.stage, step.key)
        if manifest:
            accuracy[name] = manifest.read_summary(TrainSummary).validation_balanced_accuracy
    best = max(accuracy, key=lambda name: accuracy[name], default=asked.family)
    return _plan((best,), request, settings, as_of)


def _candidates(family: str, request: Request, settings: Settings, store: Store) -> list[str]:
    """The family's default, which bears its name, and every set that could be better."""
    found = [family]
    for name in [*named_sets.names(), *stored_sets.names(store)]:
        try:
            values = named_sets.resolve(name, request.overrides, settings)
        except BadHyperparameters:  # with the overrides, or at all: then it is not the best either
            continue
        usable = values.variant != "quick" and values.embed.method != "pretrained"
        if name != family and values.train.architecture == family and usable:
            found.append(name)
    return found


def _plan(names: tuple[str, ...], request: Request, settings: Settings, as_of: date | None) -> Plan:
    return make_plan(request.model_copy(update={"sets": names, "stored_sets": ""}), settings, "", as_of)
