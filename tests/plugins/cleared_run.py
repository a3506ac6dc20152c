"""Runs inside an Airflow: failed runs of meli_training are cleared through its REST API, and its scheduler starts them.

Prints {case: [tasks that run again]}.
"""

from __future__ import annotations

import json
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.api_fastapi.app import create_app, get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models.dag import DagModel
from airflow.models.dagbag import DBDagBag
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import select, update
from starlette.testclient import TestClient

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

DAG = "meli_training"
NOW = datetime.now(UTC)
SKIPPED = dict.fromkeys(("ensemble", "evaluate", "decide", "approve"), "skipped")
DONE = dict.fromkeys(("plan", "ingest", "ensemble", "evaluate", "decide", "promote"), "success")
STATES: dict[str, dict[str, str]] = {
    "plan_failed": {**SKIPPED, "plan": "failed"},
    "ingest_failed": {**SKIPPED, "plan": "success", "ingest": "failed", "search": "skipped"},
    "a_training_run_failed": {**DONE, "train_mlp": "failed", "approve": "skipped", "search": "skipped"},
    "only_promote_failed": {**DONE, "approve": "skipped", "search": "skipped", "promote": "failed"},
}
"""The states of the tasks before they are cleared; of those that are not named, `upstream_failed`, or `success`."""


def failed_run(case: str, session: Session) -> None:
    """A run that ended so."""
    dag = DBDagBag().get_latest_version_of_dag(DAG, session=session)
    assert dag is not None
    dag.create_dagrun(
        run_id=case, run_after=NOW, run_type=DagRunType.MANUAL, triggered_by=DagRunTriggeredByType.TEST,
        state=DagRunState.FAILED, session=session,
    )  # fmt: skip
    states = STATES[case]
    other = "success" if states.get("ingest") == "success" else "upstream_failed"
    for task in session.scalars(select(TaskInstance).where(TaskInstance.run_id == case)):
        task.state = states.get(task.task_id, other)
    session.flush()


def start(session: Session) -> None:
    """What the scheduler does with queued runs."""
    session.execute(update(DagModel).values(is_paused=False))
    runner = SchedulerJobRunner(Job())
    runner._start_queued_dagruns(session)


def main() -> None:
    """Clear, start, look."""
    warnings.simplefilter("ignore")
    client = TestClient(create_app(apps="core"))
    token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="a", role="admin"))
    found = {}
    for case in STATES:
        with create_session() as session:
            failed_run(case, session)
        body: dict[str, Any] = {"dag_run_id": case, "dry_run": False, "only_failed": True, "note": "again"}
        answer = client.post(
            f"/api/v2/dags/{DAG}/clearTaskInstances", headers={"Authorization": f"Bearer {token}"}, json=body
        )
        assert answer.status_code == 200, answer.text
        with create_session() as session:
            start(session)
        with create_session() as session:
            of_run = select(TaskInstance.task_id, TaskInstance.state).where(TaskInstance.run_id == case)
            again = sorted({task for task, state in session.execute(of_run) if state is None})
            run = session.scalar(select(DagRun.state).where(DagRun.run_id == case))
        found[case] = [str(run), again]
    print("FOUND", json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    main()
