"""Queries of Airflow's metadata database about many runs: how they ended, when, and where they failed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from meli_airflow.metadata_db import TRAINING_DAG
from meli_tasks.pages import AirflowRun, FailedInAirflow

if TYPE_CHECKING:
    from sqlalchemy import Select

APPROVAL = "approve"
"""The task that waits for a person: its time is not the run's own."""


def newest_runs(limit: int) -> list[AirflowRun]:
    """The runs that ended last, and the ones that have not ended."""
    from airflow.models.dagrun import DagRun

    query = _runs().order_by(DagRun.end_date.is_not(None), DagRun.end_date.desc()).limit(limit)
    return _found(query)


def run_of(run_id: str) -> AirflowRun | None:
    """One run; None if Airflow does not know it."""
    from airflow.models.dagrun import DagRun

    return next(iter(_found(_runs().where(DagRun.run_id == run_id))), None)


def failed_tasks(run_id: str) -> list[FailedInAirflow]:
    """The failed tasks of a run, in the order in which they failed."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    query = (
        select(TaskInstance)
        .where(TaskInstance.dag_id == TRAINING_DAG, TaskInstance.run_id == run_id, TaskInstance.state == "failed")
        .order_by(TaskInstance.end_date)
    )
    with create_session() as session:
        return [
            FailedInAirflow(
                task.task_id, -1 if task.map_index is None else task.map_index, task.rendered_map_index or ""
            )
            for task in session.scalars(query)
        ]


def _runs() -> Select[Any]:
    from airflow.models.dagrun import DagRun
    from sqlalchemy import select

    columns = (DagRun.run_id, DagRun.state, DagRun.start_date, DagRun.end_date)
    return select(*columns).where(DagRun.dag_id == TRAINING_DAG)


def _found(query: Select[Any]) -> list[AirflowRun]:
    from airflow.utils.session import create_session

    with create_session() as session:
        rows = session.execute(query).all()
        failed = _failed_tasks([row.run_id for row in rows if str(row.state) == "failed"], session)
        asked = _asked_seconds([row.run_id for row in rows], session)
    return [
        AirflowRun(
            run_id=row.run_id,
            state=str(row.state),
            started=row.start_date.isoformat() if row.start_date else "",
            ended=row.end_date.isoformat() if row.end_date else "",
            task=failed.get(row.run_id, ("", -1))[0],
            map_index=failed.get(row.run_id, ("", -1))[1],
            seconds=(row.end_date - row.start_date).total_seconds() if row.start_date and row.end_date else None,
            asked_seconds=asked.get(row.run_id, 0.0),
        )
        for row in rows
    ]


def _failed_tasks(run_ids: Iterable[str], session: Any) -> dict[str, tuple[str, int]]:
    """The first task of each run that failed: what failed after it often only lacked its result."""
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import select

    query = (
        select(TaskInstance.run_id, TaskInstance.task_id, TaskInstance.map_index)
        .where(TaskInstance.dag_id == TRAINING_DAG, TaskInstance.run_id.in_(run_ids), TaskInstance.state == "failed")
        .order_by(TaskInstance.end_date.desc())
    )
    return {run_id: (task_id, map_index) for run_id, task_id, map_index in session.execute(query)}  # the first stays


def _asked_seconds(run_ids: Iterable[str], session: Any) -> dict[str, float]:
    """How long each run waited for a person."""
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import select

    query = select(TaskInstance.run_id, TaskInstance.start_date, TaskInstance.end_date).where(
        TaskInstance.dag_id == TRAINING_DAG, TaskInstance.run_id.in_(run_ids), TaskInstance.task_id == APPROVAL
    )
    return {
        run_id: (ended - started).total_seconds()
        for run_id, started, ended in session.execute(query)
        if started and ended
    }
