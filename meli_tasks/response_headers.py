"""Headers of every HTTP response: no caching, no type sniffing, no framing, and redirects without a host.

Applies to the plugin's pages in Airflow and to `meli serve`. A route that sets one of these headers keeps its own: a
report may be framed by Airflow, and the pages' JavaScript may be stored if it is revalidated.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The Content-Security-Policy of data: opened as a page, it loads and runs nothing, and no page can frame it."""
_POLICY = "Content-Security-Policy"
PRIVATE: Mapping[str, str] = {
    "Cache-Control": "no-store",
    _POLICY: POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class PrivateAnswers:
    """ASGI middleware that adds the headers of PRIVATE that an answer lacks, and makes redirects relative.

    A redirect to an absolute address would repeat the header Host, which whoever sends the request chooses.
    """

    def __init__(self, app: Application, policies: Mapping[str, str] | None = None) -> None:
        """Wrap an application.

        Args:
            app: The application.
            policies: Other Content-Security-Policies, by path.
        """
        self._app = app
        self._policies = policies or {}

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Pass the request on, and complete the answer's headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                policy = self._policies.get(scope["path"], POLICY)
                message["headers"] = _completed(message.get("headers", ()), policy)
            await send(message)

        await self._app(scope, receive, complete)


def _completed(headers: Any, policy: str) -> list[tuple[bytes, bytes]]:
    given = [(name, _relative(value) if name.lower() == b"location" else value) for name, value in headers]
    names = {name.lower() for name, _ in given}
    wanted = {name.lower().encode(): text.encode() for name, text in {**PRIVATE, _POLICY: policy}.items()}
    return [*given, *((name, text) for name, text in wanted.items() if name not in names)]


def _relative(location: bytes) -> bytes:
    """The path of an address: neither application redirects anywhere else."""
    parts = urlsplit(location.decode("latin-1"))
    path = f"/{parts.path.lstrip('/')}"  # `//host` would be another host
    return parts._replace(scheme="", netloc="", path=path).geturl().encode("latin-1")
