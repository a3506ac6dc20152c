"""The quarantine of damaged objects: `damaged/NAME/DIGEST.json` holds the bytes and what was wrong with them."""

from __future__ import annotations

import base64
import hashlib
import logging
from datetime import UTC, datetime

from pydantic import Field

from meli_tasks.artifacts import paths, reading
from meli_tasks.stages.stored import Stored
from meli_tasks.store import Store

logger = logging.getLogger("meli_tasks")

MAX_BYTES = 1_000_000
"""How much of an object is kept."""


class Quarantined(Stored):
    """The note about a quarantined object."""

    version: int = 1
    name: str
    reason: str
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    bytes: int = Field(description="its size; at most `MAX_BYTES` are kept")
    found: str = Field(description="its bytes, in base64")


def quarantine(store: Store, name: str, data: bytes, reason: str) -> str:
    """Copy a damaged object into the quarantine before it is replaced or removed, and return the name of the copy."""
    note = Quarantined(name=name, reason=reason, bytes=len(data), found=base64.b64encode(data[:MAX_BYTES]).decode())
    kept = paths.damaged(name, hashlib.sha256(data).hexdigest()[:12])
    reading.write(store, kept, note.model_dump_json(indent=1).encode())
    logger.warning("%s is damaged and was quarantined as %s: %s", name, kept, reason)
    return kept
