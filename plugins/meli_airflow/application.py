"""The application behind the pages, mounted in the api-server under /meli: JSON for the pages, and their JavaScript."""

from __future__ import annotations

import pathlib
from http import HTTPStatus
from typing import Annotated, Any

from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import Response
from starlette.types import Scope
from typing_extensions import override

from meli_airflow import (
    action_routes,
    decision_routes,
    metadata_db,
    model_routes,
    night_routes,
    questions,
    run_history,
)
from meli_airflow.auth import Authorization
from meli_airflow.parameters import (
    Comparison,
    Day,
    Key,
    Kind,
    Limit,
    MapIndex,
    Pins,
    Problem,
    Rows,
    RunId,
    RunIdParameter,
    SetName,
    Stage,
    TaskId,
    TestSetIds,
    Text,
    refusal,
    sends,
)
from meli_airflow.store_pages import JsonBody, PagesOfStore
from meli_tasks.core.errors import BadHyperparameters, Conflict, MeliError, NotFound
from meli_tasks.pages import RunFilter, TrainingPage, Wanted
from meli_tasks.redaction import redact
from meli_tasks.response_headers import POLICY, PRIVATE, PrivateAnswers

router = APIRouter(prefix="/api")


REPORT_HEADERS = {
    # No script and no network. Links may open a window of their own, which is not sandboxed.
    "Content-Security-Policy": "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
}
"""The others are those of every answer (`PrivateAnswers`)."""


STATIC_HEADERS = {
    "Cache-Control": "private, no-cache",
    # An icon that is opened as a page draws itself, and nothing else.
    "Content-Security-Policy": f"{POLICY}; style-src 'unsafe-inline'",
}


class PageBundle(StaticFiles):
    """The pages' JavaScript and icons. Browsers revalidate them on every load, so an update is visible immediately."""

    @override
    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        answer.headers.update(STATIC_HEADERS)
        return answer


def wanted(
    set_name: SetName = "", kind: Kind = "", rows: Rows = 50, opened: TestSetIds = (), pins: Pins = ()
) -> Wanted:
    """Which models of these runs the leaderboard displays."""
    return Wanted(set_name, kind, rows, tuple(opened), tuple(pins))


def run_filter(
    models: Annotated[Wanted, Depends(wanted)],
    limit: Limit = 100,
    text: Text = "",
    since: Day = None,
    until: Day = None,
) -> RunFilter:
    """Which runs the leaderboard displays."""
    return RunFilter(text, models, since, until, limit)


@router.get("/models")
def models(pages: PagesOfStore, runs: Annotated[RunFilter, Depends(run_filter)]) -> JsonBody:
    """The champion, and the leaderboard of the newest runs that match."""
    found = pages.models(runs)
    champion = [found.champion.run_id] if found.champion else []
    in_airflow = metadata_db.states_of([*(row.run_id for row in found.rows), *champion])
    return {**found.model_dump(mode="json"), "in_airflow": sorted(in_airflow)}


@router.get("/mlflow")
def mlflow(pages: PagesOfStore) -> JsonBody:
    """The model that MLflow's alias `champion` points at."""
    return pages.mlflow().model_dump(mode="json")


@router.get("/decisions")
def decisions(pages: PagesOfStore, limit: Limit = 20) -> JsonBody:
    """The newest decisions on the champion."""
    found = pages.decisions(limit)
    in_airflow = metadata_db.states_of(row.run_id for row in found.decisions)
    return {**found.model_dump(mode="json"), "in_airflow": sorted(in_airflow)}


@router.get("/comparison")
def comparison(pages: PagesOfStore, chosen: Comparison) -> JsonBody:
    """Two to eight rows of the leaderboard, each compared with one of them."""
    return pages.comparison(chosen.models, chosen.baseline).model_dump(mode="json")


@router.get("/artifacts/{stage}/{key}")
def artifact(pages: PagesOfStore, stage: Stage, key: Key) -> JsonBody:
    """An artifact: its files, what they were made from, and what was made from them."""
    return pages.artifact(stage, key).model_dump(mode="json")


@router.get("/runs/{run_id:path}")
def run(pages: PagesOfStore, run_id: RunId) -> JsonBody:
    """A run: what happened, its steps, its leaderboard, its decision; without a plan the first only."""
    airflow = run_history.run_of(run_id)
    plan = metadata_db.plan_of(run_id) or pages.plan_of(run_id)
    if airflow is None and not plan:
        raise NotFound(
            f"There is no run {run_id!r}: neither Airflow nor the store knows it. It was deleted, or its id is "
            "misspelled."
        )
    page = pages.run(plan) if plan else None
    head = pages.run_head(run_id, page, airflow, run_history.failed_tasks(run_id) if airflow else [])
    shown: JsonBody = {"state": airflow.state if airflow else "", "head": head.model_dump(mode="json")}
    asked = questions.question_of(run_id) if airflow else None
    shown["asked"] = {"evidence": asked.evidence, "ready_in": asked.ready_in} if asked else None
    return {**shown, **(page.model_dump(mode="json") if page else {"plan": ""})}


