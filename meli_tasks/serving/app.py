"""The routes of the service."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.requests import ClientDisconnect

from meli_tasks import __version__
from meli_tasks.core.errors import BadData, MeliError, Unreachable
from meli_tasks.redaction import redact
from meli_tasks.response_headers import PRIVATE, PrivateAnswers
from meli_tasks.rowfiles.titles import cleaned, problems_of
from meli_tasks.serving.access_log import AccessLog, notes_of
from meli_tasks.serving.batching import BATCH_TITLES
from meli_tasks.serving.contract import BadRequest, PredictAnswer, PredictRequest, Problem, TooLarge, answer_json
from meli_tasks.serving.key_guard import KeyGuard
from meli_tasks.serving.metrics import CONTENT_TYPE
from meli_tasks.serving.service import Service

OPEN = frozenset({"/health/live", "/health/ready", "/docs", "/openapi.json"})
"""What anyone may ask, as it says nothing about titles or models: probes have no key."""
_RETRY_SECONDS = "1"
_MEGABYTE = 1_000_000
_DOCS_POLICY = (
    "default-src 'none'; script-src https://cdn.jsdelivr.net 'unsafe-inline'; style-src https://cdn.jsdelivr.net "
    "'unsafe-inline'; img-src https://fastapi.tiangolo.com data:; connect-src 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""FastAPI's page for trying requests loads its program from there."""
_PREDICT: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": PredictRequest.model_json_schema(ref_template="#/components/{model}")}
        },
    }
}


class TooSlow(Unreachable):
    """A client did not send its request in time."""


def create_app(service: Service) -> FastAPI:
    """The service as an ASGI application."""
    app = FastAPI(
        title="meli serve",
        version=__version__,
        description="Categories for titles of listings, by the champion.",
        redoc_url=None,
        redirect_slashes=False,
    )
    _add_predict(app, service)
    _add_state(app, service)
    app.add_exception_handler(MeliError, _refused)
    app.add_exception_handler(Exception, _failed)
    app.add_middleware(KeyGuard, keys=service.keys, open_paths=OPEN)
    app.add_middleware(AccessLog, metrics=service.metrics, log_titles=service.settings.serving_log_titles)
    app.add_middleware(PrivateAnswers, policies={"/docs": _DOCS_POLICY})  # around the others: refusals have them too
    return app


def _add_predict(app: FastAPI, service: Service) -> None:
    refusals = (400, 401, 408, 413, 422, 503)

    @app.post(
        "/predict",
        summary="Categories for one or many titles",
        response_model=PredictAnswer,
        responses={status: {"model": Problem} for status in refusals},
        openapi_extra=_PREDICT,
    )
    async def predict(request: Request) -> Response:
        query = PredictRequest.parse(await _body(request, service))
        titles, notes = cleaned(query.all_titles), notes_of(request.scope)
        if len(titles) > service.settings.serving_max_titles:
            raise TooLarge(
                f"The request has {len(titles):,} titles, and at most {service.settings.serving_max_titles:,} are "
                "accepted. Send fewer at a time, or use `meli batch-predict` for files."
            )
        notes.titles = titles
        reasons = problems_of(titles)
        answer = await asyncio.wrap_future(service.submit(titles, reasons, query.top))
        notes.model = answer.served.wanted.ref.key[:8]
        service.note(titles, reasons, answer, query.abstain_below)
        body = (answer, reasons, query.abstain_below)
        # A long answer takes longer to write than others should wait.
        is_long = len(titles) > BATCH_TITLES
        text = await asyncio.to_thread(answer_json, *body) if is_long else answer_json(*body)
        return Response(text, media_type="application/json")


def _add_state(app: FastAPI, service: Service) -> None:
    @app.get("/health/live", summary="Whether the process answers")
    async def live() -> dict[str, bool]:
        return {"live": True}

    @app.get("/health/ready", summary="Whether titles can be classified", responses={503: {"model": Problem}})
    async def ready() -> Response:
        if service.batcher.served is None:
            return JSONResponse({"ready": False, "detail": service.not_ready}, 503)
        return JSONResponse({"ready": True, "problem": bool(service.follower.problem)})

    @app.get("/version", summary="The model that answers, and what is wrong if anything is")
    async def version() -> dict[str, Any]:
        served, shadow = service.batcher.served, service.shadow
        return {
            "version": __version__,
            "model": served.identity() if served else None,
            "follows": service.settings.serving_model or "champion",
            "problem": service.follower.problem,
            "warning": service.follower.warning,
            "shadow": {**shadow.served.identity(), **asdict(shadow.agreement)} if shadow else None,
        }

    @app.get("/metrics", summary="Counters for Prometheus", response_class=PlainTextResponse)
    async def metrics() -> PlainTextResponse:
        service.metrics.waiting.set(service.batcher.waiting)
        return PlainTextResponse(service.metrics.text(), headers={"Content-Type": CONTENT_TYPE})


async def _body(request: Request, service: Service) -> bytes:
    """The body of a request, if it is not too large and comes in time."""
    most = int(service.settings.serving_max_body_mb * _MEGABYTE)
    seconds = service.settings.serving_request_seconds
    too_large = TooLarge(f"The request is larger than {most / _MEGABYTE:g} MB, the most that is accepted.")
    if int(request.headers.get("content-length", 0)) > most:  # a number: uvicorn refuses any other
        raise too_large
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                size += len(chunk)
                if size > most:
                    raise too_large
                chunks.append(chunk)
    except TimeoutError:
        raise TooSlow(f"The request was not complete after {seconds:g} s.") from None
    except ClientDisconnect:
        raise TooSlow("The client left before its request was complete.") from None
    notes_of(request.scope).received = time.perf_counter()
    return b"".join(chunks)


async def _refused(request: Request, error: Exception) -> Response:
    """A sentence, and a status that says whether to ask again."""
    status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 500)
    headers = {"Retry-After": _RETRY_SECONDS} if status == 503 else {}
    if status in {408, 413}:
        headers["Connection"] = "close"  # what it did not read of the request would be taken for the next one
    return JSONResponse({"detail": redact(str(error))}, status, headers)


async def _failed(request: Request, error: Exception) -> Response:
    """Say no more than that it failed: uvicorn logs the traceback."""
    return JSONResponse({"detail": "The service failed: its log has the traceback."}, 500, PRIVATE)


_STATUS: dict[type[MeliError], int] = {
    BadRequest: 400,
    TooLarge: 413,
    BadData: 422,
    TooSlow: 408,
    Unreachable: 503,
}
"""The first that fits counts."""
