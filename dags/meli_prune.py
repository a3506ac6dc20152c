"""Delete what nothing needs any more: artifacts of old runs, and what interrupted runs left behind.

`prune` keeps what the settings MELI_PRUNE_KEEP_RUNS, MELI_PRUNE_KEEP_DAYS and MELI_PRUNE_KEEP_VERSIONS say, and all
that champions, registered versions, pinned and unfinished runs need. It deletes at most MELI_PRUNE_GB a run. Other runs
may be writing meanwhile.

Without MELI_PRUNE_SCHEDULE it runs only when it is triggered. `meli prune` shows what it would delete.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, get_current_context, task
from meli_airflow.failures import plain_failures
from meli_airflow.notifiers import RunEnded, has_channel, run_of, task_callbacks
from meli_airflow.retries import retry_arguments
from meli_airflow.run_dates import FIRST_POSSIBLE

from meli_tasks.settings import Settings

logger = logging.getLogger("meli_tasks")

settings = Settings.from_environment()


@task(multiple_outputs=False)
def prune() -> dict[str, Any]:
    """Delete it, and log what was deleted by kind."""
    with plain_failures():
        from meli_tasks.pruning.nightly import prune_night

        outcome = prune_night(settings, by=run_of(get_current_context()).run_id)
    return {"deleted": len(outcome.deleted), "bytes": outcome.bytes, "in_use": len(outcome.in_use)}


with DAG(
    dag_id="meli_prune",
    description="What nothing needs any more, deleted",
    doc_md=__doc__,
    schedule=(
        CronTriggerTimetable(settings.prune_cron, timezone=settings.prune_timezone) if settings.prune_cron else None
    ),
    start_date=FIRST_POSSIBLE,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=12),
    tags=["meli", "storage"],
    default_args={**retry_arguments(settings), **task_callbacks()},
    on_failure_callback=RunEnded(False) if has_channel(settings) else None,
) as dag:
    prune()
