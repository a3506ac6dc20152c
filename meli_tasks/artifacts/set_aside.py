"""Damaged objects set aside: `damaged/NAME/DIGEST.json` keeps what was found, and why it was replaced or removed."""

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


class SetAside(Stored):
    """The note about an object that was set aside."""

    version: int = 1
    name: str
    reason: str
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    bytes: int = Field(description="its size; at most `MAX_BYTES` are kept")
    found: str = Field(description="what it held, in base64")


def set_aside(store: Store, name: str, data: bytes, reason: str) -> str:
    """Keep a damaged object's bytes with a note, before something else takes its place; returns the note's name."""
    note = SetAside(name=name, reason=reason, bytes=len(data), found=base64.b64encode(data[:MAX_BYTES]).decode())
    kept = paths.damaged(name, hashlib.sha256(data).hexdigest()[:12])
    reading.write(store, kept, note.model_dump_json(indent=1).encode())
    logger.warning("%s was damaged and is set aside as %s: %s", name, kept, reason)
    return kept
