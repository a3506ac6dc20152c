"""A web server of files that can be told to misbehave."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from typing import Any

from typing_extensions import override

DATA = b"title,category\nSilla,CHAIRS\n"


class Site:
    """`headers` go out with every answer, and `redirects` are followed instead of answering with a file."""

    def __init__(self) -> None:
        self.files = {"/titles.csv": DATA}
        self.headers: dict[str, str] = {}
        self.status: dict[str, int] = {}
        self.redirects: dict[str, str] = {}
        self.cut = 0
        self.received: list[str] = []
        self.connections = 0
        self.raw: Callable[[BaseHTTPRequestHandler], None] | None = None
        """Sends the whole answer instead, headers included."""
        self.stopped = threading.Event()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.answer(body=False)

            def do_GET(self) -> None:
                self.answer(body=True)

            def answer(self, body: bool) -> None:
                path = self.path.partition("?")[0]
                site.received.append(f"{self.command} {path}")
                if site.raw:
                    site.raw(self)
                    return
                data = site.files.get(path)
                status = site.status.get(self.command) or (200 if data is not None else 404)
                target = site.redirects.get(path)
                self.send_response(302 if target else status)
                if target:
                    self.send_header("Location", target)
                for name, value in site.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0" if target else str(len(data or b"")))
                self.end_headers()
                if body and data and status == 200 and not target:
                    self.wfile.write(data[: len(data) - site.cut])

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            @override
            def process_request(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
                site.connections += 1
                super().process_request(request, client_address)

            @override
            def handle_error(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
                pass  # a client that leaves early

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@contextmanager
def serving() -> Iterator[Site]:
    """A server that listens until the end of the block."""
    site = Site()
    thread = threading.Thread(target=site.server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield site
    finally:
        site.stopped.set()
        site.server.shutdown()
        thread.join()
        site.server.server_close()
