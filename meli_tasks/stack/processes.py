"""The stack's processes: which are running, and how to stop exactly those.

Each service leads a session of its own, so it outlives the demo's terminal, and whatever it starts can be found again,
including the tasks that Airflow moves into process groups of their own. A file records its pid and when that process
began, because the system may reuse a pid for another process.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import psutil

from meli_tasks.core.errors import Unreachable
from meli_tasks.proxies import no_proxy_variables
from meli_tasks.stack.home import Home
from meli_tasks.stack.servers import POLL_SECONDS, Server, birth
from meli_tasks.wording import duration

PATIENCE_SECONDS = 4.0
# Servers outlive the demo on purpose; keeping them here stops Python from warning about unreaped child processes.
_children: list[Server] = []


@dataclass(frozen=True)
class Service:
    """A server to run: its command, its port (0 for none), and when it is ready."""

    name: str
    title: str
    command: list[str]
    environment: Mapping[str, str]
    ready: Callable[[], bool]
    port: int = 0
    seconds: float = 90.0
    passing: frozenset[str] = field(default_factory=frozenset)

    @property
    def variables(self) -> dict[str, str]:
        """What is added to the environment: its own variables, and this machine's addresses as ones without a proxy."""
        return {**no_proxy_variables(), **self.environment}

    @property
    def fingerprint(self) -> str:
        """A hash of what it runs with, except the variables in `passing`; if it changes, the service is restarted."""
        lasting = {name: value for name, value in self.variables.items() if name not in self.passing}
        return hashlib.sha256(json.dumps([self.command, lasting], sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Record:
    """A process that was started."""

    name: str
    pid: int
    birth: str
    port: int
    fingerprint: str
    boot: str

    def is_alive(self) -> bool:
        """Whether this process is still running."""
        return bool(self.birth) and self.boot == boot() and birth(self.pid) == self.birth

    def owns_its_session(self) -> bool:
        """Whether processes in the session of its pid are its own: it is running, or it died and left them behind.

        The system does not reuse a pid while a session of that number has members, until the machine restarts.
        """
        return self.is_alive() or (self.boot == boot() and not birth(self.pid))


def boot() -> str:
    """An id that changes when the machine restarts; empty where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except FileNotFoundError:
        return ""


def read(home: Home, name: str) -> Record | None:
    """The record of a service, running or not; None if there is none."""
    try:
        stored = json.loads((home.run / f"{name}.json").read_text(encoding="utf-8"))
        return Record(**{field.name: stored[field.name] for field in fields(Record)})
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def running(home: Home) -> list[Record]:
    """The services that are running, in no particular order."""
    records = (read(home, path.stem) for path in sorted(home.run.glob("*.json")))
    return [record for record in records if record and record.is_alive()]


def start(home: Home, service: Service) -> Record:
    """Start a service and return immediately; its output goes to a new log."""
    log = home.logs / f"{service.name}.log"
    with contextlib.suppress(FileNotFoundError):
        log.replace(log.with_suffix(".before.log"))
    server = Server(service.name, service.command, log, service.variables).start()
    _children.append(server)
    record = Record(service.name, server.pid, birth(server.pid), service.port, service.fingerprint, boot())
    home.write_private(home.run / f"{service.name}.json", json.dumps(asdict(record)))
    return record


def wait(
    home: Home,
    started: Mapping[str, Record],
    services: Iterable[Service],
    report: Callable[[Service], None],
    remind: Callable[[Sequence[Service]], None] = lambda waiting: None,
) -> None:
    """Return when every service is ready, and report each one as soon as it is. `remind` gets those that are not.

    A busy machine may start a service slowly, so it counts as stuck only after
    `service.seconds` without a new log line.

    Raises:
        Unreachable: one ended or no longer progresses; the message shows the end of its log.
    """
    waiting = list(services)
    logged = {service.name: (0, time.monotonic()) for service in waiting}  # size of the log, and when it last grew
    while waiting:
        for service in list(waiting):
            size, since = _log_size(home, service.name), logged[service.name]
            if size != since[0]:
                logged[service.name] = (size, time.monotonic())
            if service.ready():
                waiting.remove(service)
                report(service)
            elif not started[service.name].is_alive():
                _reap()
                raise Unreachable(f"{service.title} ended while it started. {log_end(home, service.name)}")
            elif time.monotonic() - since[1] > service.seconds:
                raise Unreachable(
                    f"{service.title} is not ready and has logged nothing for {duration(service.seconds)}. "
                    f"{log_end(home, service.name)}"
                )
        if waiting:
            remind(waiting)
            time.sleep(2 * POLL_SECONDS)


def _log_size(home: Home, name: str) -> int:
    try:
        return (home.logs / f"{name}.log").stat().st_size
    except FileNotFoundError:
        return 0


def log_end(home: Home, name: str, lines: int = 15) -> str:
    """The path of a service's log, and its last lines."""
    log = home.logs / f"{name}.log"
    return f"The end of its log, {log}:\n{Server(name, [], log).tail(lines)}"


def stop(home: Home, records: Iterable[Record], seconds: float = PATIENCE_SECONDS) -> list[Record]:
    """End processes and everything in their sessions: SIGTERM, and SIGKILL after `seconds`.

    Returns:
        Those that were running. If a process has ended, or its pid is another process now, only its record is removed.

    Raises:
        Unreachable: a process does not end.
    """
    known = list(records)
    were_alive = [record for record in known if record.is_alive()]
    sessions = {record.pid for record in known if record.owns_its_session()}
    for sign, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 5.0)):
        for pid in members(sessions):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
        deadline = time.monotonic() + patience
        while members(sessions) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
    if left := members(sessions):
        raise Unreachable(f"The processes {', '.join(map(str, sorted(left)))} did not end, even by SIGKILL.")
    for record in known:
        (home.run / f"{record.name}.json").unlink(missing_ok=True)
    _reap()
    return were_alive


def _reap() -> None:
    """Drop our servers that have ended; `is_alive` also collects their exit status."""
    _children[:] = [child for child in _children if child.is_alive()]


def members(sessions: set[int]) -> set[int]:
    """The pids of the running processes in any of the sessions."""
    if not sessions:
        return set()
    return {pid for pid in psutil.pids() if _session(pid) in sessions and birth(pid)}


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return 0
