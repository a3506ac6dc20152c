"""Runs `meli` as a person does: in a process of its own, or quickly in this one."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from tests import waiting

ROOT = Path(__file__).parents[2]
MELI = [sys.executable, "-m", "meli_tasks.cli"]


def environment(**more: str) -> dict[str, str]:
    """This process's environment, with the checkout importable and the lines of a pipe."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **more}


def meli(*arguments: str, cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    return waiting.run([*MELI, *arguments], cwd=cwd, env=environment(**more))


def in_a_terminal(*arguments: str, columns: int = 80, typed: str = "", **more: str) -> tuple[int, str]:
    """The command in a terminal of its own: its exit code, and everything that the terminal received."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    variables = {name: value for name, value in environment(**more).items() if name not in ("COLUMNS", "NO_COLOR")}
    process = subprocess.Popen(
        [*MELI, *arguments], stdin=its, stdout=its, stderr=its, close_fds=True, env={**variables, "TERM": "xterm"}
    )
    os.close(its)
    if typed:
        os.write(ours, typed.encode())
    received = b""
    while True:
        try:
            piece = os.read(ours, 65_536)
        except OSError:  # what Linux says at the end of a terminal
            break
        if not piece:
            break
        received += piece
    os.close(ours)
    return process.wait(), received.decode().replace("\r\n", "\n")


@contextmanager
def log_restored() -> Iterator[None]:
    """The log of this process is as before afterwards: a command sends it to stderr, where no other test looks."""
    loggers = [logging.getLogger(name) for name in (None, "meli_tasks", "mlflow")]
    before = [(logger, logger.level, logger.handlers[:]) for logger in loggers]
    try:
        yield
    finally:
        for logger, level, handlers in before:
            logger.setLevel(level)
            logger.handlers[:] = handlers


def here(*arguments: str) -> Result:
    """The command in this process; errors of ours are raised into `result.exception`."""
    from meli_tasks.cli import app

    with log_restored():
        return CliRunner().invoke(app, list(arguments))


def document(*arguments: str) -> Any:
    """The JSON document that a command in this process prints with --json; stdout must hold nothing else."""
    result = here(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)
