"""Runs in children of a process that has imported everything: a fork takes milliseconds, a new process ten seconds.

The parent must compute nothing itself: the threads of numeric libraries do not survive a fork.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from meli_tasks.core.errors import MeliError

POLL_SECONDS = 0.01
MODULES = (
    "torch",
    "gensim.models",
    "pandas",
    "polars",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "sklearn.linear_model",
    "matplotlib.figure",
)
REFUSED = 3
"""The exit code of a child that ended with one of our own errors."""


def import_everything() -> None:
    """Import what a run needs, and compute nothing."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    stages = ("ingest", "preprocess", "embed", "train", "ensemble", "reference", "evaluate", "promote")
    ours = ("local_run", "pipeline", *(f"stages.{stage}" for stage in stages))
    for name in (*MODULES, *(f"meli_tasks.{each}" for each in ours)):
        import_module(name)
    logging.getLogger("meli_tasks").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Ended:
    """How a child ended: its exit code, or minus the signal; what it returned; its error; what it used."""

    code: int
    found: Any = None
    error: str = ""
    cpu_seconds: float = 0.0


class Child:
    """A child process that calls `work`, whose result must be JSON, and leaves it in the file `answer`."""

    def __init__(self, work: Callable[[], object], answer: Path) -> None:
        self._answer = answer
        self.started = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            _work(work, answer)

    def kill_after(self, cpu_seconds: float) -> bool:
        """Kill it when it has used so many CPU-seconds, however busy the machine is; False if it had ended before."""
        while self._cpu_seconds() < cpu_seconds:
            if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                break
            time.sleep(POLL_SECONDS)
        else:
            os.kill(self.pid, signal.SIGKILL)
        return self.wait().code == -signal.SIGKILL

    def _cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def wait(self) -> Ended:
        """Wait for its end."""
        _, status, used = os.wait4(self.pid, 0)
        code, seconds = os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime
        try:
            found = json.loads(self._answer.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return Ended(code, cpu_seconds=seconds)
        return Ended(code, found, "", seconds) if code == 0 else Ended(code, None, str(found), seconds)


def _work(work: Callable[[], object], answer: Path) -> NoReturn:
    code, found = 1, None
    try:
        found = work()
        code = 0
    except MeliError as error:
        code, found = REFUSED, f"{type(error).__name__}: {error}"
    except BaseException:  # noqa: BLE001 crashes are what is counted
        found = traceback.format_exc()[-3000:]
    finally:
        for limit in (resource.RLIMIT_AS, resource.RLIMIT_FSIZE):  # they were for the run
            resource.setrlimit(limit, (resource.getrlimit(limit)[1],) * 2)
        answer.write_text(json.dumps(found), encoding="utf-8")
        os._exit(code)
