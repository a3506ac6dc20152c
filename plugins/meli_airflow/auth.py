"""Authorization for the pages: without signing in, a request learns nothing, not even whether a path exists.

Airflow leaves a plugin's application open. A dependency on each route would leave open whatever is not a route: static
files, the OpenAPI document, unknown paths. So the authorization wraps the whole application.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
from airflow.api_fastapi.core_api.security import bearer_scheme, get_user
from airflow.models.dag import DagModel
from fastapi import HTTPException
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse

from meli_airflow.metadata_db import TRAINING_DAG

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
    from starlette.types import ASGIApp, Receive, Scope, Send

# The pages' JavaScript contains no data, and it explains to users why they are not allowed to read the DAG.
FOR_ALL_SIGNED_IN = "/static/"


class Authorization:
    """Lets signed-in users through, and to anything with data only those who may read the DAG meli_training."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 or 403, or pass the request on."""
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
            if not path.startswith(FOR_ALL_SIGNED_IN) and not await run_in_threadpool(may_read, user):
                raise HTTPException(403, f"You may not read the DAG {TRAINING_DAG}.")
        except HTTPException as refusal:
            answer = JSONResponse({"detail": refusal.detail}, refusal.status_code, headers=refusal.headers)
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)


def may_read(user: BaseUser) -> bool:
    """Whether a user may read the DAG meli_training."""
    details = DagDetails(id=TRAINING_DAG, team_name=DagModel.get_team_name(TRAINING_DAG))
    return get_auth_manager().is_authorized_dag(method="GET", details=details, user=user)
