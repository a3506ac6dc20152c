"""Sets in the store, each a YAML document `sets/NAME.yaml` like the files of the package.

`catalog` validates them. Besides the parameters, a document says who created it (`made_by`). It is never overwritten:
a name means the same set until somebody removes it.

Every DAG file loads this module through `catalog`, for the sets of the package. So what only documents in the store
need is imported where it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import yaml

from meli_tasks.core.errors import BadHyperparameters, Conflict

if TYPE_CHECKING:
    from meli_tasks.settings import Settings
    from meli_tasks.store import Store

MAX_NAME_LENGTH = 200
MAX_DEPTH = 20
# An evaluation has a column for each model, named after it, besides the columns of the titles.
RESERVED = {
    "ensemble": "it is the name of the ensembles that runs make",
    "row": "it is the name of a column of every evaluation",
    "category": "it is the name of a column of every evaluation",
}
RESERVED_ENDING = "_probability"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def store_of(settings: Settings | None) -> Store | None:
    """The store of the settings, or None if none is set; then only the package's sets exist."""
    return settings.open_store() if settings and settings.store else None


def names(store: Store) -> list[str]:
    """The names of the sets in the store, sorted."""
    from meli_tasks.artifacts import paths

    found = (paths.set_name(name) for name in store.names(paths.SETS))
    return [name for name in found if name is not None and is_name(name)]


def read(store: Store, name: str) -> str | None:
    """Read a set's document; None if it does not exist.

    Raises:
        BadHyperparameters: it was damaged since it was written.
    """
    from meli_tasks.artifacts import paths
    from meli_tasks.artifacts.seals import BrokenSeal, unsealed

    stored_as = paths.hyperparameter_set(name)
    blob = store.read(stored_as) if is_name(name) else None
    if blob is None:
        return None
    try:
        return unsealed(stored_as, blob.data).decode("utf-8", errors="replace")
    except BrokenSeal as error:
        raise BadHyperparameters(
            f"Set '{name}' ({stored_as} in {store.url}) cannot be read: {error} Otherwise remove it with "
            f"`meli sets {name} --remove`, and make it again."
        ) from None


def write(store: Store, name: str, values: Mapping[str, object], made_by: Mapping[str, object]) -> None:
    """Write a new set.

    Raises:
        Conflict: the name is taken.
        BadHyperparameters: no set may have this name.
    """
    from meli_tasks.artifacts import paths, reading

    check_name(name)
    text = yaml.safe_dump({**values, "made_by": dict(made_by)}, sort_keys=False, allow_unicode=True)
    try:
        reading.write(store, paths.hyperparameter_set(name), text.encode(), if_absent=True)
    except Conflict:
        # If a response is lost, the client retries and finds its own document.
        if read(store, name) != text:
            raise Conflict(f"{store.url} already has a set {name!r}: choose another name.") from None


def remove(store: Store, name: str) -> None:
    """Remove a set. Models trained with it stay, and keep its name.

    Raises:
        BadHyperparameters: there is no such set.
    """
    from meli_tasks.artifacts import paths

    if not is_name(name) or store.size(paths.hyperparameter_set(name)) is None:
        raise BadHyperparameters(f"There is no set '{name[:MAX_NAME_LENGTH]}' in {store.url}: nothing was removed.")
    store.delete(paths.hyperparameter_set(name))


def parsed(text: str, name: str) -> dict[str, object]:
    """Parse a set's document.

    Raises:
        BadHyperparameters: it is not a YAML mapping.
    """
    try:
        _check_depth(text, name)
        values = yaml.load(text, _LOADER)
    except yaml.YAMLError as error:
        raise BadHyperparameters(f"Set '{name}' is not valid YAML: {error}") from error
    if not isinstance(values, dict):
        raise BadHyperparameters(f"Set '{name}' must be a mapping of keys to values, not {type(values).__name__}")
    return values


def _check_depth(text: str, name: str) -> None:
    """Refuse a deeply nested document before libyaml composes it: that recurses in C, and takes the process down."""
    depth = 0
    for event in yaml.parse(text, _LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise BadHyperparameters(f"Set '{name}' is nested more than {MAX_DEPTH} levels deep")


def is_name(name: str) -> bool:
    """Whether a text is a valid name of a set."""
    return len(name) <= MAX_NAME_LENGTH and name.isascii() and name.replace("_", "").replace("-", "").isalnum()


def check_name(name: str) -> None:
    """Check the name of a new set.

    Raises:
        BadHyperparameters: no set may have this name.
    """
    if not is_name(name):
        raise BadHyperparameters(
            f"{name[:MAX_NAME_LENGTH]!r} is not a valid name of a set: use letters of the English alphabet, digits, "
            f"'_' and '-', at most {MAX_NAME_LENGTH} characters."
        )
    check_not_reserved(name)


def check_not_reserved(name: str) -> None:
    """Check that runs use a name for nothing else. A set that already has the name can still be removed.

    Raises:
        BadHyperparameters: the name is reserved.
    """
    reason = RESERVED.get(name)
    if name.endswith(RESERVED_ENDING):
        reason = f"the columns with the probabilities of each model end in {RESERVED_ENDING}"
    if reason:
        raise BadHyperparameters(f"A set cannot be named {name!r}: {reason}. Choose another name.")
