"""The end of a backfill by a person."""

from __future__ import annotations

from typing import Any

from meli_airflow.metadata_db import BACKFILL_DAG
from meli_tasks.core.errors import Conflict, NotFound

ENDED = ("success", "failed")
MAX_NOTE_CHARACTERS = 1_000


def cancel(run_id: str, *, reason: str, user: Any) -> None:
    """Mark a backfill as failed, as Airflow's own button does; `listeners` ends the runs that it started.

    Raises:
        NotFound: there is no such backfill.
        Conflict: it has ended already.
    """
    from airflow.utils.retries import run_with_db_retries

    for attempt in run_with_db_retries():  # SQLite is locked while the scheduler writes
        with attempt:
            _cancel(run_id, reason, user)


def _cancel(run_id: str, reason: str, user: Any) -> None:
    from airflow.api_fastapi.core_api.datamodels.dag_run import DAGRunPatchBody
    from airflow.api_fastapi.core_api.routes.public.dag_run import patch_dag_run
    from airflow.models.dagbag import DBDagBag
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        backfill = (DagRun.dag_id == BACKFILL_DAG, DagRun.run_id == run_id)
        state = session.scalar(select(DagRun.state).where(*backfill))
        if state is None:
            raise NotFound(f"There is no backfill {run_id!r}: it was deleted, or its id is misspelled.")
        if str(state) in ENDED:
            raise Conflict(f"The backfill {run_id} has already ended (state: {state}). Nothing was changed.")
        note = f"Cancelled by {user.get_name()}: {reason}"[:MAX_NOTE_CHARACTERS]
        body = DAGRunPatchBody.model_validate({"state": "failed", "note": note})
        patch_dag_run(BACKFILL_DAG, run_id, body, session, DBDagBag(), user, update_mask=None)
