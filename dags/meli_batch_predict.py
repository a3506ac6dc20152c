"""Score files of titles with the champion, a version of it, or the newest model of a set.

`plan` finds the files of the source and the model. `score` runs once for each file, and once for each slice of the row
groups of a large Parquet file; what was scored before with the same model is not scored again. `merge` counts rows,
unusable rows, categories and probabilities, and writes the record of the batch after all results.

A file that cannot be read does not stop the others: `merge` names it and fails. To score what is missing, trigger the
run again, or clear its failed tasks.

It runs by MELI_BATCH_SCHEDULE, whenever the champion changes if MELI_BATCH_AFTER_PROMOTION is set, and when it is
triggered. `meli batch-predict` does the same on one machine.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import (
    DAG,
    AssetOrTimeSchedule,
    CronTriggerTimetable,
    TriggerRule,
    get_current_context,
    task,
)
from airflow.sdk.exceptions import AirflowFailException
from meli_airflow.assets import CHAMPION
from meli_airflow.failures import plain_failures
from meli_airflow.metrics import send_batch
from meli_airflow.notifiers import RunEnded, has_channel, task_callbacks
from meli_airflow.retries import retry_arguments
from meli_airflow.run_dates import FIRST_POSSIBLE, run_date
from meli_airflow.trigger_form import add_form
from meli_airflow.xcom import BatchOutcome, BatchParts

from meli_tasks.concealed import conceal_all
from meli_tasks.scoring.form import batch_form_fields
from meli_tasks.settings import Settings

if TYPE_CHECKING:
    pass

logger = logging.getLogger("meli_tasks")

settings = Settings.from_environment().for_tasks()

BATCH = "batch"
"""The XCom key under which `plan` names the batch, also if nothing is left to be scored."""


def schedule() -> Any:
    """By time, by the champion's asset, by both, or by nothing."""
    by_time = (
        CronTriggerTimetable(settings.batch_cron, timezone=settings.batch_timezone) if settings.batch_cron else None
    )
    if not settings.batch_after_promotion:
        return by_time
    return AssetOrTimeSchedule(timetable=by_time, assets=[CHAMPION]) if by_time else [CHAMPION]


@task(task_id="plan")
def plan_parts() -> list[BatchParts]:
    """Find the files and the model, and list the parts that are not scored yet."""
    with plain_failures():
        from meli_tasks.scoring.planning import groups, plan_batch, remaining
        from meli_tasks.scoring.request import BatchRequest

        context = get_current_context()
        request = BatchRequest.check(dict(context["params"]), settings)
        store = settings.open_store()
        day = request.as_of or run_date(context["dag_run"], settings.batch_timezone)
        plan = plan_batch(request, settings, store, day)
        left = remaining(plan, settings, store)
        logger.info(
            "%s: %d of %d parts are to be scored by %s", plan.source, len(left), len(plan.parts), plan.model_name
        )
        context["ti"].xcom_push(BATCH, plan.id)
        return [
            {
                "batch": plan.id,
                "parts": indices,
                "name": plan.parts[indices[0]].label + (f" and {len(indices) - 1} more" if len(indices) > 1 else ""),
            }
            for indices in groups(left)
        ]


@task(map_index_template="{{ task.op_kwargs['parts']['name'] }}", multiple_outputs=False)
def score(parts: BatchParts) -> dict[str, str]:
    """Score some parts; returns why parts cannot be scored, by their number."""
    with plain_failures():
        from meli_tasks.scoring.batch import score_parts

        conceal_all(dict(get_current_context()["params"]))  # the plan has no secrets: they are known from here
        return score_parts(settings, settings.open_store(), parts["batch"], parts["parts"])


# ALL_DONE, so that what the other tasks have scored is merged if one of them failed, or all parts existed.
@task(trigger_rule=TriggerRule.ALL_DONE, multiple_outputs=False)
def merge(planned: list[BatchParts] | None, scored: Iterable[dict[str, str]] | None) -> BatchOutcome:
    """Put together what was found, and name what could not be scored."""
    if planned is None:
        raise AirflowFailException("There is no plan, so nothing was scored: see the task plan.")
    with plain_failures():
        from meli_tasks.scoring.batch import summary
        from meli_tasks.scoring.records import BatchPlan
        from meli_tasks.scoring.scoring import merge as merge_parts

        store = settings.open_store()
        batch = get_current_context()["ti"].xcom_pull(task_ids="plan", key=BATCH)
        problems = {int(index): problem for found in scored or () for index, problem in (found or {}).items()}
        record = merge_parts(BatchPlan.load(store, batch), settings, store, problems)
    logger.info("%s", summary(record))
    found: BatchOutcome = {
        "batch": record.id, "rows": record.rows, "bad_rows": record.bad_rows, "abstained": record.abstained,
    }  # fmt: skip
    send_batch(found)
    for file in record.without_use:
        logger.warning("%s: no row could be used.", file)
    if record.problems:
        raise AirflowFailException(f"Not everything could be scored. {'; '.join(record.problems)}")
    return found


with DAG(
    dag_id="meli_batch_predict",
    description="Files of titles scored by the champion",
    doc_md=__doc__,
    schedule=schedule(),
    start_date=FIRST_POSSIBLE,
    catchup=False,
    max_active_runs=2,
    dagrun_timeout=timedelta(hours=23),
    tags=["meli", "prediction"],
    default_args={**retry_arguments(settings), **task_callbacks()},
    on_failure_callback=RunEnded(False) if has_channel(settings) else None,
) as dag:
    planned: Any = plan_parts()  # an XComArg, for which Airflow passes what the task returned
    scored: Any = score.expand(parts=planned)
    merge(planned, scored)
    add_form(dag, batch_form_fields(settings))
