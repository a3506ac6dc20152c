"""Requests to the service, from a process of their own; `run_isolated` starts it.

An open loop sends each request at its time, whether or not the ones before were answered, and measures from that time.
A closed loop would wait for the answers, and hide how long those who come meanwhile have to wait.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from meli_tasks.stack.servers import HOST

PATH = "/predict"


@dataclass(frozen=True)
class Load:
    """What is sent.

    Attributes:
        port: of the service.
        titles: JSON file with a list of titles.
        requests: how many requests.
        each: titles in a request; request i has those from i * each on, again from the first one at the end.
        expected: JSON file with the best category of each title, by the digest of the model; "" not to check answers.
    """

    port: int
    titles: str
    requests: int
    each: int = 1
    expected: str = ""


@dataclass
class Answers:
    """What came back; `late` has by how much each request was sent late, in milliseconds, which its time includes."""

    milliseconds: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    bodies: list[tuple[int, bytes]] = field(default_factory=list)


class Connection:
    """An HTTP/1.1 connection that is kept, for one request at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, body: bytes) -> tuple[int, bytes]:
        """Send a body to `PATH` and read the whole answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(HOST, self._port)
        reader, writer = self._streams
        head = f"POST {PATH} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        writer.write(f"{head}\r\n\r\n".encode() + body)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        return int(lines[0].split()[1]), await reader.readexactly(int(headers["content-length"]))

    def close(self) -> None:
        """Close it; another request would open it again."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class Sender:
    """Sends the requests of a load, over as many connections as are needed at a time."""

    def __init__(self, load: Load, *, keep: bool) -> None:
        self._port, self._keep = load.port, keep
        titles = json.loads(Path(load.titles).read_text(encoding="utf-8"))
        places = [range(start, start + load.each) for start in range(0, max(len(titles) - load.each, 0) + 1, load.each)]
        self.bodies = [json.dumps({"titles": [titles[row % len(titles)] for row in rows]}).encode() for rows in places]
        self.answers = Answers()
        self._free: list[Connection] = []

    async def send(self, number: int, due: float) -> None:
        """Send request `number`, which was due at that time of `time.perf_counter`."""
        with self._connection() as connection:
            place = number % len(self.bodies)
            self.answers.late.append((time.perf_counter() - due) * 1e3)
            try:
                status, body = await connection.post(self.bodies[place])
            except (OSError, EOFError, ValueError) as error:
                connection.close()
                self.answers.statuses[type(error).__name__] += 1
                return
        self.answers.milliseconds.append((time.perf_counter() - due) * 1e3)
        self.answers.statuses[str(status)] += 1
        if self._keep and status == 200:
            self.answers.bodies.append((place, body))

    def close(self) -> None:
        """Close all connections."""
        for connection in self._free:
            connection.close()

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        connection = self._free.pop() if self._free else Connection(self._port)
        try:
            yield connection
        finally:
            self._free.append(connection)


def open_loop(load: dict[str, Any], rate: float) -> dict[str, Any]:
    """Sends `rate` requests a second, whatever comes back."""
    wanted = Load(**load)
    sender = Sender(wanted, keep=bool(wanted.expected))

    async def send_all() -> None:
        start, running = time.perf_counter() + 0.1, set[asyncio.Task[None]]()
        for number in range(wanted.requests):
            due = start + number / rate
            if (pause := due - time.perf_counter()) > 0:
                await asyncio.sleep(pause)
            task = asyncio.create_task(sender.send(number, due))
            running.add(task)
            task.add_done_callback(running.discard)
        await asyncio.gather(*running)

    return _measured(sender, wanted, send_all())


def closed_loop(load: dict[str, Any], connections: int) -> dict[str, Any]:
    """Sends the next request on each connection when the one before was answered: as many as the service can take."""
    wanted = Load(**load)
    sender = Sender(wanted, keep=bool(wanted.expected))
    numbers = iter(range(wanted.requests))

    async def send_some() -> None:
        for number in numbers:
            await sender.send(number, time.perf_counter())

    async def send_all() -> None:
        await asyncio.gather(*(send_some() for _ in range(connections)))

    return _measured(sender, wanted, send_all())


def _measured(sender: Sender, load: Load, sending: Coroutine[Any, Any, None]) -> dict[str, Any]:
    async def send_and_close() -> None:
        try:
            await sending
        finally:
            sender.close()

    start = time.perf_counter()
    asyncio.run(send_and_close())
    seconds = time.perf_counter() - start
    answers = sender.answers
    p50, p99 = np.quantile(answers.milliseconds or [float("nan")], [0.5, 0.99]).tolist()
    return {
        "p50": p50,
        "p99": p99,
        "late_p99": float(np.quantile(answers.late, 0.99)),
        "seconds": seconds,
        "statuses": dict(answers.statuses),
        "errors": load.requests - answers.statuses["200"],
        "titles_per_second": load.requests * load.each / seconds,
        **(_checked(answers, Path(load.expected)) if load.expected else {}),
    }


def _checked(answers: Answers, expected: Path) -> dict[str, Any]:
    """How many answers are not those of the model that they name, and how many decisions answered."""
    best = json.loads(expected.read_text(encoding="utf-8"))
    decisions, wrong = Counter[str](), 0
    for place, body in answers.bodies:
        answer = json.loads(body)
        model, predictions = answer["model"], answer["predictions"]
        decisions[str(model["decision"])] += 1
        each = len(predictions)
        given = [prediction["category"] for prediction in predictions]
        wrong += given != best[model["sha256"]][place * each : (place + 1) * each]
    return {"wrong": wrong, "decisions": dict(decisions)}
