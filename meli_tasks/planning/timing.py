"""How long a finished run took from its start to its end: timing.json beside its plan.

Manifests hold the seconds of each step. What they leave out is learned from here: the start-up of the tasks, the
waiting between them, the decision and the report.
"""

from __future__ import annotations

from datetime import UTC, datetime

from meli_tasks.artifacts import paths, reading
from meli_tasks.index.changes import write_announced
from meli_tasks.planning.plan import Plan
from meli_tasks.stages.stored import Stored
from meli_tasks.store import Store


class RunTiming(Stored):
    """The duration of a run."""

    version: int = 1
    seconds: float
    """From the start of the run to the end of its last step."""

    @classmethod
    def load(cls, store: Store, plan_name: str) -> RunTiming | None:
        """Read the duration of a run; None if it has not ended, or an earlier version ran it.

        Raises:
            BadData: the object cannot be read.
        """
        return reading.read(store, paths.timing(plan_name), cls.model_validate_json)


def record_end(plan: Plan, store: Store) -> None:
    """Write how long a run has taken, once: a run that is cleared later does not overwrite it.

    A plan of an earlier version does not say when its run started, so nothing is written.
    """
    name = paths.timing(plan.name)
    if not plan.started or store.read(name) is not None:
        return
    seconds = (datetime.now(UTC) - datetime.fromisoformat(plan.started)).total_seconds()
    timing = RunTiming(seconds=round(max(seconds, 0.0), 1))
    write_announced(store, plan.name, "timing", timing.model_dump_json().encode())
