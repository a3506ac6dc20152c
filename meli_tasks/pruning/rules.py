"""What `meli prune` keeps, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import inf

GRACE = timedelta(days=3)
"""What was written or reused more recently is never deleted. A run marks what it reuses unless that was done within the
last day (`execution.reuse`), so it has two days to fetch it."""
UNFINISHED = timedelta(days=35)
"""How long a run that has not ended may still need its results: the DAG of backfills runs for up to 31 days."""
CHECKPOINTS = timedelta(days=7)
"""Checkpoints, stop requests and what the workers of a search tell each other: without a new one for so long, nobody is
training. Studies of runs that have not ended stay."""
LOGS = timedelta(days=30)
"""Progress logs and the rows of failed steps."""
RESULTS = timedelta(days=90)
"""Results of batches that were copied elsewhere, monitoring of earlier champions, sent notifications, quarantine."""
UPLOADS = timedelta(days=2)
"""Interrupted uploads and what `meli doctor` wrote to try the store."""


@dataclass(frozen=True)
class Rules:
    """What is kept besides what the ledger, registered versions, pinned and unfinished runs and sets need.

    Args:
        keep_runs: The newest runs.
        keep_days: Runs that were planned in these last days.
        keep_versions: The newest models of each set that exists.
        most_bytes: How much one prune deletes at most; the oldest goes first.
    """

    keep_runs: int = 30
    keep_days: int = 30
    keep_versions: int = 3
    most_bytes: float = inf
