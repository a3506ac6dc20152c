"""How long parts of a stage took.

They are stored in the manifest and not in the artifact's files: those must have the same bytes whenever they are
computed again, so that a damaged file can be restored under the same SHA-256.
"""

from __future__ import annotations

from pydantic import Field

from meli_tasks.stages.stored import Stored


class Timings(Stored):
    """What a stage measured with a clock. Up to 0.2, history.json and scores.json held it."""

    epoch_seconds: tuple[float, ...] = Field((), description="train: seconds of each epoch, with validation")
    milliseconds_p95: dict[str, float] = Field(
        default_factory=dict,
        description="evaluate: by label, 95th percentile of the CPU time of classifying one title, in milliseconds",
    )
