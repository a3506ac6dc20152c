"""Runs inside an Airflow: answers a run, stops a training run, cancels a backfill, as every role and as a foreign page.

Prints [what, status, answer, what there is afterwards] for each request. RUN names a run in the store that trains mlp.
"""

from __future__ import annotations

import json
import os
import warnings
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from airflow.api_fastapi.app import create_app, get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.models.dagrun import DagRun
from airflow.models.hitl import HITLDetail
from airflow.models.log import Log
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from meli_airflow import backfills
from sqlalchemy import select, update
from starlette.testclient import TestClient

from meli_tasks.execution.stop_requests import StoredStopRequests
from meli_tasks.settings import Settings

ROLES = ("viewer", "user", "op", "admin")
OURS, FOREIGN = "https://airflow.example.org", "https://evil.example.org"
RUN, KEY = os.environ["RUN"], os.environ["KEY"]
NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(minutes=5)
WHY = "<b>wrong</b> dates"


def prepare() -> None:
    """A run that asks, its training task, and a backfill."""
    with create_session() as session:
        session.connection().exec_driver_sql("PRAGMA foreign_keys = OFF")  # only these rows matter
        for number, (dag, run) in enumerate((("meli_training", RUN), ("meli_backfill", "days")), 1):
            session.execute(DagRun.__table__.insert().values(
                id=number, dag_id=dag, run_id=run, state="running", run_type="manual", run_after=NOW, clear_number=0,
                log_template_id=1, queued_at=NOW, start_date=NOW,
            ))  # fmt: skip
        asks = uuid4()
        tasks = ((asks, "approve", -1, "awaiting_input", None), (uuid4(), "train_mlp", 0, "running", "mlp"))
        for key, task, index, state, name in tasks:
            session.execute(TaskInstance.__table__.insert().values(
                id=key, dag_id="meli_training", run_id=RUN, task_id=task, map_index=index, state=state, try_number=1,
                max_tries=0, hostname="", pool="default_pool", pool_slots=1, rendered_map_index=name,
                start_date=LONG_AGO, updated_at=LONG_AGO,
            ))  # fmt: skip
        session.execute(HITLDetail.__table__.insert().values(
            ti_id=asks, options=["Approve", "Reject"], subject="Promote mlp?", body="**why**", params={},
            multiple=False, created_at=LONG_AGO, params_input={},
        ))  # fmt: skip


def asked(at: datetime) -> None:
    """As if the question had been asked then."""
    with create_session() as session:
        session.execute(update(TaskInstance).where(TaskInstance.task_id == "approve").values(updated_at=at))


def state() -> dict[str, Any]:
    """What there is now."""
    with create_session() as session:
        detail = session.execute(select(HITLDetail.chosen_options, HITLDetail.params_input)).one()
        backfill = session.execute(select(DagRun.state).where(DagRun.run_id == "days")).scalar_one()
        logs = session.execute(select(Log.event, Log.owner, Log.extra).where(Log.event.like("meli.%"))).all()
    requests = StoredStopRequests(Settings.from_environment().open_store(), "train", KEY, RUN)
    return {
        "answer": [detail.chosen_options, detail.params_input], "backfill": str(backfill),
        "stop": requests.requested_by(), "logs": [list(log) for log in logs],
    }  # fmt: skip


def mark_failed(dag: str, run: str, body: Any, session: Any, *_: Any, **__: Any) -> None:
    """In place of Airflow's own function, which needs the serialized DAG."""
    session.execute(update(DagRun).where(DagRun.run_id == run).values(state=str(body.state.value)))


def main() -> None:
    """Request."""
    warnings.simplefilter("ignore")
    import airflow.api_fastapi.core_api.routes.public.dag_run as dag_runs

    dag_runs.patch_dag_run = mark_failed  # type: ignore[assignment]
    assert backfills.ENDED
    client = TestClient(create_app(apps="core"), raise_server_exceptions=False, base_url=OURS)
    manager = get_auth_manager()
    tokens = {role: manager.generate_jwt(SimpleAuthManagerUser(username=f"the {role}", role=role)) for role in ROLES}
    done: list[Any] = []
    prepare()

    def post(what: str, path: str, role: str, headers: dict[str, str] | None = None, **body: Any) -> None:
        sent = {"Authorization": f"Bearer {tokens[role]}"} if role else {}
        answer = client.post(f"/meli/api/{path}", headers={**sent, **(headers or {})}, json=body)
        done.append([what, answer.status_code, answer.json(), state()])

    stop = {"run_id": RUN, "task_id": "train_mlp", "map_index": 0, "reason": WHY}
    cancel = {"run_id": "days", "reason": WHY}
    approve = {"run_id": RUN, "approve": True, "reason": WHY}
    for path, body in (("stop-training", stop), ("cancel-backfill", cancel), ("answer", approve)):
        post(f"nobody: {path}", path, "", **body)
        post(f"viewer: {path}", path, "viewer", **body)
        post(f"long reason: {path}", path, "admin", **{**body, "reason": "x" * 10_000})
        post(f"no reason: {path}", path, "admin", **{**body, "reason": "  "})
        post(f"misspelled: {path}", path, "admin", **body, ruin="x")
        client.cookies.set("_token", tokens["admin"])
        post(f"foreign page: {path}", path, "", {"Origin": FOREIGN}, **body)
        client.cookies.clear()
        post(f"no such run: {path}", path, "admin", **{**body, "run_id": "no such run"})
    post("viewer: repair-alias", "repair-alias", "viewer", reason=WHY)
    post("repair without MLflow", "repair-alias", "user", reason=WHY)
    post("not a training task", "stop-training", "admin", **{**stop, "task_id": "ingest"})
    post("no number", "stop-training", "admin", **{**stop, "map_index": "0"})
    post("not yes or no", "answer", "admin", **{**approve, "approve": "yes"})
    asked(datetime.now(UTC) + timedelta(minutes=1))  # however slow this machine is
    post("just asked", "answer", "admin", **approve)
    asked(LONG_AGO)
    post("op answers", "answer", "op", **approve)
    post("twice: answer", "answer", "admin", **{**approve, "approve": False})
    post("user stops", "stop-training", "user", **stop)
    post("twice: stop", "stop-training", "admin", **{**stop, "reason": "again"})
    post("user cancels", "cancel-backfill", "user", **cancel)
    post("twice: cancel", "cancel-backfill", "admin", **cancel)
    rights = {role: client.get("/meli/api/rights", headers={"Authorization": f"Bearer {tokens[role]}"}).json()
              for role in ROLES}  # fmt: skip
    print("ACTED", json.dumps([done, rights]))  # noqa: T201


if __name__ == "__main__":
    main()
