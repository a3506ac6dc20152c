"""Marking what is reused, so that a prune that runs at the same time leaves it alone.

A prune deletes only what was neither written nor marked for days (`pruning.rules.GRACE`). Both write the manifest by
compare-and-swap, so either the mark is there before the prune looks, or the artifact counts as missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from meli_tasks.artifacts import reading
from meli_tasks.artifacts.assembled import parts_of
from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.core.errors import Conflict, NotFound
from meli_tasks.store import Store

MARKED_FOR = timedelta(days=1)
"""An artifact that was computed or marked within this time is not marked again, so that most runs mark nothing."""


def mark_used(
    store: Store, manifest: Manifest, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Manifest | None:
    """Mark an artifact as used now.

    Returns:
        The manifest as it is now; None if it was pruned in the meantime, or is gone.
    """
    if _is_recent(manifest.used or manifest.at, now()):
        return manifest
    try:  # first what it consists of: whoever has its mark can put it together
        marked_parts = [mark_used(store, part, now) for part, _ in parts_of(store, manifest)]
    except NotFound:
        return None
    if None in marked_parts:
        return None
    for name in (manifest.name, manifest.own_name):  # the latter if another attempt has replaced it
        while blob := store.read(name):
            found = reading.parsed(store, name, blob.data, Manifest.from_bytes)
            if found.attempt != manifest.attempt:
                break
            if found.pruned:
                return None
            marked = replace(found, used=now().isoformat(timespec="seconds"))
            try:
                reading.write(store, name, marked.to_bytes(), if_version=blob.version)
            except Conflict:  # another run marked it, or it was pruned or replaced
                continue
            return marked
    return None


def _is_recent(at: str, now: datetime) -> bool:
    try:
        age = now - datetime.fromisoformat(at)
    except (ValueError, TypeError):  # unknown, or without a time zone
        return False
    return abs(age) < MARKED_FOR
