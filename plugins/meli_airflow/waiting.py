"""Waiting for files that are late, without a worker."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.python import PythonOperator
from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk.exceptions import TaskDeferred

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import DagRunProtocol

logger = logging.getLogger("meli_tasks")

BETWEEN_CHECKS = timedelta(minutes=5)


class ResumablePython(PythonOperator):
    """A Python task that may call `await_files`: it is deferred, and starts from the beginning at the next check."""

    def resume(self, context: Context, event: object) -> Any:
        """Start again; `event` only says that it is time."""
        return self.execute(context)


def await_files(reason: str, dag_run: DagRunProtocol, hours: float) -> None:
    """Defer a `ResumablePython` until the next check; return if a run has waited for `hours`.

    Args:
        reason: Which files are missing.
        dag_run: The run; it waits from its start.
        hours: How long it waits at most.

    Raises:
        TaskDeferred: the time is not over.
    """
    now = datetime.now(UTC)
    until = (dag_run.start_date or now) + timedelta(hours=hours)
    if now >= until:
        logger.warning("The files of this day did not arrive within %g hours.", hours)
        return
    logger.warning("%s Waiting for them until %s.", reason, until.isoformat(timespec="minutes"))
    next_check = min(until, now + BETWEEN_CHECKS)
    raise TaskDeferred(trigger=DateTimeTrigger(moment=next_check), method_name="resume")
