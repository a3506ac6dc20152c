"""Train sets on many dates: each date gets its own run of `meli_training`, which trains all the sets.

`preview` checks the request and says what each date will compute. `approve` waits for a person to approve or reject it,
unless `ask` is off. `run` starts one run for each date; the slots of the pool `backfill` limit how many run at
once. `report` gathers the scores of every date and set.

Starting the same backfill again recomputes nothing. To resume a failed `run`, clear it or start the same backfill
again. To cancel the backfill, mark its run as failed: the runs that it started end too. A model is promoted only if the
promotion is `always`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, TriggerRule, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException
from meli_airflow.failures import plain_failures
from meli_airflow.operators import TRAINING, ApproveBackfill, RunOfDate
from meli_airflow.retries import retry_arguments
from meli_airflow.run_dates import FIRST_POSSIBLE
from meli_airflow.trigger_form import add_form
from meli_airflow.xcom import Approval, BackfillSummary, DateRun, PlannedDate

from meli_tasks.backfill.request import Backfill, backfill_form_fields
from meli_tasks.settings import Settings

logger = logging.getLogger("meli_tasks")

settings = Settings.from_environment().for_tasks()


@task(task_id="preview")
def preview_dates() -> list[PlannedDate]:
    """Check the request, and report what each date will compute."""
    from meli_tasks.backfill.planning import preview_backfill

    context = get_current_context()
    ti: Any = context["ti"]  # the protocol lacks `get_dag`
    if ti.get_dag(TRAINING).is_paused:
        raise AirflowFailException(f"{TRAINING} is paused, so no date would run: unpause it in Airflow.")
    with plain_failures():
        request = Backfill.check(dict(context["params"]), settings)
        store = settings.open_store()
        preview = preview_backfill(request, settings, store, context["dag_run"].run_id)
        preview.save(store)
    for line in preview.lines():
        logger.info("%s", line)
    approval: Approval = {"ask": request.ask, "runs": len(preview.runs)}
    ti.xcom_push(key="markdown", value=preview.markdown())
    ti.xcom_push(key="approval", value=approval)
    return [
        {
            "date": day.date,
            "plan": day.plan,
            "position": position,
            "trigger_run_id": day.run_id,
            "conf": day.conf,
            "at_once": request.at_once,
        }
        for position, day in enumerate(preview.runs)
    ]


@task(trigger_rule=TriggerRule.ALL_DONE, multiple_outputs=False)
def report(previewed: list[PlannedDate] | None, ran: Iterable[DateRun] | None) -> BackfillSummary:
    """Gather the scores of every date and set, and what failed."""
    if previewed is None:
        raise AirflowFailException("There is no preview, so nothing ran: see the task preview.")
    from meli_tasks.backfill.preview import BackfillPreview
    from meli_tasks.backfill.report import report as report_on

    context = get_current_context()
    rejected_by = context["ti"].xcom_pull(task_ids="approve", key="rejected_by")
    with plain_failures():
        store = settings.open_store()
        preview = BackfillPreview.load(store, context["dag_run"].run_id)
        outcome = report_on(preview, store, {run["run_id"] for run in ran or ()}, rejected_by)
        outcome.save(store)
    for line in outcome.lines():
        logger.info("%s", line)
    if outcome.state == "failed":
        raise AirflowFailException("; ".join(outcome.failures))
    return {"state": outcome.state, "computed": outcome.computed, "reused": outcome.reused, "seconds": outcome.seconds}


with DAG(
    dag_id="meli_backfill",
    description="The same sets trained on many dates, one run for each date",
    doc_md=__doc__,
    schedule=None,
    start_date=FIRST_POSSIBLE,
    catchup=False,
    tags=["meli", "training"],
    default_args=retry_arguments(settings),
    dagrun_timeout=timedelta(days=31),  # a year of dates, two at a time, four hours each
) as dag:
    previewed: Any = preview_dates()  # an XComArg, for which Airflow passes what the task returned
    approve = ApproveBackfill(
        task_id="approve",
        subject="Backfill: run these dates?",
        body="{{ ti.xcom_pull(task_ids='preview', key='markdown') }}",
        response_timeout=timedelta(days=7),
    )
    runs = RunOfDate.partial(
        task_id="run",
        pool="backfill",
        map_index_template="{{ task.date }}",
        # Airflow counts the waiting for the run of the date in, whose own limit depends on MELI_APPROVAL_HOURS.
        execution_timeout=timedelta(hours=24 + settings.approval_hours),
    ).expand_kwargs(previewed)  # fmt: skip
    previewed >> approve >> runs
    # The report pulls who rejected the backfill: as an argument it would make the report a task right behind `approve`,
    # and a rejection skips those.
    ran: Any = runs.output
    report(previewed, ran)
    add_form(dag, backfill_form_fields(settings))
