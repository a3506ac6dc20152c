"""Requests whose address comes from a user: checked at every redirect and before every connection, bounded in time.

The name of a host is resolved here and the connection is made to the address that was checked, so another answer of its
DNS server a moment later changes nothing.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Lock, Timer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from typing_extensions import override

if TYPE_CHECKING:
    from requests import PreparedRequest, Response, Session
    from requests.adapters import HTTPAdapter
    from urllib3 import Retry

CheckPeer = Callable[[str, int, str], None]


@dataclass(frozen=True)
class Guard:
    """What is checked, and how long a request may take.

    Args:
        check_address: Raises an error of ours if no request may be sent to an address.
        check_peer: The same if a host, at a port, may not be at an IP address.
        seconds: From the first connection to the end of the answer.
        too_slow: The message after that, with `{place}`.
    """

    check_address: Callable[[str], None]
    check_peer: CheckPeer
    seconds: float
    too_slow: str


class Deadline:
    """Ends all connections that it watches when the time is up, whatever they are waiting for.

    A time-out of a socket starts again with each byte, so a server that sends a byte a second never meets it.
    """

    def __init__(self, seconds: float) -> None:
        self.passed = False
        self._lock = Lock()
        self._watched: list[socket.socket] = []
        self._timer = Timer(max(0.0, seconds), self._end)
        self._timer.daemon = True
        self._timer.start()

    def watch(self, connection: socket.socket) -> None:
        """End this connection with the others."""
        with self._lock:
            # Another descriptor of the same connection: TLS takes the first one over.
            self._watched.append(connection.dup())
        if self.passed:
            self._end()

    def close(self) -> None:
        """Watch nothing any longer."""
        self._timer.cancel()
        with self._lock:
            while self._watched:
                self._watched.pop().close()

    def _end(self) -> None:
        self.passed = True
        with self._lock:
            for connection in self._watched:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:  # it has ended by itself
                    continue


def guarded_session(guard: Guard, deadline: Deadline, retries: Retry) -> Session:
    """A session of requests that sends only what the guard lets through, and leaves redirects to its user."""
    import requests

    class Guarded(requests.Session):
        @override
        def resolve_redirects(self, *args: Any, **options: Any) -> Iterator[Any]:
            # requests looks up the next address even if it is not to follow it, and reads the whole body for that.
            return iter(())

    session = Guarded()
    adapter = _adapter(guard, deadline, retries)
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter)
    return session


def _adapter(guard: Guard, deadline: Deadline, retries: Retry) -> HTTPAdapter:
    from requests.adapters import HTTPAdapter
    from requests.utils import select_proxy

    class Guarded(HTTPAdapter):
        @override
        def init_poolmanager(self, *args: Any, **options: Any) -> None:
            super().init_poolmanager(*args, **options)
            self.poolmanager.pool_classes_by_scheme = _pools(guard.check_peer, deadline)

        @override
        def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
            manager = super().proxy_manager_for(*args, **options)
            # A proxy may be in a private network.
            manager.pool_classes_by_scheme = _pools(lambda host, port, address: None, deadline)
            return manager

        @override
        def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
            url = str(request.url)
            guard.check_address(url)
            if select_proxy(url, options.get("proxies")):
                # The proxy connects, and to whatever it finds; a name that only it knows is left to its own rules.
                _check_by_name(guard, url)
            return super().send(request, *args, **options)

    return Guarded(max_retries=retries)


def _pools(check_peer: CheckPeer, deadline: Deadline) -> dict[str, type]:
    """The connection pools by scheme; their connections check where they lead."""
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.exceptions import NameResolutionError, NewConnectionError

    class Checked(HTTPConnection):
        @override
        def _new_conn(self) -> socket.socket:
            name, port = self._dns_host, int(self.port or 0)
            try:
                addresses = _resolved(name, port)
            except (OSError, UnicodeError) as error:
                reason = error if isinstance(error, socket.gaierror) else socket.gaierror(str(error))
                raise NameResolutionError(self.host, self, reason) from error
            for address in addresses:
                check_peer(name, port, address)
            try:
                return self._connected(addresses)
            finally:
                self._dns_host = name

        def _connected(self, addresses: list[str]) -> socket.socket:
            for number, address in enumerate(addresses, 1):
                self._dns_host = address
                try:
                    connection = super()._new_conn()
                except NewConnectionError:
                    if number == len(addresses):
                        raise
                else:
                    deadline.watch(connection)
                    return connection
            raise NewConnectionError(self, "its name has no address")

    class CheckedTls(Checked, HTTPSConnection):
        pass

    class Pool(HTTPConnectionPool):
        ConnectionCls = Checked

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = CheckedTls

    return {"http": Pool, "https": TlsPool}


def _check_by_name(guard: Guard, url: str) -> None:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        addresses = _resolved(parts.hostname or "", port)
    except (OSError, UnicodeError):
        return
    for address in addresses:
        guard.check_peer(parts.hostname or "", port, address)


def _resolved(host: str, port: int) -> list[str]:
    """The addresses of a host, each once, in the system's order."""
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
