"""Runs `meli` as a person does: in a process of its own, or quickly in this one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
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


def here(*arguments: str) -> Result:
    """The command in this process; errors of ours are raised into `result.exception`."""
    from meli_tasks.cli import app

    return CliRunner().invoke(app, list(arguments))


def document(*arguments: str) -> Any:
    """The JSON document that a command in this process prints with --json; stdout must hold nothing else."""
    result = here(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)
