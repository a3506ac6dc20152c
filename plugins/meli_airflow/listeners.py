"""Ends the runs that a backfill started when the backfill itself is ended.

A user who marks a run of `meli_backfill` as failed (Airflow's button, its REST API, the run's tab, `meli backfill
--cancel`) wants its training runs to end too, but Airflow would let them continue. Only a run that another backfill
waits for continues. The api-server calls this listener before it commits the change: the training runs end in the same
transaction, or nothing does.

Airflow marks the pending tasks of such a run as skipped. A scheduler that has just loaded the run, from a database that
locks no rows (SQLite), then finds its last task skipped and overwrites the run's state with `success`. So the last task
is marked as `upstream_failed` instead, which makes the scheduler's own conclusion `failed` too.

It also lets `evaluate` and the tasks around it run again when somebody clears the failed tasks of a run whose `plan` or
`ingest` failed: Airflow leaves what was skipped as it is, and such a run would end green without a model.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow.listeners import hookimpl

if TYPE_CHECKING:
    from datetime import datetime

    from airflow.models.dagrun import DagRun
    from sqlalchemy.orm import Session

    from meli_airflow.xcom import PlannedDate

logger = logging.getLogger("meli_tasks")

BACKFILL = "meli_backfill"
TRAINING = "meli_training"
LAST_TASK = {BACKFILL: "report", TRAINING: "promote"}
"""The only leaf of each DAG, whose state decides on that of the run."""
WAITING = ("running", "deferred", "up_for_retry")
"""States of the task `run` of a date whose run it has started, or waits for."""


FIRST_TASKS = ("plan", "ingest")
SKIPPED_WITHOUT_TITLES = ("ensemble", "evaluate", "decide", "approve")
"""Tasks of a training run that are skipped if one of the first ones failed."""


@hookimpl
def on_dag_run_running(dag_run: DagRun, msg: str) -> None:
    """Airflow's hook: a DAG run starts, for the first time or after somebody cleared tasks of it."""
    if dag_run.dag_id != TRAINING or not dag_run.clear_number:
        return
    from sqlalchemy.orm import object_session

    session = object_session(dag_run)
    if session is not None:
        run_what_was_skipped(dag_run, session)


def run_what_was_skipped(dag_run: DagRun, session: Session) -> None:
    """Let the tasks run that were skipped because `plan` or `ingest` failed, if that one is about to run again."""
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import select, update

    of_run = (TaskInstance.dag_id == dag_run.dag_id, TaskInstance.run_id == dag_run.run_id)
    to_run = (TaskInstance.task_id.in_(FIRST_TASKS), TaskInstance.state.is_(None))
    if session.scalar(select(TaskInstance.task_id).where(*of_run, *to_run).limit(1)) is None:
        return
    skipped = (TaskInstance.task_id.in_(SKIPPED_WITHOUT_TITLES), TaskInstance.state == "skipped")
    session.execute(update(TaskInstance).where(*of_run, *skipped).values(state=None))


@hookimpl
def on_dag_run_failed(dag_run: DagRun, msg: str) -> None:
    """Airflow's hook: a DAG run failed, or somebody marked it as failed."""
    if dag_run.dag_id not in LAST_TASK:
        return
    from sqlalchemy.orm import object_session

    session = object_session(dag_run)
    if session is None:
        logger.warning("%s failed; its runs cannot be ended from this process", dag_run.run_id)
        return
    fail_last_task(dag_run, session)
    if dag_run.dag_id != BACKFILL:
        return
    for child in children(dag_run, session):
        end(child, session)
        logger.info("Ended %s, because its backfill %s was ended", child.run_id, dag_run.run_id)


def children(dag_run: DagRun, session: Session) -> list[DagRun]:
    """The backfill's runs of `meli_training` that have not ended, but those that another backfill waits for.

    The same request addresses the same runs, so two backfills may share one. A run that somebody cleared after this
    backfill was through with it continues too: a backfill also fails by itself, because of a single date.
    """
    from airflow.models.dagrun import DagRun
    from sqlalchemy import select

    waited_until = begun(dag_run.run_id, session)
    runs = waited_until.keys() - wanted_elsewhere(dag_run.run_id, session)
    of_ours = (DagRun.dag_id == TRAINING, DagRun.run_id.in_(runs), DagRun.state.in_(["queued", "running"]))

    def was_waited_for(child: DagRun) -> bool:
        until = waited_until[child.run_id]
        return until is None or child.queued_at is None or until >= child.queued_at

    return [child for child in session.scalars(select(DagRun).where(*of_ours)) if was_waited_for(child)]


def begun(backfill: str, session: Session) -> dict[str, datetime | None]:
    """The runs of the dates that this backfill has begun with, and until when it waited for them (None: still).

    A date that has had no try yet started nothing.
    """
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import select

    of_run = (TaskInstance.dag_id == BACKFILL, TaskInstance.run_id == backfill, TaskInstance.task_id == "run")
    columns = (TaskInstance.map_index, TaskInstance.end_date)
    started = session.execute(select(*columns).where(*of_run, TaskInstance.try_number > 0))
    runs = previewed(backfill, session)
    return {runs[position]: ended for position, ended in started if 0 <= position < len(runs)}


def wanted_elsewhere(backfill: str, session: Session) -> set[str]:
    """The runs that other backfills, which have not ended, have started or wait for."""
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import select

    others = (DagRun.dag_id == BACKFILL, DagRun.run_id != backfill, DagRun.state.in_(["queued", "running"]))
    wanted = set()
    for other in session.scalars(select(DagRun.run_id).where(*others)).all():
        of_run = (TaskInstance.dag_id == BACKFILL, TaskInstance.run_id == other, TaskInstance.task_id == "run")
        waiting = session.scalars(select(TaskInstance.map_index).where(*of_run, TaskInstance.state.in_(WAITING)))
        runs = previewed(other, session)
        wanted |= {runs[position] for position in waiting if 0 <= position < len(runs)}
    return wanted


def previewed(backfill: str, session: Session) -> list[str]:
    """The ids of a backfill's runs in the order of its mapped task `run`; empty before its preview."""
    from airflow.models.xcom import XComModel
    from sqlalchemy import select

    of_preview = (XComModel.dag_id == BACKFILL, XComModel.run_id == backfill, XComModel.task_id == "preview")
    row = session.scalar(select(XComModel).where(*of_preview, XComModel.key == "return_value"))
    if row is None:
        return []
    dates: list[PlannedDate] = XComModel.deserialize_value(row)
    return [date["trigger_run_id"] for date in dates]


def fail_last_task(dag_run: DagRun, session: Session) -> None:
    """Mark the last task of a failed run as `upstream_failed` if it was skipped."""
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import update

    of_run = (TaskInstance.dag_id == dag_run.dag_id, TaskInstance.run_id == dag_run.run_id)
    last = (TaskInstance.task_id == LAST_TASK[dag_run.dag_id], TaskInstance.state == "skipped")
    session.execute(update(TaskInstance).where(*of_run, *last).values(state="upstream_failed"))


def end(child: DagRun, session: Session) -> None:
    """Mark a run and its tasks as failed, as Airflow's own button does."""
    from airflow.api.common.mark_tasks import set_dag_run_state_to_failed
    from airflow.models.dagbag import DBDagBag

    dag = DBDagBag().get_dag_for_run(child, session=session)
    if dag is not None:
        set_dag_run_state_to_failed(dag=dag, run_id=child.run_id, commit=True, session=session)
        fail_last_task(child, session)
