"""The question that a run asks a person (`approve`): whether it can be answered now, and the answer.

Airflow 3.3.2 loses an answer that arrives before its scheduler has seen the end of the process that asked: the task
then fails. That takes a second or two, so nobody can answer here in the first seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator

from meli_airflow.metadata_db import TRAINING_DAG
from meli_tasks.core.errors import Conflict, NotFound

if TYPE_CHECKING:
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy.orm import Session

TASK = "approve"
SECONDS_UNTIL_AIRFLOW_IS_READY = 5.0
WAITING = ("awaiting_input", "deferred")


@dataclass(frozen=True)
class Question:
    """What a run asks, with its evidence in Markdown, and in how many seconds it can be answered."""

    subject: str
    evidence: str
    ready_in: float


def question_of(run_id: str) -> Question | None:
    """What a run asks now; None if it does not wait for an answer."""
    from airflow.utils.session import create_session

    with create_session() as session:
        task = _task(run_id, session)
        if task is None or task.state not in WAITING or task.hitl_detail is None:
            return None
        detail = task.hitl_detail
        return Question(str(detail.subject), str(detail.body or ""), _ready_in(task))


def answer(run_id: str, *, approve: bool, reason: str, user: Any) -> None:
    """Answer what a run asks, through Airflow's own API for it.

    Raises:
        NotFound: there is no such run, or it asks nothing.
        Conflict: it does not wait for an answer now, or has not waited long enough.
    """
    from airflow.utils.retries import run_with_db_retries

    for attempt in run_with_db_retries():  # SQLite is locked while the scheduler writes
        with attempt:
            _answer(run_id, approve=approve, reason=reason, user=user)


def _answer(run_id: str, *, approve: bool, reason: str, user: Any) -> None:
    from airflow.api_fastapi.core_api.datamodels.hitl import UpdateHITLDetailPayload
    from airflow.api_fastapi.core_api.routes.public.hitl import update_hitl_detail
    from airflow.utils.session import create_session

    chosen = ApprovalOperator.APPROVE if approve else ApprovalOperator.REJECT
    with create_session() as session:
        task = _task(run_id, session)
        if task is None:
            raise NotFound(f"The run {run_id!r} of {TRAINING_DAG} asks nothing, or there is no such run.")
        if task.state not in WAITING:
            raise Conflict(
                f"The run {run_id} does not wait for an answer: its task {TASK} is {task.state or 'not started'}. "
                "Nothing was changed."
            )
        if (seconds := _ready_in(task)) > 0:
            raise Conflict(
                f"The run {run_id} has been waiting for only a few seconds, and Airflow would lose the answer. "
                f"Answer again in {seconds:.0f} s. Nothing was changed."
            )
        payload = UpdateHITLDetailPayload(chosen_options=[chosen], params_input={"reason": reason})
        update_hitl_detail(
            dag_id=TRAINING_DAG,
            dag_run_id=run_id,
            task_id=TASK,
            update_hitl_detail_payload=payload,
            user=user,
            session=session,
        )


def _task(run_id: str, session: Session) -> TaskInstance | None:
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import select
    from sqlalchemy.orm import joinedload

    query = select(TaskInstance).where(
        TaskInstance.dag_id == TRAINING_DAG, TaskInstance.run_id == run_id, TaskInstance.task_id == TASK
    )
    return session.scalar(query.options(joinedload(TaskInstance.hitl_detail)))


def _ready_in(task: TaskInstance) -> float:
    """Seconds until the task has waited long enough. A question that is asked again keeps its first time."""
    since = max((moment for moment in (task.updated_at, task.start_date) if moment), default=None)
    waited = (datetime.now(UTC) - since).total_seconds() if since else SECONDS_UNTIL_AIRFLOW_IS_READY
    return max(0.0, SECONDS_UNTIL_AIRFLOW_IS_READY - waited)
