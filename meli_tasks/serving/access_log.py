"""The access log: one JSON document per request, on stdout, without titles unless the settings request them."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from meli_tasks.serving.metrics import Metrics

PATHS = frozenset({"/predict", "/health/live", "/health/ready", "/version", "/metrics", "/docs", "/openapi.json"})
_QUIET = frozenset({"/health/live", "/health/ready", "/metrics"})
"""Asked every few seconds by machines: logged only if the answer is not the usual one."""
_STATE = "meli_request"


@dataclass
class RequestNotes:
    """What the handler of a request knows and the log should say."""

    titles: Sequence[str] = ()
    model: str = ""
    received: float = field(default_factory=time.perf_counter)
    """When its last byte had come."""


def notes_of(scope: Scope) -> RequestNotes:
    """The notes of a request."""
    notes: RequestNotes = scope["state"][_STATE]
    return notes


def write_line(document: dict[str, Any]) -> None:
    """Write a line of the log; a reader that has gone or a full disk is no reason to refuse requests."""
    with suppress(OSError):
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
        sys.stdout.flush()


class AccessLog:
    """Middleware that counts and logs each request."""

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        *,
        log_titles: bool,
        write: Callable[[dict[str, Any]], None] = write_line,
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._log_titles = log_titles
        self._write = write

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        notes = RequestNotes()
        scope.setdefault("state", {})[_STATE] = notes
        status, logged = 500, False

        async def noting(message: Message) -> None:
            nonlocal status, logged
            if message["type"] == "http.response.start":
                status = message["status"]
            elif not message.get("more_body") and not logged:
                # Before the answer is complete for the client, who may look for the line.
                logged = True
                self._done(scope, status, notes)
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            if not logged:
                self._done(scope, status, notes)

    def _done(self, scope: Scope, status: int, notes: RequestNotes) -> None:
        seconds = time.perf_counter() - notes.received
        # What else clients ask for is theirs to choose: as a label, each path would be kept for good.
        path = scope["path"] if scope["path"] in PATHS else "other"
        self._metrics.requests.labels(path, str(status)).inc()
        self._metrics.seconds.labels(path).observe(seconds)
        if status < 400 and path in _QUIET:
            return
        line: dict[str, Any] = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "method": scope["method"],
            "path": path,
            "status": status,
        }
        if status != 401:  # of who may not ask, nothing but the fact
            client = scope.get("client")
            line |= {
                "milliseconds": round(1000 * seconds, 2),
                "client": client[0] if client else "",
                "titles": len(notes.titles),
                "model": notes.model,
            }
            if self._log_titles and notes.titles:
                line["title_texts"] = list(notes.titles)
        self._write(line)
