"""Runs a function in its own process and reports what it cost: wall time, CPU time and peak memory.

Arguments and result travel as JSON. Memory can only be measured in a separate process: a peak never goes down again.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SAMPLING_SECONDS = 0.2
SECONDS_TO_END = 60.0
THREAD_SETTINGS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
LINES_OF_A_FAILURE = 15


class ProcessFailed(Exception):
    """The function raised, or its process was killed; the message ends with its last lines of output."""


@dataclass(frozen=True)
class Cost:
    """What a process used from start to end, including Python's start and its imports.

    Attributes:
        seconds: Wall time.
        cpu_seconds: User and system time, including child processes.
        peak_megabytes: Resident memory of the process and its children; shared memory counts in each of them.
    """

    seconds: float
    cpu_seconds: float
    peak_megabytes: float

    def to_json(self) -> dict[str, float]:
        """The three numbers by name."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, float]) -> Cost:
        """The inverse of `to_json`."""
        return cls(**stored)


class Clock:
    """Wall time and CPU time of this process (and of children that have ended) since the clock was created."""

    def __init__(self) -> None:
        self._start, self._cpu_start = time.perf_counter(), _cpu_time()

    def read(self) -> tuple[float, float]:
        """(seconds, CPU seconds)."""
        return time.perf_counter() - self._start, _cpu_time() - self._cpu_start


def _cpu_time() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def run_isolated(function: str, arguments: Mapping[str, Any], threads: int) -> tuple[Any, Cost]:
    """Calls `function` ("module:name") in a new process and returns its result and the cost of the process.

    Raises:
        ProcessFailed: The process did not succeed.
    """
    environment = os.environ | dict.fromkeys(THREAD_SETTINGS, str(threads))
    with tempfile.TemporaryDirectory() as folder:
        given, result_file, log_file = (Path(folder) / name for name in ("arguments.json", "result.json", "output"))
        given.write_text(json.dumps(dict(arguments)), encoding="utf-8")  # a command line has a limit, titles have none
        command = [sys.executable, "-m", "benchmarks.isolated", function, str(given), str(result_file)]
        start = time.perf_counter()
        process = None
        try:
            with log_file.open("wb") as output, _interrupts_deferred():
                # A process group of its own: Ctrl-C reaches only the caller, who then sends a single request to end.
                process = subprocess.Popen(
                    command, cwd=ROOT, env=environment, stdout=output, stderr=output, process_group=0
                )
            status, usage, peak = _wait(process)
        except BaseException:
            if process is not None:
                _end(process)
            raise
        seconds = time.perf_counter() - start
        if status != 0 or not result_file.exists():
            lines = log_file.read_text(encoding="utf-8", errors="replace").splitlines()
            raise ProcessFailed(f"{function} ended with status {status}:\n" + "\n".join(lines[-LINES_OF_A_FAILURE:]))
        stored = json.loads(result_file.read_text(encoding="utf-8"))
    cost = Cost(seconds, usage.ru_utime + usage.ru_stime, max(peak, stored["peak_megabytes"]))
    return stored["result"], cost


@contextlib.contextmanager
def _interrupts_deferred() -> Iterator[None]:
    """Handles SIGINT and SIGTERM only at the end: one that arrives inside Popen would leave its process behind."""
    received: list[int] = []
    handlers = {
        number: signal.signal(number, lambda number, frame: received.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    for caught in received:
        signal.raise_signal(caught)


def _wait(process: subprocess.Popen[bytes]) -> tuple[int, resource.struct_rusage, float]:
    """Waits for the process: (exit status, resource usage, peak memory of its tree in MB)."""
    peak, ended = 0.0, threading.Event()

    def sample_memory() -> None:
        nonlocal peak
        while not ended.wait(SAMPLING_SECONDS):
            peak = max(peak, sum(_resident(pid) for pid in _tree(process.pid)))

    sampler = threading.Thread(target=sample_memory, daemon=True)
    sampler.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
    finally:
        ended.set()
        sampler.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage, peak


def _end(process: subprocess.Popen[bytes]) -> None:
    """Sends SIGTERM, so that the process can end its own children first; kills the whole tree after a deadline."""
    process.terminate()
    try:
        process.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        for pid in _tree(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def _tree(pid: int) -> list[int]:
    """The process and all of its descendants that are still running."""
    pids = [pid]
    for parent in pids:
        try:
            threads = list(Path(f"/proc/{parent}/task").glob("*/children"))
        except OSError:  # it has ended in the meantime
            continue
        for children in threads:
            with contextlib.suppress(OSError):
                pids += map(int, children.read_text().split())
    return pids


def _resident(pid: int) -> float:
    """Resident memory of a process in MB; 0 if it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 1e6
    except (OSError, IndexError):
        return 0.0


def _own_peak() -> float:
    """Peak resident memory of this process in MB. Not ru_maxrss, which starts at the parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM:"))


def interrupt(number: int, frame: object) -> None:
    """Signal handler that acts as Ctrl-C and ignores repetitions, so that cleaning up is not interrupted."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> None:
    """Calls the function named on the command line, in this process."""
    signal.signal(signal.SIGTERM, interrupt)
    function, arguments_file, result_file = sys.argv[1:]
    arguments = json.loads(Path(arguments_file).read_text(encoding="utf-8"))
    module, _, name = function.partition(":")
    result = getattr(importlib.import_module(module), name)(**arguments)
    Path(result_file).write_text(json.dumps({"result": result, "peak_megabytes": _own_peak()}), encoding="utf-8")


if __name__ == "__main__":
    main()
