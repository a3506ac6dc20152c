"""Whoever has a run decide on the champion needs the right to decide, also through Airflow's own API.

Airflow lets everybody who may trigger a DAG choose its parameters: the titles, how much better a model must be, and
that it is promoted. That is as good as the button *Promote*, and so are the answer to an approval and a change of what
a task returned, from which the next one goes on. So the requests that do these are looked at before Airflow handles
them, and refused without the right. Scheduled runs need none, and a backfill that of the user who creates it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

TRAINING, BACKFILL = "meli_training", "meli_backfill"
DEFAULTS = {TRAINING: "auto", BACKFILL: "never"}
"""The DAGs whose runs can promote, and what they do unless `promotion` is given."""
WITHOUT_THE_RIGHT = ("never", "approval")
"""With approval, whoever answers needs the right."""
BACKFILLED = (*WITHOUT_THE_RIGHT, "auto")
"""A run of Airflow's own backfill promotes only if `promotion` is `always`."""
MAX_BODY_BYTES = 4_000_000

TRIGGER = (
    "You may not trigger a run that may promote a model. Trigger it with the promotion `never`: whoever has the right "
    "can promote its model afterwards, on the page Models. Or, except in a backfill, with `approval`."
)
ANSWER = "You may not answer whether a model is promoted."
CHANGE = "You may not change what a task of this run returned, since that can decide on the champion."


@dataclass(frozen=True)
class Guard:
    """Requests of Airflow's API that may decide on the champion, and whether one does, by its path and its body.

    The path is as Airflow's own routes match it: a `$` also fits before a line break at the end.
    """

    methods: tuple[str, ...]
    path: re.Pattern[str]
    refusal: str
    decides: Callable[[Mapping[str, str], Any], bool]


def _trigger(path: Mapping[str, str], body: Any) -> bool:
    return path["dag"] in DEFAULTS and _promotion(body, "conf", DEFAULTS[path["dag"]]) not in WITHOUT_THE_RIGHT


def _materialize(path: Mapping[str, str], body: Any) -> bool:
    dag = _dag_of_asset(path["asset"])
    return dag in DEFAULTS and _promotion(body, "conf", DEFAULTS[dag]) not in WITHOUT_THE_RIGHT


def _backfill(path: Mapping[str, str], body: Any) -> bool:
    dag = body.get("dag_id") if isinstance(body, dict) else None
    return dag in (*DEFAULTS,) and _promotion(body, "dag_run_conf", "never") not in BACKFILLED


def _of_a_task(path: Mapping[str, str], body: Any) -> bool:
    return path["dag"] in DEFAULTS


def _promotion(body: Any, field: str, default: str) -> Any:
    conf = body.get(field) if isinstance(body, dict) else None
    return (conf.get("promotion") if isinstance(conf, dict) else None) or default


_DAG = r"/api/v2/dags/(?P<dag>[^/]+)/dagRuns"
_TASK = rf"{_DAG}/[^/]+/taskInstances/[^/]+"
GUARDS = (
    Guard(("POST",), re.compile(rf"{_DAG}/?$"), TRIGGER, _trigger),
    Guard(("POST",), re.compile(r"/api/v2/assets/(?P<asset>[^/]+)/materialize/?$"), TRIGGER, _materialize),
    Guard(("POST",), re.compile(r"/api/v2/backfills/?$"), TRIGGER, _backfill),
    Guard(("PATCH",), re.compile(rf"{_TASK}/[^/]+/hitlDetails/?$"), ANSWER, _of_a_task),
    Guard(("POST", "PATCH", "DELETE"), re.compile(rf"{_TASK}/xcomEntries(/|$)"), CHANGE, _of_a_task),
)


class PromotionRight:
    """Middleware around all of Airflow's web application, made before its first request.

    Every process imports this module, so it loads nothing; only an api-server makes the middleware.
    """

    def __init__(self, app: Application) -> None:
        from meli_airflow import rights

        self._app = app
        rights.register()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer 403 to a request that decides without the right, or pass the request on."""
        for guard in GUARDS if scope["type"] == "http" else ():
            found = guard.path.search(scope["path"]) if scope["method"] in guard.methods else None
            if found is None:
                continue
            body, receive = await _read(receive)
            if await _is_refused(scope, guard, found.groupdict(), body):
                await _refuse(send, guard.refusal)
                return
            break
        await self._app(scope, receive, send)


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

    too_long = more or size > MAX_BODY_BYTES
    return None if too_long else b"".join(piece.get("body", b"") for piece in pieces), again


async def _is_refused(
    scope: MutableMapping[str, Any], guard: Guard, path: Mapping[str, str], body: bytes | None
) -> bool:
    """Whether a request decides without the right; who has not signed in is for Airflow to refuse."""
    from airflow.api_fastapi.core_api.security import bearer_scheme, get_user
    from fastapi import HTTPException
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import Request

    from meli_airflow import rights

    request = Request(scope)
    try:
        user = await get_user(request, None, await bearer_scheme(request))
    except HTTPException:
        return False
    return not await run_in_threadpool(rights.may_decide, user) and await run_in_threadpool(_decides, guard, path, body)


def _decides(guard: Guard, path: Mapping[str, str], body: bytes | None) -> bool:
    if body is None:
        return True
    try:
        parsed = json.loads(body) if body else None
    except ValueError:  # Airflow refuses it
        parsed = None
    except RecursionError:
        return True
    return guard.decides(path, parsed)


def _dag_of_asset(asset: str) -> str:
    """The DAG that Airflow starts to make an asset; empty if there is none, or several."""
    from airflow.models.asset import TaskOutletAssetReference
    from airflow.utils.session import create_session
    from pydantic import TypeAdapter, ValidationError
    from sqlalchemy import select

    try:
        number = TypeAdapter(int).validate_python(asset)  # as the route reads it
    except ValidationError:
        return ""
    made_by = select(TaskOutletAssetReference.dag_id).where(TaskOutletAssetReference.asset_id == number)
    with create_session() as session:
        dags = set(session.scalars(made_by))
    return dags.pop() if len(dags) == 1 else ""


async def _refuse(send: Send, refusal: str) -> None:
    from meli_airflow import rights

    answer = json.dumps({"detail": f"{refusal} {rights.DECIDING}"}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(answer)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
