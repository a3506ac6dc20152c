"""Part `stack`: peak memory of the demo's whole stack, from start to promotion.

Starts `make demo` in a folder of its own, samples every process of its sessions each second until the demo ends, and
stops what it left running. PSS divides the pages that forked processes share, so the sum is the memory that the machine
really needs. Linux only.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from benchmarks.figures import Figure, Options
from meli_tasks.stack import processes
from meli_tasks.stack.home import Home

SAMPLING_SECONDS = 1.0
ROWS = 20_000
SMALL_ROWS = 2_000
SETTINGS = ("MELI_", "AWS_", "MLFLOW_", "AIRFLOW")


def megabytes(pid: int) -> float:
    """PSS of one process; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0.0
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("Pss:")), 0.0)


def memory_by_service(home: Home) -> Counter[str]:
    """The megabytes that each service uses at this moment."""
    by_service: Counter[str] = Counter()
    for record in processes.running(home):
        for pid in processes.members({record.pid}):
            by_service[record.name] += round(megabytes(pid))
    return by_service


def run(options: Options) -> list[Figure]:
    """The peak over all services, with each service's memory at that moment as a note."""
    home = Home(options.work / "home")
    rows = SMALL_ROWS if options.small else ROWS
    bare = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
    environment = bare | {
        "MELI_HOME": str(home.root),
        "MELI_SETS": "quick_mlp,quick_cnn",
        "MELI_SOURCE": f"sample:rows={rows}",
    }
    command = [sys.executable, "-m", "meli_tasks.stack"]
    peak: Counter[str] = Counter()
    with (options.out / "demo.log").open("wb") as log:
        demo = subprocess.Popen([*command, "demo"], env=environment, stdout=log, stderr=log)
        try:
            while demo.poll() is None:
                current = memory_by_service(home)
                peak = current if current.total() > peak.total() else peak
                time.sleep(SAMPLING_SECONDS)
        finally:
            demo.terminate()
            demo.wait()
            subprocess.run([*command, "stop"], env=environment, stdout=log, stderr=log, check=True)
    if demo.returncode != 0:
        raise RuntimeError(f"the demo ended with status {demo.returncode}; see {options.out / 'demo.log'}")
    note = ", ".join(f"{name} {size:,}" for name, size in peak.most_common())
    return [Figure(f"the demo's stack, {rows:,} rows, quick sets", peak.total(), "MB", note=note)]
