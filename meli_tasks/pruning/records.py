"""What a prune leaves in the store: when it ran, and which runs it deleted artifacts of."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import Field

from meli_tasks.stages.stored import Stored


class LastPrune(Stored):
    """prune.json: what the last prune did. Writing it first tells the store's time."""

    version: int = 1
    by: str
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    bytes: int = 0
    failed: str = Field("", description="why it did not end; empty if it did")


class PrunedRun(Stored):
    """pruned.json beside the plan of a run: when its artifacts were deleted."""

    version: int = 1
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))
