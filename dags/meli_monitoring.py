"""Compare the titles that runs ingested and batches scored with those that the champion was validated on.

`monitor` examines each run and each day of batches a single time for each champion, stores what it finds, and logs
every statistic. It sends a notification only if something has changed, with what, since when, and examples. It is
skipped while there is no champion, or nothing that it has not examined.

With MELI_MONITORING_RETRAIN=trigger, `retrain` starts a run of `meli_training` if the changes call for one, with the
reason in its note.

Without MELI_MONITORING_SCHEDULE it runs only when it is triggered. `meli monitor` prints the same results.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, Param, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException
from meli_airflow.failures import plain_failures
from meli_airflow.metrics import send_night
from meli_airflow.notifiers import RunEnded, has_channel, run_of, task_callbacks
from meli_airflow.operators import RetrainIfAdvised
from meli_airflow.retries import retry_arguments
from meli_airflow.run_dates import FIRST_POSSIBLE

from meli_tasks.settings import Settings

logger = logging.getLogger("meli_tasks")

settings = Settings.from_environment().for_tasks()


@task(multiple_outputs=False)
def monitor() -> dict[str, Any]:
    """Examine the new titles, and report what has changed."""
    from meli_tasks.monitoring.nightly import monitor_night

    context = get_current_context()
    with plain_failures():
        night = monitor_night(settings, settings.open_store(), run_of(context), int(context["params"]["runs"]))
    send_night(night)
    if night.skipped:
        raise AirflowSkipException(night.skipped)
    return {"examined": night.examined, "changed": list(night.changed), "retrain": night.retrain}


with DAG(
    dag_id="meli_monitoring",
    description="Whether the champion still fits the titles",
    doc_md=__doc__,
    schedule=(
        CronTriggerTimetable(settings.monitoring_cron, timezone=settings.monitoring_timezone)
        if settings.monitoring_cron
        else None
    ),
    start_date=FIRST_POSSIBLE,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=12),
    tags=["meli", "monitoring"],
    params={
        "runs": Param(
            7,
            type="integer",
            minimum=1,
            maximum=366,
            title="Runs",
            description="How many of the newest runs, and of the newest days with batches, to examine",
        )
    },
    default_args={**retry_arguments(settings), **task_callbacks()},
    on_failure_callback=RunEnded(False) if has_channel(settings) else None,
) as dag:
    monitored = monitor()
    if settings.monitoring_retrain == "trigger":
        monitored >> RetrainIfAdvised(task_id="retrain")
