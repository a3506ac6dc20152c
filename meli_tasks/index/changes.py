"""What has changed since an index was last updated: `index/changes/TIME-DIGEST/RUN/HASH/PART`, an empty object each.

A change is announced before the object is written, so that a writer that dies in between leaves an announcement without
an object, which costs a read, and never an object that no index knows. Its name has the digest of the bytes that are
going to be written: once an index has read these bytes, the announcement is removed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.seals import sealed
from meli_tasks.store import Store

ABANDONED = timedelta(days=1)
"""After this time nobody is going to write what was announced."""
_TIME = "%Y%m%dT%H%M%S%f"


@dataclass(frozen=True, order=True)
class Change:
    """An announced write of the part of a run: its plan, or a file beside it."""

    at: datetime
    digest: str
    plan: str
    part: str

    @property
    def name(self) -> str:
        """Where the announcement is."""
        return paths.change(f"{self.at:{_TIME}}-{self.digest}", self.plan, self.part)

    @property
    def is_abandoned(self) -> bool:
        """Whether it is so old that its object is written, or never will be."""
        return datetime.now(UTC) - self.at > ABANDONED


def digest(data: bytes) -> str:
    """What tells the bytes of an object, as stored, from other bytes that were written at its name."""
    return hashlib.sha256(data).hexdigest()[:12]


def write_announced(store: Store, plan: str, part: str, data: bytes) -> None:
    """Write a plan, or a file beside it, with a seal, and announce that first.

    Args:
        store: Where to.
        plan: The name of the plan.
        part: What of the run it is, a key of `paths.RUN_PARTS`.
        data: A JSON object.
    """
    name = paths.run_part(plan, part)
    stored = sealed(name, data)
    store.write(Change(datetime.now(UTC), digest(stored), plan, part).name, b"")
    store.write(name, stored)


def announced(names: Iterable[str]) -> list[Change]:
    """The changes in a listing, oldest first; names that are none are left out."""
    found = []
    for name in names:
        parsed = paths.change_in(name)
        if parsed is None:
            continue
        mark, plan, part = parsed
        time, _, written = mark.partition("-")
        try:
            at = datetime.strptime(time, _TIME).replace(tzinfo=UTC)
        except ValueError:
            continue
        found.append(Change(at, written, plan, part))
    return sorted(found)
