"""A seeded proxy that makes a real server's traffic fail as networks and busy servers do.

It listens on a free port of 127.0.0.1 and forwards requests to a server there. A request's signature covers the Host
header, so that header is forwarded unchanged.
"""

from __future__ import annotations

import http.client
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any
from urllib.parse import urlsplit

from typing_extensions import override


class Fault(Enum):
    """What may happen to a request."""

    DELAY = "the answer comes late"
    RESET = "the connection is reset before the server gets the request"
    LOST = "the server handles the request, and the answer is lost"
    TRUNCATED = "the answer's body ends early"
    FLIPPED = "a bit of the answer's body is flipped"
    FLIPPED_UPLOAD = "a bit of the request's body is flipped"
    ERROR = "500 InternalError"
    BUSY = "503 SlowDown"
    FORBIDDEN = "403 AccessDenied"
    DIGEST = "400 BadDigest"
    MALFORMED = "a listing that is not XML"


SEVEN = (
    Fault.RESET, Fault.LOST, Fault.TRUNCATED, Fault.FLIPPED, Fault.ERROR, Fault.BUSY, Fault.FORBIDDEN,
)  # fmt: skip
ALL = tuple(Fault)
STATUSES = {
    Fault.ERROR: (500, "InternalError"), Fault.BUSY: (503, "SlowDown"),
    Fault.FORBIDDEN: (403, "AccessDenied"), Fault.DIGEST: (400, "BadDigest"),
}  # fmt: skip
HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


@dataclass
class Plan:
    """Which requests fail, and how.

    Args:
        rate: The fraction of requests that fail.
        faults: The possible faults, all equally likely.
        seed: Seed of the random numbers.
        seconds: Length of a delay.
        only: Only requests of these methods fail; empty for all.
        next: Faults of the next requests, before any are drawn.
        flip_listings: Whether bits of listings are flipped too. They have no digest, so not every such flip is noticed.
    """

    rate: float = 0.0
    faults: Sequence[Fault] = SEVEN
    seed: int = 0
    seconds: float = 0.5
    only: frozenset[str] = frozenset()
    next: list[Fault] = field(default_factory=list)
    flip_listings: bool = False
    requests: int = 0
    done: Counter[Fault] = field(default_factory=Counter)
    paths: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)
        self._lock = threading.Lock()

    def draw(self, method: str, path: str) -> tuple[Fault | None, Random]:
        """The fault of a request, and its own random numbers."""
        with self._lock:
            self.requests += 1
            self.paths.append(f"{method} {path}")
            own = Random(self._random.getrandbits(64))
            failing = self._random.random() < self.rate
            fault = self._random.choice(self.faults) if self.faults else None
            if self.only and method not in self.only:
                return None, own
            if self.next:
                return self.next.pop(0), own
            return (fault if failing else None), own

    def count(self, fault: Fault) -> None:
        """Note that a fault took place."""
        with self._lock:
            self.done[fault] += 1


@contextmanager
def in_front_of(server: str, plan: Plan) -> Iterator[str]:
    """The address of a proxy in front of a server while the block runs."""
    host, port = urlsplit(server).hostname or "", urlsplit(server).port or 80

    class Handler(_Handler):
        upstream = (host, port)
        plan_of = plan

    with _Server(("127.0.0.1", 0), Handler) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{proxy.server_address[1]}"
        finally:
            proxy.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has disconnected is not an error here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    upstream: tuple[str, int]
    plan_of: Plan

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed."""

    @override
    def send_response_only(self, code: int, message: str | None = None) -> None:
        if code != 100:
            super().send_response_only(code, message)

    @override
    def handle_expect_100(self) -> bool:
        self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    def _pass_on(self) -> None:
        body = self._body()
        fault, random = self.plan_of.draw(self.command, self.path)
        if fault in STATUSES:
            self._refuse(fault)
        elif fault is Fault.RESET:
            self._reset(fault)
        else:
            if fault is Fault.FLIPPED_UPLOAD and body:
                self.plan_of.count(fault)
                body = _flipped(body, random)
            status, headers, answer = self._forward(body)
            self._answer(fault, random, status, headers, answer)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = _pass_on  # noqa: N815 the names that http.server calls

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(pieces)

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(*self.upstream, timeout=60)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("transfer-encoding", "content-length", "expect", "connection"):
                connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        got = answer.status, answer.getheaders(), answer.read()
        connection.close()
        return got

    def _answer(
        self, fault: Fault | None, random: Random, status: int, headers: list[tuple[str, str]], body: bytes
    ) -> None:
        length = next((value for name, value in headers if name.lower() == "content-length"), str(len(body)))
        listing = self.command == "GET" and body[:200].find(b"ListBucketResult") >= 0
        cut = len(body)
        if fault is Fault.LOST:
            return self._reset(fault)
        if fault is Fault.DELAY:
            self.plan_of.count(fault)
            time.sleep(self.plan_of.seconds)
        elif fault is Fault.FLIPPED and self.command == "GET" and body and (self.plan_of.flip_listings or not listing):
            self.plan_of.count(fault)
            body = _flipped(body, random)
        elif fault is Fault.TRUNCATED and len(body) > 1:
            self.plan_of.count(fault)
            cut = random.randrange(len(body))
        elif fault is Fault.MALFORMED and listing:
            self.plan_of.count(fault)
            body = b"<html><h1>Bad gateway" + body[21:]
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:cut])
        if cut < len(body):
            self.close_connection = True
        return None

    def _refuse(self, fault: Fault) -> None:
        self.plan_of.count(fault)
        status, code = STATUSES[fault]
        body = f"<Error><Code>{code}</Code><Message>injected</Message></Error>".encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _reset(self, fault: Fault) -> None:
        self.plan_of.count(fault)
        self.close_connection = True
        with suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()


def _flipped(data: bytes, random: Random) -> bytes:
    place = random.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << random.randrange(8)]) + data[place + 1 :]
