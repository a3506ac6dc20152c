"""Waits that give up when nothing progresses, not when a clock runs out.

A busy machine only makes things slow: the same tests pass beside eight processes that keep two cores busy. So a process
is given up once it has written nothing and has used next to no CPU time for `IDLE_SECONDS`, and a condition once what
it depends on has not changed for that long. pytest's own time limit is for what spins without end.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, TypeVar

import psutil

T = TypeVar("T")

IDLE_SECONDS = 300.0
# A process that sleeps uses less in IDLE_SECONDS; one that computes beside eight others uses 60 times as much.
WORK_SECONDS = 0.5
POLL_SECONDS = 0.2


class Idle(AssertionError):
    """Nothing has progressed for so long that it never will."""


class Stopwatch:
    """Measures for how long what it watches has not progressed."""

    def __init__(self, idle_seconds: float) -> None:
        self._idle_seconds = idle_seconds
        self._since = time.monotonic()

    def restart(self) -> None:
        """Note that there was progress."""
        self._since = time.monotonic()

    def is_over(self) -> bool:
        """Whether there has been no progress for too long."""
        return time.monotonic() - self._since > self._idle_seconds


def until(
    condition: Callable[[], T | None],
    progress: Callable[[], object] = lambda: None,
    *,
    idle_seconds: float = IDLE_SECONDS,
    message: Callable[[], str] = lambda: "The condition did not come true",
    poll_seconds: float = POLL_SECONDS,
) -> T:
    """What a condition gives once it gives something true.

    Args:
        condition: What is waited for.
        progress: What changes as long as it may still come true, such as the states of a run's tasks.
        idle_seconds: How long `progress` may stay the same.
        message: What the error says.
        poll_seconds: Pause between two looks.

    Raises:
        Idle: `progress` has stayed the same for too long.
    """
    stopwatch, last = Stopwatch(idle_seconds), progress()
    while not (found := condition()):
        if (now := progress()) != last:
            last = now
            stopwatch.restart()
        elif stopwatch.is_over():
            raise Idle(f"{message()} (no progress for {idle_seconds:g} s)")
        time.sleep(poll_seconds)
    return found


def run(
    command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None,
    idle_seconds: float = IDLE_SECONDS,
) -> subprocess.CompletedProcess[str]:  # fmt: skip
    """Run a command to its end, as `subprocess.run` does with its output captured as text.

    Raises:
        Idle: it has made no progress for too long, and was killed.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen([*command], cwd=cwd, env=env, stdout=out, stderr=err)
        try:
            code = wait_for_end(process, (out, err), idle_seconds=idle_seconds)
        except Idle as idle:
            raise Idle(f"{idle}\n{read(out)[-2000:]}\n{read(err)[-2000:]}") from None
        finally:
            if process.poll() is None:
                kill_tree(process.pid)
                process.wait()
        return subprocess.CompletedProcess(list(command), code, read(out), read(err))


def wait_for_end(
    process: subprocess.Popen[str] | subprocess.Popen[bytes], outputs: Sequence[IO[bytes]] = (), *,
    idle_seconds: float = IDLE_SECONDS,
) -> int:  # fmt: skip
    """A process's exit code once it ends; it progresses while it, or a process that it started, writes or computes.

    Raises:
        Idle: it has done neither for too long.
    """
    stopwatch, written, worked = Stopwatch(idle_seconds), 0, 0.0
    while True:
        try:
            return process.wait(1.0)
        except subprocess.TimeoutExpired:
            size, work = sum(os.fstat(file.fileno()).st_size for file in outputs), cpu_seconds(process.pid)
            if size != written or abs(work - worked) > WORK_SECONDS:
                written, worked = size, work
                stopwatch.restart()
            elif stopwatch.is_over():
                raise Idle(f"{process.args!r} wrote nothing and computed nothing for {idle_seconds:g} s") from None


def cpu_seconds(pid: int) -> float:
    """CPU time of a process and of all that it started, those that have ended included."""
    total = 0.0
    for process in _tree(pid):
        try:
            times = process.cpu_times()
        except psutil.Error:  # it has just ended
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def kill_tree(pid: int) -> None:
    """Kill a process and all that it started, as far as they still run."""
    for process in _tree(pid):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def read(file: IO[bytes]) -> str:
    """What a process has written into a file so far."""
    file.seek(0)
    return file.read().decode(errors="replace")


def _tree(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
