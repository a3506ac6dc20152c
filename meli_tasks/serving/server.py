"""uvicorn with the service: its socket, its time limits, and its end."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn
from typing_extensions import override

from meli_tasks.core.errors import BadSettings
from meli_tasks.serving.app import create_app
from meli_tasks.serving.patience import patient
from meli_tasks.serving.service import Service

_BACKLOG = 2048
_KEEP_ALIVE_SECONDS = 75
"""Longer than the 60 s of usual load balancers, which would otherwise send requests into connections that end."""
_SHUTDOWN_SECONDS = 20
"""For requests in flight after SIGTERM; Kubernetes kills after 30."""


def listen(host: str, port: int) -> socket.socket:
    """Bind a socket.

    Raises:
        BadSettings: another program has the port, or there is no such address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host.strip("[]"), port))
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        raise BadSettings(
            f"The service cannot listen on {host}:{port}: {error.strerror or error}. Another program, or another "
            "`meli serve`, may have the port: stop it, or choose another one with --port or MELI_SERVING_PORT."
        ) from None
    return bound


def address_of(bound: socket.socket) -> str:
    """The URL of a bound socket."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(service: Service, bound: socket.socket, on_start: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; requests in flight are answered.

    Args:
        service: not started yet.
        bound: where to listen.
        on_start: called once connections are accepted.
    """
    config = uvicorn.Config(
        create_app(service),
        loop="uvloop",
        http=patient(service.settings.serving_request_seconds),
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
    service.start()
    try:
        _Server(config, on_start).run([bound])
    finally:
        service.stop()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_start: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_start = on_start

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_start()
