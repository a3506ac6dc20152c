"""Check everything in the store, the ledger, the worker's cache and MLflow's registry, as `meli verify` does.

`verify` names every damaged object in its log, and sends a notification only if there is one. With
MELI_VERIFY_REPAIR=true it also repairs what can be repaired, which may train models.

Without MELI_VERIFY_SCHEDULE it runs only when it is triggered. It reads every byte of the store.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, get_current_context, task
from meli_airflow.failures import plain_failures
from meli_airflow.notifiers import RunEnded, has_channel, run_of, task_callbacks
from meli_airflow.retries import retry_arguments
from meli_airflow.run_dates import FIRST_POSSIBLE

from meli_tasks.settings import Settings

settings = Settings.from_environment()


@task(multiple_outputs=False)
def verify() -> dict[str, Any]:
    """Check everything, and report what is damaged."""
    from meli_tasks.integrity.nightly import verify_night

    with plain_failures():
        return asdict(verify_night(settings, settings.open_store(), run_of(get_current_context())))


with DAG(
    dag_id="meli_verify",
    description="Whether anything in the store is damaged",
    doc_md=__doc__,
    schedule=(
        CronTriggerTimetable(settings.verify_cron, timezone=settings.verify_timezone) if settings.verify_cron else None
    ),
    start_date=FIRST_POSSIBLE,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=20),
    tags=["meli", "integrity"],
    default_args={**retry_arguments(settings), **task_callbacks()},
    on_failure_callback=RunEnded(False) if has_channel(settings) else None,
) as dag:
    verify()
