"""The application behind the pages, mounted in the api-server under /meli: JSON for the pages, and their program."""

from __future__ import annotations

import pathlib
import threading
from datetime import date
from typing import Annotated, Any

from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Path, Query, Request
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.types import Scope

from meli_airflow import metadata_db as facts
from meli_airflow.auth import Guard
from meli_tasks.core.errors import Conflict, MeliError, NotFound
from meli_tasks.pages import Pages, Wanted
from meli_tasks.settings import Settings

router = APIRouter(prefix="/api")


class Program(StaticFiles):
    """The pages' program: browsers ask each time whether it has changed, and get nothing when it has not."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file, to be asked for again before it is used again."""
        answer = await super().get_response(path, scope)
        answer.headers["Cache-Control"] = "private, no-cache"
        return answer


class Opened:
    """The store's pages, opened at the first request and kept for what they remember."""

    def __init__(self) -> None:
        self._pages: Pages | None = None
        self._lock = threading.Lock()

    def __call__(self) -> Pages:
        """The pages."""
        with self._lock:
            self._pages = self._pages or Pages.of(Settings.from_environment())
            return self._pages


ThePages = Annotated[Pages, Depends(Opened())]


def wanted(
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    text: Annotated[str, Query(max_length=200)] = "",
    set_name: Annotated[str, Query(alias="set", max_length=200)] = "",
    since: date | None = None,
    until: date | None = None,
) -> Wanted:
    """Which runs the leaderboard is to show."""
    return Wanted(text, set_name, since, until, limit)


@router.get("/models")
def models(pages: ThePages, runs: Annotated[Wanted, Depends(wanted)]) -> dict[str, Any]:
    """The champion, and the leaderboard of the newest runs that match."""
    found = pages.models(runs)
    champion = found["champion"]
    in_airflow = facts.states_of(
        [*(row["run_id"] for row in found["rows"]), *([champion["run_id"]] if champion else [])]
    )
    return {**found, "in_airflow": sorted(in_airflow)}


@router.get("/mlflow")
def mlflow(pages: ThePages) -> dict[str, Any]:
    """What MLflow calls the champion."""
    return pages.mlflow()


@router.get("/decisions")
def decisions(pages: ThePages, limit: Annotated[int, Query(ge=1, le=1_000)] = 20) -> dict[str, Any]:
    """The newest decisions on the champion."""
    found = pages.decisions(limit)
    return {**found, "in_airflow": sorted(facts.states_of(row["run_id"] for row in found["decisions"]))}


@router.get("/comparison")
def comparison(
    pages: ThePages, left: Annotated[str, Query(max_length=900)], right: Annotated[str, Query(max_length=900)]
) -> dict[str, Any]:
    """Two rows of the leaderboard side by side."""
    return pages.comparison(left, right)


@router.get("/artifacts/{stage}/{key}")
def artifact(
    pages: ThePages,
    stage: Annotated[str, Path(pattern="^[a-z]{1,20}$")],
    key: Annotated[str, Path(pattern="^[0-9a-f]{32}$")],
) -> dict[str, Any]:
    """What the store has of a step's result: its files, what they were made from, and what came of it."""
    return pages.artifact(stage, key)


@router.get("/runs/{run_id:path}")
def run(pages: ThePages, run_id: str) -> dict[str, Any]:
    """A run of meli_training: its steps, its leaderboard, its decision; only its state before it has a plan."""
    state = facts.state_of(run_id)
    plan = facts.plan_of(run_id) or pages.plan_of(run_id)
    return {"state": state, **(pages.run(plan) if plan else {"plan": ""})}


@router.get("/training")
def training(
    pages: ThePages,
    run_id: Annotated[str, Query(max_length=900)],
    task_id: Annotated[str, Query(max_length=250)],
    map_index: Annotated[int, Query(ge=-1)] = -1,
) -> dict[str, Any]:
    """A training task: its curves, live while it trains; only its state before its set is picked."""
    if task_id not in facts.PICKED_BY:
        raise HTTPException(404, f"The task {task_id} trains nothing; {' and '.join(facts.PICKED_BY)} do.")
    plan, set_name = facts.choice_of(run_id, task_id, map_index)
    task = facts.task_of(run_id, task_id, map_index)
    return {"task": task, **(pages.training(plan, set_name) if plan else {"set": "", "state": "waiting"})}


@router.get("/backfills/{run_id:path}", dependencies=[Depends(requires_access_dag("GET", None, facts.BACKFILL_DAG))])
def backfill(pages: ThePages, run_id: str) -> dict[str, Any]:
    """A run of meli_backfill: its preview, the state of each date's run, its report once it has ended."""
    found = pages.backfill(run_id)
    preview = found["preview"]
    started = [day["run_id"] for day in preview["dates"]] if preview else []
    return {
        "state": facts.state_of(run_id, facts.BACKFILL_DAG),
        "approval": facts.task_of(run_id, "approve", dag_id=facts.BACKFILL_DAG).get("state", ""),
        "runs": facts.states_of(started),
        **found,
    }


def told(_: Request, error: MeliError) -> JSONResponse:
    """Our errors are made to be read: what was seen, where, and what to do."""
    status = 404 if isinstance(error, NotFound) else 409 if isinstance(error, Conflict) else 503
    return JSONResponse({"detail": str(error)}, status)


def application() -> FastAPI:
    """The application. FastAPI's own documentation pages would load programs from elsewhere, so there are none."""
    app = FastAPI(title="meli-tasks in Airflow", docs_url=None, redoc_url=None)
    app.add_middleware(Guard)
    app.add_exception_handler(MeliError, told)  # type: ignore[arg-type]
    app.include_router(router)
    app.mount("/static", Program(directory=pathlib.Path(__file__).parent / "static"))
    return app
