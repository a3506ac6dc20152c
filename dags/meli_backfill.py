"""Train sets on many dates: dates x sets, each date a run of `meli_training` of its own.

`preview` checks what was asked and says what each date will compute; `approve` waits for a person to approve it (or
to reject it; nothing waits where `ask` is off); `run` starts one run a date, as many at once as the pool `backfill`
has slots; `report` gathers the scores of every date and set.

Asked for the same again, nothing is computed. Clear a failed `run`, or ask again, to resume it. Mark the run as failed
to cancel it: the runs that it started end too. Nothing is promoted unless promotion is `always`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import DAG, Param, TriggerRule, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException
from meli_airflow.failures import plain_failures
from meli_airflow.operators import TRAINING, ApproveBackfill, RunOfDate

from meli_tasks.backfill.request import Backfill, backfill_form_fields
from meli_tasks.settings import Settings

logger = logging.getLogger("meli_tasks")

settings = Settings.from_environment()


@task(task_id="preview")
def preview_dates() -> list[dict[str, Any]]:
    from meli_tasks.backfill.preview import look_ahead

    context = get_current_context()
    ti = context["ti"]
    if ti.get_dag(TRAINING).is_paused:
        raise AirflowFailException(f"{TRAINING} is paused, so no date would run: unpause it in Airflow.")
    with plain_failures():
        asked = Backfill.check(dict(context["params"]), settings)
        store = settings.open_store()
        seen = look_ahead(asked, settings, store, context["dag_run"].run_id)
        seen.save(store)
    for line in seen.lines():
        logger.info("%s", line)
    ti.xcom_push(key="markdown", value=seen.markdown())
    ti.xcom_push(key="asked", value={"ask": asked.ask, "runs": len(seen.runs)})
    return [
        {"date": day.date, "plan": day.plan, "place": place, "trigger_run_id": day.run_id, "conf": day.conf}
        | {"at_once": asked.at_once}
        for place, day in enumerate(seen.runs)
    ]


@task(trigger_rule=TriggerRule.ALL_DONE)
def report(previewed: list[dict[str, Any]] | None, ran: Iterable[dict[str, str]] | None) -> dict[str, Any]:
    if previewed is None:
        raise AirflowFailException("There is no preview, so nothing was run: see the task preview.")
    from meli_tasks.backfill.preview import BackfillPreview
    from meli_tasks.backfill.report import report as report_on

    context = get_current_context()
    rejected_by = context["ti"].xcom_pull(task_ids="approve", key="rejected_by")
    with plain_failures():
        store = settings.open_store()
        seen = BackfillPreview.load(store, context["dag_run"].run_id)
        found = report_on(seen, store, {run["run_id"] for run in ran or ()}, rejected_by)
        found.save(store)
    for line in found.lines():
        logger.info("%s", line)
    if found.state == "failed":
        raise AirflowFailException("; ".join(found.failures))
    return {"state": found.state, "computed": found.computed, "found": found.found, "seconds": found.seconds}


with DAG(
    dag_id="meli_backfill",
    description="The same sets trained on many dates, a run each",
    doc_md=__doc__,
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz=settings.timezone),
    catchup=False,
    tags=["meli", "training"],
    params={name: Param(**field) for name, field in backfill_form_fields(settings).items()},
    default_args={
        "retries": 2,
        # Longer than an api-server's restart, as in meli_training.
        "retry_delay": timedelta(seconds=45),
    },
) as dag:
    previewed = preview_dates()
    approve = ApproveBackfill(
        task_id="approve",
        subject="Backfill: run these dates?",
        body="{{ ti.xcom_pull(task_ids='preview', key='markdown') }}",
    )
    runs = RunOfDate.partial(
        task_id="run", pool="backfill", map_index_template="{{ task.date }}"
    ).expand_kwargs(previewed)  # fmt: skip
    previewed >> approve >> runs
    # Pulled, not passed: a rejection skips the tasks right behind `approve`, and the report is to say so.
    report(previewed, runs.output)
