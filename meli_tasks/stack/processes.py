"""The stack's processes: who runs, started by whom, and ending exactly those.

Each service leads a session of its own, so it outlives the demo's terminal, and whatever it starts can be found again,
also the tasks that Airflow moves into process groups of their own. A file remembers its pid and when that process
began: a pid alone could meanwhile be somebody else's.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from meli_tasks.core.errors import Unreachable
from meli_tasks.stack.home import Home
from meli_tasks.stack.servers import POLL_SECONDS, Server, birth
from meli_tasks.wording import duration

PATIENCE_SECONDS = 4.0
# Servers outlive the demo on purpose; holding them here keeps Python from warning that nobody waited for them.
_children: list[Server] = []


@dataclass(frozen=True)
class Service:
    """A server to run: how, where it listens (0 for nowhere), and when it is ready."""

    name: str
    title: str
    command: list[str]
    environment: Mapping[str, str]
    ready: Callable[[], bool]
    port: int = 0
    seconds: float = 90.0
    passing: frozenset[str] = field(default_factory=frozenset)

    @property
    def fingerprint(self) -> str:
        """What it runs with, less the variables in `passing`: a running one with another print is started anew."""
        lasting = {name: value for name, value in self.environment.items() if name not in self.passing}
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

    def lives(self) -> bool:
        """Whether that very process still runs."""
        return bool(self.birth) and self.boot == boot() and birth(self.pid) == self.birth

    def owns_its_session(self) -> bool:
        """Whether processes in the session of its pid are its own: it lives, or it died and left them behind.

        A pid is not given away while a session of that number has members; a restart of the machine ends that.
        """
        return self.lives() or (self.boot == boot() and not birth(self.pid))


def boot() -> str:
    """An id of this run of the machine, where the system tells."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except FileNotFoundError:
        return ""


def read(home: Home, name: str) -> Record | None:
    """The record of a service, running or not; None if there is none."""
    try:
        return Record(**json.loads((home.run / f"{name}.json").read_text(encoding="utf-8")))
    except (FileNotFoundError, json.JSONDecodeError, TypeError):
        return None


def running(home: Home) -> list[Record]:
    """The services that run, in no particular order."""
    records = (read(home, path.stem) for path in sorted(home.run.glob("*.json")))
    return [record for record in records if record and record.lives()]


def start(home: Home, service: Service) -> Record:
    """Start a service and return at once; its output goes to its log, begun anew."""
    log = home.logs / f"{service.name}.log"
    with contextlib.suppress(FileNotFoundError):
        log.replace(log.with_suffix(".before.log"))
    server = Server(service.name, service.command, log, service.environment).start()
    _children.append(server)
    record = Record(service.name, server.pid, birth(server.pid), service.port, service.fingerprint, boot())
    home.write_private(home.run / f"{service.name}.json", json.dumps(asdict(record)))
    return record


def wait(
    home: Home, started: Mapping[str, Record], services: Iterable[Service], told: Callable[[Service], None]
) -> None:
    """Return when every service is ready, and report each one as soon as it is.

    A busy machine may start a service slowly, so it is given up only when it has logged nothing for `service.seconds`.

    Raises:
        Unreachable: one ended or no longer progresses; the message shows the end of its log.
    """
    waiting = list(services)
    logged = {service.name: (0, time.monotonic()) for service in waiting}  # bytes, and since when so many
    while waiting:
        for service in list(waiting):
            size, since = _log_size(home, service.name), logged[service.name]
            if size != since[0]:
                logged[service.name] = (size, time.monotonic())
            if service.ready():
                waiting.remove(service)
                told(service)
            elif not started[service.name].lives():
                _reap()
                raise Unreachable(f"{service.title} ended while it started. {log_end(home, service.name)}")
            elif time.monotonic() - since[1] > service.seconds:
                raise Unreachable(
                    f"{service.title} is not ready and has logged nothing for {duration(service.seconds)}. "
                    f"{log_end(home, service.name)}"
                )
        time.sleep(2 * POLL_SECONDS)


def _log_size(home: Home, name: str) -> int:
    try:
        return (home.logs / f"{name}.log").stat().st_size
    except FileNotFoundError:
        return 0


def log_end(home: Home, name: str, lines: int = 15) -> str:
    """Where a service's log is, and its last lines."""
    log = home.logs / f"{name}.log"
    return f"Its log is {log}, and ends so:\n{Server(name, [], log).tail(lines)}"


def stop(home: Home, records: Iterable[Record], seconds: float = PATIENCE_SECONDS) -> list[Record]:
    """End processes and everything in their sessions: SIGTERM, `seconds` to go in peace, SIGKILL.

    Returns:
        Those that ran; a record whose process is gone, or whose pid is somebody else's by now, is only forgotten.
    """
    known = list(records)
    lived = [record for record in known if record.lives()]
    sessions = {record.pid for record in known if record.owns_its_session()}
    for sign, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 5.0)):
        for pid in members(sessions):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
        deadline = time.monotonic() + patience
        while members(sessions) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
    if left := members(sessions):
        raise Unreachable(f"The processes {', '.join(map(str, sorted(left)))} do not end, not even by SIGKILL.")
    for record in known:
        (home.run / f"{record.name}.json").unlink(missing_ok=True)
    _reap()
    return lived


def _reap() -> None:
    """Let go of our servers that ended; asking whether they live is also waiting for them."""
    _children[:] = [child for child in _children if child.lives()]


def members(sessions: set[int]) -> set[int]:
    """Pids of the living processes in any of the sessions."""
    if not sessions:
        return set()
    if Path("/proc/self/stat").exists():
        pids = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
    else:  # macOS
        listed = subprocess.run(["ps", "-A", "-o", "pid="], capture_output=True, text=True, check=True)
        pids = (int(pid) for pid in listed.stdout.split())
    return {pid for pid in pids if _session(pid) in sessions and birth(pid)}


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return 0
