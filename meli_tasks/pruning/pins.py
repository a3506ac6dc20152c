"""Pinned runs: a person asked to keep everything that they computed, for as long as they are pinned."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import Field

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.core.errors import NotFound
from meli_tasks.stages.stored import Stored
from meli_tasks.store import Store


class Pin(Stored):
    """A pinned run."""

    version: int = 1
    run_id: str
    by: str
    reason: str = ""
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))


def pin(store: Store, run_id: str, by: str, reason: str = "") -> Pin:
    """Pin a run; pinned again, it gets the new reason."""
    made = Pin(run_id=run_id, by=by, reason=reason)
    reading.write(store, paths.pin(run_id), made.model_dump_json(indent=1).encode())
    return made


def unpin(store: Store, run_id: str) -> None:
    """Remove the pin of a run.

    Raises:
        NotFound: it is not pinned.
    """
    name = paths.pin(run_id)
    if store.size(name) is None:
        raise NotFound(f"The run {run_id} is not pinned in {store.url}: nothing was changed.")
    store.delete(name)


def pins(store: Store, reader: LenientReader) -> list[Pin]:
    """All pins; the reader keeps what cannot be read."""
    found = (reader.read(name, Pin.model_validate_json) for name in list(store.names(paths.PINS)))
    return [each for each in found if each]
