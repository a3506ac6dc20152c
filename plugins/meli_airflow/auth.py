"""Authorization for the pages: without signing in, a request learns nothing, not even whether a path exists.

Airflow leaves a plugin's application open. A dependency on each route would leave open whatever is not a route: static
files, the OpenAPI document, unknown paths. So the authorization wraps the whole application. Whatever changes something
needs a right of its own, also what is added later: only the requests in FOR_READERS need none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.api_fastapi.core_api.security import bearer_scheme, get_user
from fastapi import HTTPException
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse

from meli_airflow import rights
from meli_airflow.cross_site import MAX_BODY_BYTES, SAFE_METHODS, refused
from meli_airflow.metadata_db import TRAINING_DAG

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
    from starlette.types import ASGIApp, Receive, Scope, Send

# The pages' JavaScript contains no data, and it explains to users why they are not allowed to read the DAG.
FOR_ALL_SIGNED_IN = "/static/"
FOR_READERS = frozenset({("POST", "/api/predict"), ("POST", "/api/predict/file")})
"""What is requested by POST because of its size, and changes nothing."""
MAX_BYTES = {"/api/predict/file": 1_400_000}
"""How long a body may be, where that is not `cross_site.MAX_BODY_BYTES`: here it holds a file of 1 MB in base64."""


class Authorization:
    """Lets signed-in users through, to data only those who may read the DAG, to changes only those who may decide."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401, 403 or why the request cannot be accepted, or pass the request on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # the pages use no web sockets
            await send({"type": "websocket.close", "code": 1008})
            return
        request = Request(scope, receive)
        try:
            user = await get_user(request, None, await bearer_scheme(request))
            path = scope["path"].removeprefix(scope.get("root_path", ""))
            if not path.startswith(FOR_ALL_SIGNED_IN):
                await run_in_threadpool(_check, user, request.method, path)
            if problem := refused(request.headers, request.method, MAX_BYTES.get(path, MAX_BODY_BYTES)):
                raise HTTPException(problem.status, problem.detail)
        except HTTPException as refusal:
            answer = JSONResponse({"detail": refusal.detail}, refusal.status_code, headers=refusal.headers)
            await answer(scope, receive, send)
            return
        request.state.meli_user = user
        await self._app(scope, receive, send)


def _check(user: BaseUser, method: str, path: str) -> None:
    if not rights.may_read(user):
        raise HTTPException(403, f"You may not read the DAG {TRAINING_DAG}.")
    if method in SAFE_METHODS or (method, path) in FOR_READERS:
        return
    action = rights.ACTIONS.get(path.removeprefix("/api/")) if method == "POST" else None
    if action is not None:
        if not action.allows(user):
            raise HTTPException(403, action.refusal)
    elif not rights.may_decide(user):
        raise HTTPException(403, f"You may not decide on the champion, so nothing was changed. {rights.DECIDING}")


def signed_in(request: Request) -> BaseUser:
    """The user that the authorization let through."""
    user: BaseUser = request.state.meli_user
    return user
