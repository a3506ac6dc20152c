"""The best trial as a named set in the store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from meli_tasks.core.errors import BadHyperparameters, Conflict
from meli_tasks.core.hyperparameters import HyperparameterSet
from meli_tasks.search.trial import Asked, Trial
from meli_tasks.sets import catalog as named_sets
from meli_tasks.sets import stored as stored_sets
from meli_tasks.store import Store
from meli_tasks.wording import count

MOST_NAMES = 1_000  # of one family and day


def must_be_free(name: str, store: Store) -> None:
    """Errors: BadHyperparameters when a set has that name, or none may; before minutes are spent on it."""
    stored_sets.check_name(name)
    if named_sets.is_shipped(name):
        raise BadHyperparameters(f"The package has a set '{name}', and it stays what it is: choose another name.")
    if stored_sets.read(store, name) is not None:
        raise BadHyperparameters(
            f"There is a set '{name}' in {store.url} already: choose another name, or `meli sets {name} --remove`."
        )


def changes(start: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What differs between two trainings' parameters: from, to."""
    return {name: [start[name], params[name]] for name in start if start[name] != params[name]}


def keep(best: Trial, start: HyperparameterSet, asked: Asked, made_by: Mapping[str, Any], store: Store) -> str:
    """Write the best trial's parameters as a set of its own, and return its name."""
    values = start.model_dump(mode="json") | {"train": best.params, "variant": "searched"}
    values |= {"title": _title(best, start, made_by), "description": _description(best, made_by)}
    named_sets.checked(values, "What the search found")
    wanted = asked.name or f"search_{asked.family}_{datetime.now(UTC):%Y%m%d}"
    for number in range(1, 2 if asked.name else MOST_NAMES):
        name = wanted if number == 1 else f"{wanted}_{number}"
        try:
            stored_sets.write(store, name, values, made_by)
        except Conflict:
            continue
        return name
    raise Conflict(f"There is a set '{wanted}' in {store.url} by now: search again, with another name.")


def _title(best: Trial, start: HyperparameterSet, made_by: Mapping[str, Any]) -> str:
    changed = changes(start.train.model_dump(mode="json"), best.params)
    if not changed:
        return f"As {made_by['start']}: a search found nothing better"
    return f"Found by a search from {made_by['start']}, {count(len(changed), 'parameter')} changed"


def _description(best: Trial, made_by: Mapping[str, Any]) -> str:
    start = made_by["start_accuracy"]
    against = f", {made_by['start']} {start:.4f}" if start is not None else ""
    return (
        f"The best of {count(made_by['trials'], 'trial')} on {made_by['source']}: balanced accuracy "
        f"{best.accuracy:.4f} on the validation titles{against}. The best of many looks better than it is; the test "
        f"titles tell. Seed {made_by['seed']}, titles {made_by['preprocess'][:12]}, run {made_by['run_id']}."
    )
