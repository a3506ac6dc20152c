"""How long the service waits for a client that sends or reads slowly, or not at all.

uvicorn waits without end for the head of a request, accepts a head of any length, and keeps an answer that nobody
reads. A few hundred such connections would use up its sockets and its memory, so each gets a deadline here. The body of
a request has its own deadline, where it is read.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

if TYPE_CHECKING:
    from asyncio.events import TimerHandle

MAX_HEAD_BYTES = 65_536
TOO_SLOW = 408
HEAD_TOO_LARGE = 431


class PatientProtocol(HttpToolsProtocol):
    """A connection with deadlines: for the head of a request, and for a client that does not read its answer."""

    seconds: ClassVar[float]

    _head_timer: TimerHandle | None = None
    _write_timer: TimerHandle | None = None
    _head_bytes: int = 0

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_head()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting_for_head()
        self._stop_waiting_for_reader()
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        if self._head_timer is None and (self.cycle is None or self.cycle.response_complete):
            self._wait_for_head()  # of the next request on this connection
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_timer is not None and self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(HEAD_TOO_LARGE, f"The head of a request may have {MAX_HEAD_BYTES:,} bytes.")

    @override
    def on_headers_complete(self) -> None:
        self._stop_waiting_for_head()
        super().on_headers_complete()

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_timer = self.loop.call_later(self.seconds, self.transport.abort)

    @override
    def resume_writing(self) -> None:
        self._stop_waiting_for_reader()
        super().resume_writing()

    def _wait_for_head(self) -> None:
        self._head_bytes = 0
        self._head_timer = self.loop.call_later(self.seconds, self._give_up)

    def _stop_waiting_for_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_waiting_for_reader(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _give_up(self) -> None:
        if self._head_bytes:
            self._refuse(TOO_SLOW, f"The head of the request did not arrive within {self.seconds:g} s.")
        else:
            self.transport.close()  # no request has begun

    def _refuse(self, status: int, sentence: str) -> None:
        """Answer in place of the application, and close the connection."""
        self._stop_waiting_for_head()
        body = json.dumps({"detail": sentence}).encode()
        head = f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n".encode()
        self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.close()


def patient(seconds: float) -> type[PatientProtocol]:
    """The protocol whose deadlines are so many seconds, for uvicorn's option `http`."""
    return type("PatientProtocol", (PatientProtocol,), {"seconds": seconds})
