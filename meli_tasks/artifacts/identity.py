"""The identity of a store: an id that goes with its objects, so that a store is the same under another address.

It is created when it is first needed, and never changes. A copy of a store has the identity of the original until
somebody deletes it there.
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from pydantic import Field

from meli_tasks.artifacts import paths, reading
from meli_tasks.core.errors import Conflict
from meli_tasks.stages.stored import Stored
from meli_tasks.store import Store


class StoreIdentity(Stored):
    """Which store this is."""

    version: int = 1
    id: str = Field(default_factory=lambda: uuid4().hex, min_length=1)
    url: str = Field("", description="the address under which it was created, for people")
    at: datetime = Field(default_factory=lambda: datetime.now(UTC), description="when it was created")


def find_identity(store: Store) -> StoreIdentity | None:
    """The identity of a store; None if it has none yet.

    Raises:
        BadData: the object is not an identity.
    """
    return reading.read(store, paths.IDENTITY, StoreIdentity.model_validate_json)


def identity_of(store: Store) -> StoreIdentity:
    """The identity of a store, created if there is none. Of several that create it, all get the first.

    Raises:
        BadData: the object is not an identity.
    """
    found = find_identity(store)
    if found is None:
        found = StoreIdentity(url=store.url)
        try:
            reading.write(store, paths.IDENTITY, found.model_dump_json(indent=1).encode(), if_absent=True)
        except Conflict:
            found = find_identity(store)
            assert found is not None, paths.IDENTITY
    return found
