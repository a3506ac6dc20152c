"""Lets requests through that have a right key, or need none."""

from __future__ import annotations

from collections.abc import Set

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from meli_tasks.serving.keys import Keys

_REFUSAL = "This service needs an API key: send the header Authorization: Bearer KEY."


class KeyGuard:
    """Middleware that answers 401 to requests without a right key, before anything of them is read.

    FastAPI's own way to write middleware costs a task and a stream for each request; this costs a comparison.
    """

    def __init__(self, app: ASGIApp, keys: Keys, open_paths: Set[str]) -> None:
        self._app = app
        self._keys = keys
        self._open_paths = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        allowed = (
            scope["type"] != "http"
            or scope["path"] in self._open_paths
            or self._keys.accept(Headers(scope=scope).get("authorization", ""))
        )
        if allowed:
            await self._app(scope, receive, send)
            return
        # The body was not read, and would be taken for the next request.
        refusal = JSONResponse({"detail": _REFUSAL}, 401, {"WWW-Authenticate": "Bearer", "Connection": "close"})
        await refusal(scope, receive, send)
