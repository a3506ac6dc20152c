"""Stores the best trial as a named set."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from meli_tasks.core.errors import BadHyperparameters, Conflict
from meli_tasks.core.hyperparameters import HyperparameterSet
from meli_tasks.search.outcome import Change
from meli_tasks.search.trial import Family, Params, SearchOptions, Trial
from meli_tasks.sets import catalog as named_sets
from meli_tasks.sets import stored as stored_sets
from meli_tasks.store import Store
from meli_tasks.wording import count

MAX_NAMES = 1_000  # of one family and day


@dataclass(frozen=True)
class MadeBy:
    """Where a set comes from; stored with it as `made_by`."""

    run_id: str
    family: Family
    start: str
    start_accuracy: float | None
    seed: int
    minutes: float
    trials: int
    source: str
    preprocess: str
    """Key of the encoded titles that the trials were trained on."""


def check_name_is_free(name: str, store: Store) -> None:
    """Check the name of the new set before time is spent on the search.

    Raises:
        BadHyperparameters: A set has this name, or no set may have it.
    """
    stored_sets.check_name(name)
    if named_sets.is_shipped(name):
        raise BadHyperparameters(f"The package has a set '{name}', which cannot be replaced. Choose another name.")
    if stored_sets.read(store, name) is not None:
        raise BadHyperparameters(
            f"There is already a set '{name}' in {store.url}. Choose another name, or run `meli sets {name} --remove`."
        )


def changes(start: Params, params: Params) -> dict[str, Change]:
    """Return the differences between the parameters of two training runs."""
    return {name: Change(start[name], params[name]) for name in start if start[name] != params[name]}


def store_set(best: Trial, start: HyperparameterSet, options: SearchOptions, made_by: MadeBy, store: Store) -> str:
    """Store the best trial's parameters as a set of its own, and return its name."""
    values = start.model_dump(mode="json") | {"train": best.params, "variant": "searched"}
    values |= {"title": _title(best, start, made_by), "description": _description(best, made_by)}
    named_sets.checked(values, "What the search found")
    first_choice = options.name or f"search_{options.family}_{datetime.now(UTC):%Y%m%d}"
    for number in range(1, 2 if options.name else MAX_NAMES):
        name = first_choice if number == 1 else f"{first_choice}_{number}"
        try:
            stored_sets.write(store, name, values, asdict(made_by))
        except Conflict:
            continue
        return name
    raise Conflict(f"There is now a set '{first_choice}' in {store.url}. Search again with another name.")


def _title(best: Trial, start: HyperparameterSet, made_by: MadeBy) -> str:
    changed = changes(start.train.model_dump(mode="json"), best.params)
    if not changed:
        return f"Same as {made_by.start}: a search found nothing better"
    return f"Found by a search from {made_by.start}, {count(len(changed), 'parameter')} changed"


def _description(best: Trial, made_by: MadeBy) -> str:
    start = made_by.start_accuracy
    compared = f", {made_by.start} {start:.4f}" if start is not None else ""
    return (
        f"The best of {count(made_by.trials, 'trial')} on {made_by.source}: balanced accuracy {best.accuracy:.4f} on "
        f"the validation titles{compared}. The best of many trials looks better than it is; the test titles give an "
        f"unbiased figure. Seed {made_by.seed}, titles {made_by.preprocess[:12]}, run {made_by.run_id}."
    )
