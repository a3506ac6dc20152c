"""The routes with which a person intervenes: answer a run, stop a training run, cancel a backfill, repair the alias.

Who may is checked in front of them (`auth.py`), by Airflow's own rights. Each is recorded in Airflow's audit log.
"""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import StrictBool

from meli_airflow import audit, metadata_db, questions
from meli_airflow.backfills import cancel
from meli_airflow.decision_routes import User
from meli_airflow.parameters import Body, MapIndexInBody, Reason, RunIdInBody, TrainingTask
from meli_airflow.store_pages import JsonBody, PagesOfStore
from meli_tasks.core.errors import NotFound

router = APIRouter(prefix="/api")


class Answer(Body):
    """Approve or reject the model that a run asks about, and why."""

    run_id: RunIdInBody
    approve: StrictBool
    reason: Reason


class Stop(Body):
    """Which training task to stop, and why."""

    run_id: RunIdInBody
    task_id: TrainingTask
    map_index: MapIndexInBody
    reason: Reason


class Cancellation(Body):
    """Which backfill to cancel, and why."""

    run_id: RunIdInBody
    reason: Reason


class RepairOfAlias(Body):
    """Why the alias is repaired."""

    reason: Reason


@router.post("/answer")
def answer(user: User, body: Answer) -> JsonBody:
    """Answer what a run asks."""
    questions.answer(body.run_id, approve=body.approve, reason=body.reason, user=user)
    did = "approved" if body.approve else "rejected"
    audit.record(f"meli.{did}", user, body.reason, metadata_db.TRAINING_DAG, body.run_id)
    after = "The run continues and promotes it." if body.approve else "The champion stays, and the run ends."
    return {"done": f"You {did} the model. {after}"}


@router.post("/stop-training")
def stop_training(pages: PagesOfStore, user: User, body: Stop) -> JsonBody:
    """Let a training run end early: its best epoch so far becomes the model, and the run continues."""
    where = (body.run_id, body.task_id, body.map_index)
    name = metadata_db.choice_of(*where)[1] or metadata_db.label_of(*where)
    if not name:
        raise NotFound(
            f"The run {body.run_id!r} has no task {body.task_id} with the index {body.map_index} that trains."
        )
    pages.stop_training(body.run_id, name, by=user.get_name(), reason=body.reason)
    audit.record("meli.stop_training", user, body.reason, metadata_db.TRAINING_DAG, body.run_id, set=name)
    return {"done": f"The training of {name} stops within seconds and keeps its best epoch."}


@router.post("/cancel-backfill")
def cancel_backfill(user: User, body: Cancellation) -> JsonBody:
    """End a backfill with the runs that it started; what they have computed is kept."""
    cancel(body.run_id, reason=body.reason, user=user)
    audit.record("meli.cancel_backfill", user, body.reason, metadata_db.BACKFILL_DAG, body.run_id)
    return {"done": "The backfill is cancelled, and the runs that it started end. Computed results are kept."}


@router.post("/repair-alias")
def repair_alias(pages: PagesOfStore, user: User, body: RepairOfAlias) -> JsonBody:
    """Make MLflow's alias point at the champion of the ledger."""
    done = pages.repair_alias()
    audit.record("meli.repair_alias", user, body.reason, metadata_db.TRAINING_DAG)
    return {"done": done}
