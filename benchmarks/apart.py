"""A function in a process of its own, and what it cost: seconds, processor seconds, memory.

Arguments and answer travel as JSON. Only a process of its own tells memory: a peak is never given back.
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
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SECONDS_BETWEEN_LOOKS = 0.2
SECONDS_TO_END = 60.0
THREAD_SETTINGS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
LINES_OF_A_FAILURE = 15


class Failed(Exception):
    """The function raised, or its process was killed; the message holds the end of what it said."""


@dataclass(frozen=True)
class Cost:
    """What a process took, from its start to its end: Python and its imports are part of it.

    `cpu_seconds`: user and system time, with the processes it started. `peak_megabytes`: resident memory of the
    process and of those it started; memory that several share counts in each.
    """

    seconds: float
    cpu_seconds: float
    peak_megabytes: float

    def to_json(self) -> dict[str, float]:
        """The three numbers by name."""
        return asdict(self)


class Clock:
    """Seconds and processor seconds (with ended children) of this process, since it was made."""

    def __init__(self) -> None:
        self._began, self._spent = time.perf_counter(), _spent()

    def read(self) -> tuple[float, float]:
        """(seconds, processor seconds)."""
        return time.perf_counter() - self._began, _spent() - self._spent


def _spent() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def run_apart(function: str, arguments: Mapping[str, Any], threads: int) -> tuple[Any, Cost]:
    """Calls `function` ("module:name") with the arguments: (its answer, the cost of its process).

    Raises:
        Failed: it did not end well.
    """
    environment = os.environ | dict.fromkeys(THREAD_SETTINGS, str(threads))
    with tempfile.TemporaryDirectory() as folder:
        answer, said = Path(folder) / "answer.json", Path(folder) / "said"
        command = [sys.executable, "-m", "benchmarks.apart", function, json.dumps(dict(arguments)), str(answer)]
        began = time.perf_counter()
        with said.open("wb") as output:
            # A group of its own: Ctrl-C comes to the caller alone, who then asks it to end once.
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=output, stderr=output, process_group=0
            )
            status, usage, peak = _wait(process)
        seconds = time.perf_counter() - began
        if status != 0 or not answer.exists():
            lines = said.read_text(encoding="utf-8", errors="replace").splitlines()
            raise Failed(f"{function} ended with status {status}:\n" + "\n".join(lines[-LINES_OF_A_FAILURE:]))
        found = json.loads(answer.read_text(encoding="utf-8"))
    cost = Cost(seconds, usage.ru_utime + usage.ru_stime, max(peak, found["peak_megabytes"]))
    return found["answer"], cost


def _wait(process: subprocess.Popen[bytes]) -> tuple[int, resource.struct_rusage, float]:
    """(exit status, what it used, the most memory that was seen in its tree, MB); ends it when we are interrupted."""
    peak, ended = 0.0, threading.Event()

    def look() -> None:
        nonlocal peak
        while not ended.wait(SECONDS_BETWEEN_LOOKS):
            peak = max(peak, sum(_resident(pid) for pid in _tree(process.pid)))

    watch = threading.Thread(target=look, daemon=True)
    watch.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        _end(process)
        raise
    finally:
        ended.set()
        watch.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage, peak


def _end(process: subprocess.Popen[bytes]) -> None:
    """Asks the process to end, which ends its own first; after a while the whole tree is killed."""
    process.terminate()
    try:
        process.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        for pid in _tree(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def _tree(pid: int) -> list[int]:
    """The process and everything it started that still runs."""
    found = [pid]
    for parent in found:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found += map(int, children.read_text().split())
            except OSError:
                continue
    return found


def _resident(pid: int) -> float:
    """Resident megabytes of a process; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 1e6
    except (OSError, IndexError):
        return 0.0


def _own_peak() -> float:
    """The most resident memory of this process, MB. Not ru_maxrss, which begins with the parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM:"))


def stop_once(number: int, frame: object) -> None:
    """A signal as Ctrl-C, once: processes below end too, and what was begun is tidied up undisturbed."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> None:
    """Calls the function that is named, in this process."""
    signal.signal(signal.SIGTERM, stop_once)
    function, arguments, answer = sys.argv[1:]
    module, _, name = function.partition(":")
    found = getattr(importlib.import_module(module), name)(**json.loads(arguments))
    Path(answer).write_text(json.dumps({"answer": found, "peak_megabytes": _own_peak()}), encoding="utf-8")


if __name__ == "__main__":
    main()
