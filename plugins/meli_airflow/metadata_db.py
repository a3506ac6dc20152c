"""Queries of Airflow's metadata database about runs and tasks, for the api-server."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TypedDict

TRAINING_DAG = "meli_training"
BACKFILL_DAG = "meli_backfill"
# The task that lists the sets which a mapped training task trains.
SETS_TASK_OF = {"train_mlp": "mlp_sets", "train_cnn": "cnn_sets"}


class TaskStatus(TypedDict, total=False):
    """A task instance's state, attempt and times; empty when there is none (yet)."""

    state: str
    attempt: int
    started: str
    ended: str


def returned(dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> object:
    """What a task instance returned, as JSON; None if nothing, or not yet."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        rows = XComModel.get_many(
            key="return_value", run_id=run_id, dag_ids=dag_id, task_ids=task_id, map_indexes=map_index
        ).with_only_columns(XComModel.value)
        found = session.execute(rows).first()
    value = found.value if found else None
    return json.loads(value) if isinstance(value, str) else value


def plan_of(run_id: str) -> str:
    """The name of a run's plan; an empty string if it has none yet or was made by an earlier version."""
    planned = returned(TRAINING_DAG, run_id, "plan")
    return str(planned.get("plan", "")) if isinstance(planned, dict) else ""


def choice_of(run_id: str, task_id: str, map_index: int) -> tuple[str, str]:
    """The plan and the set, or the set and its fold, of a mapped training task; empty before the sets are listed."""
    sets = returned(TRAINING_DAG, run_id, SETS_TASK_OF[task_id])
    choice = sets[map_index] if isinstance(sets, list) and 0 <= map_index < len(sets) else None
    if not isinstance(choice, dict) or not {"plan", "set"} <= choice.keys():
        return "", ""
    return str(choice["plan"]), str(choice.get("name") or choice["set"])  # earlier versions named no folds


def label_of(run_id: str, task_id: str, map_index: int) -> str:
    """The name that Airflow displays for a mapped task: its set. It stays when what tasks returned was cleared."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    query = select(TaskInstance).where(
        TaskInstance.dag_id == TRAINING_DAG,
        TaskInstance.run_id == run_id,
        TaskInstance.task_id == task_id,
        TaskInstance.map_index == map_index,
    )
    with create_session() as session:
        task = session.scalar(query)
        label = str(task.rendered_map_index or "") if task else ""
    return "" if label == str(map_index) else label  # a task that has not run is displayed by its index


def task_status(run_id: str, task_id: str, map_index: int = -1, dag_id: str = TRAINING_DAG) -> TaskStatus:
    """The status of a task instance."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    columns = (TaskInstance.state, TaskInstance.try_number, TaskInstance.start_date, TaskInstance.end_date)
    query = select(*columns).where(
        TaskInstance.dag_id == dag_id,
        TaskInstance.run_id == run_id,
        TaskInstance.task_id == task_id,
        TaskInstance.map_index == map_index,
    )
    with create_session() as session:
        found = session.execute(query).first()
    if found is None:
        return {}
    started, ended = (moment.isoformat() if moment else "" for moment in (found.start_date, found.end_date))
    return {"state": str(found.state or ""), "attempt": found.try_number, "started": started, "ended": ended}


def states_of(run_ids: Iterable[str], dag_id: str = TRAINING_DAG) -> dict[str, str]:
    """The state of each run that Airflow knows: only these can be linked."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    requested = sorted(set(run_ids))
    if not requested:
        return {}
    query = select(DagRun.run_id, DagRun.state).where(DagRun.dag_id == dag_id, DagRun.run_id.in_(requested))
    with create_session() as session:
        return {run_id: str(state) for run_id, state in session.execute(query)}


def state_of(run_id: str, dag_id: str = TRAINING_DAG) -> str:
    """A run's state; an empty string when there is no such run."""
    return states_of([run_id], dag_id).get(run_id, "")
