"""Marking what is reused, so that a prune that runs at the same time leaves it alone.

A prune deletes only what was neither written nor marked for days (`pruning.rules.GRACE`). Both write the manifest by
compare-and-swap, so either the mark is there before the prune looks, or the artifact counts as missing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from meli_tasks.artifacts import reading
from meli_tasks.artifacts.assembled import parts_of
from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.core.errors import Conflict, NotFound, Rejected
from meli_tasks.store import Store

logger = logging.getLogger("meli_tasks")

MARKED_FOR = timedelta(days=1)
"""An artifact that was computed or marked within this time is not marked again, so that most runs mark nothing."""


def mark_used(
    store: Store, manifest: Manifest, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Manifest | None:
    """Mark an artifact as used now.

    Returns:
        The manifest as it is now; None if it was pruned in the meantime, or is gone.
    """
    if manifest.pruned:
        return None
    if _is_recent(manifest.used or manifest.at, now()):
        return manifest
    if not _are_parts_marked(store, manifest, now):
        return None
    for name in (manifest.name, manifest.own_name):  # the latter if another attempt has replaced it
        if found := _marked(store, name, manifest.attempt, now):
            return None if found.pruned else found
    return None


def need_used(store: Store, manifest: Manifest) -> Manifest:
    """Mark an artifact as used now, for whoever cannot compute it again.

    Raises:
        NotFound: it was pruned in the meantime, or is gone. Its files may still be there for a moment.
    """
    if used := mark_used(store, manifest):
        return used
    raise NotFound(
        f"The {manifest.stage} artifact {manifest.key} in {store.url} was pruned a moment ago: its files are deleted "
        "to save space."
    )


def _are_parts_marked(store: Store, manifest: Manifest, now: Callable[[], datetime]) -> bool:
    """Mark what an artifact consists of, before itself: whoever has its mark can put it together."""
    try:
        return all([mark_used(store, part, now) for part, _ in parts_of(store, manifest)])
    except NotFound:
        return False


def _marked(store: Store, name: str, attempt: str, now: Callable[[], datetime]) -> Manifest | None:
    """The manifest of an attempt with a new mark, or as it is if it was pruned; None if it is not at this name."""
    while blob := store.read(name):
        found = reading.parsed(store, name, blob.data, Manifest.from_bytes)
        if found.attempt != attempt:
            return None
        if found.pruned:
            return found
        marked = replace(found, used=now().isoformat(timespec="seconds"))
        try:
            reading.write(store, name, marked.to_bytes(), if_version=blob.version)
        except Conflict:  # another run marked it, or it was pruned or replaced
            continue
        except Rejected as error:  # these keys may not write there: a promoter's, for example
            logger.warning("%s could not be marked as used, so a prune may delete it meanwhile: %s", name, error)
            return found
        return marked
    return None


def _is_recent(at: str, now: datetime) -> bool:
    try:
        age = now - datetime.fromisoformat(at)
    except (ValueError, TypeError):  # unknown, or without a time zone
        return False
    return abs(age) < MARKED_FOR
