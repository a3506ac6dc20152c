"""Runs that promote a model may be triggered only by those who may decide on the champion.

Airflow lets everybody who may trigger a DAG choose its parameters: the source, how much better a model must be, and
that it is promoted. With a source of one's own that is as good as the button *Promote*, so it needs the same right,
even with an approval: whoever may trigger may often answer, too. The requests that trigger runs are looked at before
Airflow handles them. A scheduled run needs no right.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

PROMOTING = {"meli_training": "auto", "meli_backfill": "never"}
"""The DAGs whose runs can promote, and what they do unless `promotion` is given."""
_TRIGGER = re.compile(r"/api/v2/dags/(?P<dag>[^/]+)/dagRuns/?$")
_BACKFILL = re.compile(r"/api/v2/backfills/?$")
MAX_BODY_BYTES = 4_000_000
REFUSAL = (
    "You may not decide on the champion, so you cannot trigger a run that may promote a model. Trigger it with the "
    "promotion `never`; whoever has the right can promote its model afterwards, on the page Models."
)


class PromotionRight:
    """Middleware around all of Airflow's web application. Every process imports it, so it loads nothing."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer 403 to a request for a promotion without the right, or pass the request on."""
        if scope["type"] != "http" or scope["method"] != "POST" or not _triggers(scope["path"]):
            await self._app(scope, receive, send)
            return
        body, again = await _read(receive)
        if (body is None or promotes(scope["path"], body)) and not await _may_decide(scope):
            await _refuse(send)
            return
        await self._app(scope, again, send)


def promotes(path: str, body: bytes) -> bool:
    """Whether a request triggers a run that may promote a model by itself; what cannot be read is refused later."""
    try:
        request = json.loads(body)
    except (ValueError, RecursionError):
        return False
    if not isinstance(request, dict):
        return False
    if trigger := _TRIGGER.search(path):
        dag, conf = trigger["dag"], request.get("conf")
        default = PROMOTING.get(dag)
    else:
        dag, conf = request.get("dag_id"), request.get("dag_run_conf")
        default = "never" if dag in PROMOTING else None  # Airflow's own backfill
    if default is None:
        return False
    chosen = conf.get("promotion") if isinstance(conf, dict) else None
    return (chosen or default) != "never"


def _triggers(path: str) -> bool:
    found = _TRIGGER.search(path)
    return (found is not None and found["dag"] in PROMOTING) or _BACKFILL.search(path) is not None


async def _read(receive: Receive) -> tuple[bytes | None, Receive]:
    """The body, None if it is too long to be looked at, and a function that delivers it once more."""
    pieces: list[Message] = []
    size, more = 0, True
    while more and size <= MAX_BODY_BYTES:
        message = await receive()
        pieces.append(message)
        size += len(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)
    waiting = iter(pieces)

    async def again() -> Message:
        return next(waiting, None) or await receive()

    return None if more else b"".join(piece.get("body", b"") for piece in pieces), again


async def _may_decide(scope: MutableMapping[str, Any]) -> bool:
    """Whether the user who sends the request has the right; who has not signed in is for Airflow to refuse."""
    from airflow.api_fastapi.core_api.security import bearer_scheme, get_user
    from fastapi import HTTPException
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import Request

    from meli_airflow import rights

    request = Request(scope)
    try:
        user = await get_user(request, None, await bearer_scheme(request))
    except HTTPException:
        return True
    return await run_in_threadpool(rights.may_decide, user)


async def _refuse(send: Send) -> None:
    answer = json.dumps({"detail": REFUSAL}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
