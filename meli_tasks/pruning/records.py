"""What a prune leaves in the store: when it ran, and which runs it deleted artifacts of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import Field

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.stages.stored import Stored
from meli_tasks.store import Store


class LastPrune(Stored):
    """prune.json: what the last prune did. Writing it first tells the store's time."""

    version: int = 1
    by: str
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    bytes: int = 0
    keep_runs: int = Field(1, description="the fewest newest runs that a prune has kept so far: these have all files")
    failed: str = Field("", description="why it did not end; empty if it did")


class PrunedRun(Stored):
    """pruned.json beside the plan of a run: when its artifacts were deleted."""

    version: int = 1
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))


def pruned_runs(store: Store, plans: Sequence[str], reader: LenientReader) -> dict[str, str]:
    """The days on which files of runs were deleted, by the plan's name, of the newest runs, newest first.

    It is one request, and one more for each run that is not among those that every prune has kept.
    """
    last = reader.read(paths.LAST_PRUNE, LastPrune.model_validate_json)

    def look_up(plan: str) -> tuple[str, PrunedRun | None]:
        return plan, reader.read(paths.pruned(plan), PrunedRun.model_validate_json)

    found = reader.read_all(plans[last.keep_runs :], look_up) if last else []
    return {plan: f"{pruned.at:%Y-%m-%d}" for plan, pruned in found if pruned}