@router.get("/report/{run_id:path}", **sends("text/html"))
def report(pages: PagesOfStore, run_id: RunId) -> Response:
    """The HTML report of a run, as stored. It may hold titles, so whatever they contain can load and run nothing."""
    plan = metadata_db.plan_of(run_id) or pages.plan_of(run_id)
    if not plan:
        raise NotFound(f"There is no run {run_id!r} with a plan, so there is no report.")
    return Response(pages.report(plan), media_type="text/html; charset=utf-8", headers=REPORT_HEADERS)


@router.get("/monitoring/report", **sends("text/html"))
def monitoring_report(pages: PagesOfStore) -> Response:
    """The stored HTML report on monitoring the current champion; like `report`, it may contain titles."""
    return Response(pages.monitoring_report(), media_type="text/html; charset=utf-8", headers=REPORT_HEADERS)


@router.get("/training")
def training(pages: PagesOfStore, run_id: RunIdParameter, task_id: TaskId, map_index: MapIndex = -1) -> JsonBody:
    """A training task: its curves, live while it trains; before its set is known, only its state."""
    if task_id not in metadata_db.SETS_TASK_OF:
        raise HTTPException(
            404, f"The task {task_id} has no training curves; {' and '.join(metadata_db.SETS_TASK_OF)} have."
        )
    plan, set_name = metadata_db.choice_of(run_id, task_id, map_index)
    if not plan:  # before the sets are listed, or after what the tasks returned was cleared
        set_name = metadata_db.label_of(run_id, task_id, map_index)
        plan = pages.plan_of(run_id) if set_name else ""
    found = pages.training(plan, set_name) if plan else TrainingPage()
    return {"task": metadata_db.task_status(run_id, task_id, map_index), **found.model_dump(mode="json")}


@router.get(
    "/backfills/{run_id:path}", dependencies=[Depends(requires_access_dag("GET", None, metadata_db.BACKFILL_DAG))]
)
def backfill(pages: PagesOfStore, run_id: RunId) -> JsonBody:
    """A run of meli_backfill: its preview, the state of each date's run, its report once it has ended."""
    found = pages.backfill(run_id)
    started = [day.run_id for day in found.preview.dates] if found.preview else []
    return {
        "state": metadata_db.state_of(run_id, metadata_db.BACKFILL_DAG),
        "approval": metadata_db.task_status(run_id, "approve", dag_id=metadata_db.BACKFILL_DAG).get("state", ""),
        "runs": metadata_db.states_of(started),
        **found.model_dump(mode="json"),
    }


STATUS_OF = {NotFound: 404, Conflict: 409, BadHyperparameters: 422}
"""The status of each kind of error; of any other it is 503, as the store or a server is the reason."""


def error_response(_: Request, error: MeliError) -> JSONResponse:
    """Return the error's message, which says what happened, where, and what to do."""
    status = next((status for kind, status in STATUS_OF.items() if isinstance(error, kind)), 503)
    return JSONResponse({"detail": redact(str(error))}, status)


async def unexpected_response(_: Request, __: Exception) -> JSONResponse:
    """Say no more than that it failed: the traceback is in the log of the api-server."""
    detail = "The page could not be made: an error in meli-tasks. The log of the api-server has its traceback."
    return JSONResponse({"detail": detail}, 500, PRIVATE)


async def sentence_response(request: Request, error: StarletteHTTPException) -> Response:
    """As FastAPI answers, but a status without more than its name becomes a sentence."""
    path = request.scope["path"]
    sentences = {
        403: "You may not see this: your role lacks the right to read the DAG that it is about.",
        404: f"There is nothing at {path} in this version of meli-tasks. If a page sent you here, reload it.",
        405: f"The address {path} does not accept {request.method}.",
    }
    if error.status_code in sentences and error.detail == HTTPStatus(error.status_code).phrase:
        error = StarletteHTTPException(error.status_code, sentences[error.status_code], error.headers)
    return await http_exception_handler(request, error)


def application() -> FastAPI:
    """The application. It has no documentation pages, because FastAPI's pages load scripts from other servers."""
    refused: dict[int | str, dict[str, Any]] = {statuses: {"model": Problem} for statuses in ("4XX", "5XX")}
    app = FastAPI(
        title="meli-tasks in Airflow", docs_url=None, redoc_url=None, redirect_slashes=False, responses=refused
    )
    app.add_middleware(Authorization)
    app.add_middleware(PrivateAnswers)  # around the others, so that refusals have the headers too
    app.add_exception_handler(Exception, unexpected_response)
    app.add_exception_handler(MeliError, error_response)  # type: ignore[arg-type]
    app.add_exception_handler(StarletteHTTPException, sentence_response)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, refusal)  # type: ignore[arg-type]
    app.include_router(router)
    app.include_router(model_routes.router)
    app.include_router(decision_routes.router)
    app.include_router(night_routes.router)
    app.include_router(action_routes.router)
    app.mount("/static", PageBundle(directory=pathlib.Path(__file__).parent / "static"))
    return app
