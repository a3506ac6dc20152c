"""Which task gets the next free slot of a pool: one of a nightly or manual run before any of a backfill."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.task.priority_strategy import PriorityWeightStrategy
from typing_extensions import override

if TYPE_CHECKING:
    from airflow.models.taskinstance import TaskInstance

BACKFILL_RUNS = ("meli_backfill__", "backfill__")
"""How the ids of backfilled runs begin: ours, and those of Airflow's own backfills."""
LEAD = 1_000


class BackfillsLast(PriorityWeightStrategy):
    """The task's own weight, and a lead for the tasks of every run that no backfill started.

    Only a run's id is known when Airflow asks: the instance is not in a session yet.
    """

    @override
    def get_weight(self, ti: TaskInstance) -> int:
        own = ti.task.priority_weight if ti.task else 1
        return own if (ti.run_id or "").startswith(BACKFILL_RUNS) else own + LEAD


BACKFILLS_LAST = f"{BackfillsLast.__module__}.{BackfillsLast.__qualname__}"
"""The rule for a task: its name, because Airflow 3.3.2 cannot store an instance of it in a mapped task."""
