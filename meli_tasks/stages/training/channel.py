"""Between the process that runs the stage and its workers: what rank 0 reports and asks, and a sign of life for all.

Every process keeps a connection to the one that started it. The system closes it when that process ends, however it
ends, and whoever waits at the other end then ends too, so no worker outlives its training run. Rank 0 has a second
connection, over which its hooks call those of the stage. Messages are JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import threading
from collections.abc import Callable, Mapping
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from typing_extensions import override

from meli_tasks.stages.hooks import Checkpoints, Hooks, Log, StopRequests
from meli_tasks.stages.summaries import TrainSummary
from meli_tasks.stages.timings import Timings
from meli_tasks.stages.training.job import CHANNEL, CHECKPOINT

LIFE, HOOKS = b"life", b"hooks"
MAX_MESSAGE = 1 << 20
ORPHANED = 70
"""The exit code of a worker whose training run has ended without it."""


class Channel:
    """The end of the process that runs the stage."""

    def __init__(self, folder: Path) -> None:
        """Listen in a folder that only this user can enter."""
        # Not multiprocessing's `send` and `recv`, which are pickles: only its framing and its sockets.
        self._address = str(folder / CHANNEL)
        self._listener = Listener(self._address, "AF_UNIX", backlog=128)
        self._lives: list[Connection[Any, Any]] = []
        self._connected = threading.Event()
        self._leader: Connection[Any, Any] | None = None
        self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def leader(self, seconds: float) -> Connection[Any, Any] | None:
        """The connection of rank 0, for which it waits for some seconds; None if it is not there yet."""
        self._connected.wait(seconds)
        return self._leader

    def close(self) -> None:
        """End every process that is connected."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(OSError):  # whoever waits for a connection does not notice that its socket is closed
            Client(self._address, "AF_UNIX").close()
        self._listener.close()
        for connection in [*self._lives, *([self._leader] if self._leader else [])]:
            connection.close()

    def _accept(self) -> None:
        while not self._closed:
            try:
                connection = self._listener.accept()
                kind = connection.recv_bytes(MAX_MESSAGE)
            except (OSError, EOFError):  # a process that ended while it connected
                continue
            if kind == HOOKS:
                self._leader = connection
                self._connected.set()
            elif self._closed:
                connection.close()
            else:
                self._lives.append(connection)


def end_with_parent(folder: Path, end: Callable[[], None] = lambda: os._exit(ORPHANED)) -> None:
    """Call `end`, in a thread of its own, when the process that opened the channel of a folder has ended."""
    connection = Client(str(folder / CHANNEL), "AF_UNIX")
    connection.send_bytes(LIFE)

    def wait() -> None:
        try:
            connection.recv_bytes()
        except (EOFError, OSError):
            end()

    threading.Thread(target=wait, daemon=True).start()


def receive(connection: Connection[Any, Any], hooks: Hooks) -> TrainSummary | None:
    """Do what a message of rank 0 asks for.

    Returns:
        The summary of the training run if it is complete.

    Raises:
        EOFError: the process has ended.
    """
    message: dict[str, Any] = json.loads(connection.recv_bytes(MAX_MESSAGE))
    match message["call"]:
        case "info":
            hooks.log.info(message["message"])
        case "progress":
            hooks.log.progress(**message["values"])
        case "epoch":
            hooks.log.epoch(message["values"])
        case "save":
            hooks.checkpoints.save(lambda path: _move(message["path"], path))
            connection.send_bytes(b"{}")
        case "requested_by":
            connection.send_bytes(json.dumps(hooks.stop_requests.requested_by()).encode())
        case "timings":
            hooks.record_timings(Timings.model_validate(message["timings"]))
        case "done":
            return TrainSummary.model_validate(message["summary"])
    return None


def _move(source: str, target: Path) -> None:
    shutil.move(source, target)


class RemoteHooks:
    """The hooks of rank 0: each calls that of the process that runs the stage."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._connection = Client(str(folder / CHANNEL), "AF_UNIX")
        self._connection.send_bytes(HOOKS)

    def hooks(self, device: str) -> Hooks:
        """Return them as a stage receives them."""
        parts = _RemoteLog(self), _RemoteCheckpoints(self, self._folder), _RemoteStopRequests(self)
        return Hooks(*parts, device, record_timings=self._record_timings)

    def _record_timings(self, timings: Timings) -> None:
        self.send({"call": "timings", "timings": timings.model_dump(mode="json")})

    def done(self, summary: TrainSummary) -> None:
        """Report that the model is written."""
        self.send({"call": "done", "summary": summary.model_dump(mode="json")})

    def send(self, message: Mapping[str, object]) -> None:
        """Send a message that has no answer."""
        self._connection.send_bytes(json.dumps(message).encode())

    def ask(self, message: Mapping[str, object]) -> Any:
        """Send a message and return its answer."""
        self.send(message)
        return json.loads(self._connection.recv_bytes(MAX_MESSAGE))


class _RemoteLog(Log):
    def __init__(self, remote: RemoteHooks) -> None:
        self._remote = remote

    @override
    def info(self, message: str) -> None:
        self._remote.send({"call": "info", "message": message})

    @override
    def progress(self, **values: float | int | str) -> None:
        self._remote.send({"call": "progress", "values": values})

    @override
    def epoch(self, values: Mapping[str, float | int | bool]) -> None:
        self._remote.send({"call": "epoch", "values": dict(values)})


class _RemoteCheckpoints(Checkpoints):
    """Writes a state into the shared folder, from where the process that runs the stage stores it."""

    def __init__(self, remote: RemoteHooks, folder: Path) -> None:
        self._remote = remote
        self._path = folder / CHECKPOINT

    @override
    def newest(self) -> Path | None:
        return None  # the job names the checkpoint to resume from

    @override
    def save(self, write: Callable[[Path], None]) -> None:
        try:
            write(self._path)
        except OSError as error:
            self._remote.send({"call": "info", "message": f"Could not save a checkpoint; training continues: {error}"})
        else:
            self._remote.ask({"call": "save", "path": str(self._path)})
        finally:
            self._path.unlink(missing_ok=True)


class _RemoteStopRequests(StopRequests):
    def __init__(self, remote: RemoteHooks) -> None:
        self._remote = remote

    @override
    def requested_by(self) -> str | None:
        answer: str | None = self._remote.ask({"call": "requested_by"})
        return answer
