"""Hyperparameter sets that live in the store, `sets/NAME.yaml` each: raw documents, as the package's own files are.

`named_sets` checks them by the one schema. Beside the parameters a document says who made it (`made_by`). One that
stands is never overwritten: a name means the same set until somebody removes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import yaml

from meli_tasks.artifacts import paths
from meli_tasks.core.errors import BadHyperparameters, Conflict

if TYPE_CHECKING:
    from meli_tasks.settings import Settings
    from meli_tasks.store import Store

LONGEST_NAME = 200
# An evaluation has a column for each model, called like it, beside those of the titles.
RESERVED = {
    "ensemble": "so are the models that a run makes of its others",
    "row": "so is a column of every evaluation",
    "category": "so is a column of every evaluation",
}
RESERVED_ENDING = "_probability"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def store_of(settings: Settings | None) -> Store | None:
    """The store of the settings, or None where none is set: then there are only the package's own sets."""
    return settings.open_store() if settings and settings.store else None


def names(store: Store) -> list[str]:
    """Every set in the store, sorted."""
    found = (paths.set_name(name) for name in store.names(paths.SETS))
    return [name for name in found if name is not None and is_name(name)]


def read(store: Store, name: str) -> str | None:
    """The text of a set's document; None when there is none of that name."""
    blob = store.read(paths.hyperparameter_set(name)) if is_name(name) else None
    return blob.data.decode("utf-8", errors="replace") if blob else None


def write(store: Store, name: str, values: Mapping[str, Any], made_by: Mapping[str, Any]) -> None:
    """Keep a new set. Errors: Conflict when the name is taken, BadHyperparameters when no set may have it."""
    check_name(name)
    text = yaml.safe_dump({**values, "made_by": dict(made_by)}, sort_keys=False, allow_unicode=True)
    try:
        store.write(paths.hyperparameter_set(name), text.encode(), if_absent=True)
    except Conflict:
        # After a lost answer the client writes again and meets its own document.
        if read(store, name) != text:
            raise Conflict(f"There is a set {name!r} in {store.url} already: choose another name.") from None


def remove(store: Store, name: str) -> None:
    """Take a set away. What was trained with it stays, and names it. Errors: BadHyperparameters when there is none."""
    if read(store, name) is None:
        raise BadHyperparameters(f"There is no set '{name[:LONGEST_NAME]}' in {store.url}, so none was removed.")
    store.delete(paths.hyperparameter_set(name))


def parsed(text: str, name: str) -> dict[str, Any]:
    """A set's document as keys and values. Errors: BadHyperparameters when it is none."""
    try:
        values = yaml.load(text, _LOADER)
    except yaml.YAMLError as error:
        raise BadHyperparameters(f"Set '{name}' is not YAML: {error}") from error
    if not isinstance(values, dict):
        raise BadHyperparameters(f"Set '{name}' must hold keys and values, seen {type(values).__name__}")
    return values


def is_name(name: str) -> bool:
    """Whether a text can name a set."""
    return len(name) <= LONGEST_NAME and name.isascii() and name.replace("_", "").replace("-", "").isalnum()


def check_name(name: str) -> None:
    """Errors: BadHyperparameters when no new set may have that name."""
    if not is_name(name):
        raise BadHyperparameters(
            f"{name[:LONGEST_NAME]!r} cannot name a set: a name has letters of the English alphabet, digits, '_' and "
            f"'-', at most {LONGEST_NAME} of them."
        )
    check_not_reserved(name)


def check_not_reserved(name: str) -> None:
    """Errors: BadHyperparameters when a run calls something else so; what stands under that name can be removed."""
    reason = RESERVED.get(name)
    if name.endswith(RESERVED_ENDING):
        reason = f"the columns of an evaluation with each model's probabilities end in {RESERVED_ENDING}"
    if reason:
        raise BadHyperparameters(f"No set can be named {name!r}: {reason}. Choose another name.")
