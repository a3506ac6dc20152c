"""Peak memory of the demo's stack: the proportional set size of every process in its sessions, sampled until it ends.

    python benchmarks/stack_memory.py [--seconds 120]

Run it in a second terminal beside `make demo`. PSS shares the pages that forks have in common, so the sum is what the
machine really gives. Linux only.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path

from meli_tasks.stack import processes
from meli_tasks.stack.home import Home


def megabytes(pid: int) -> float:
    """PSS of one process; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def sample(home: Home) -> Counter[str]:
    """Megabytes by service."""
    by_service: Counter[str] = Counter()
    for record in processes.running(home):
        for pid in processes.members({record.pid}):
            by_service[record.name] += round(megabytes(pid))
    return by_service


def main() -> None:
    """Sample, and print each new peak."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120.0, help="how long to watch")
    parser.add_argument("--every", type=float, default=1.0, help="seconds between samples")
    arguments = parser.parse_args()
    home = Home.here()
    deadline = time.monotonic() + arguments.seconds
    peak: Counter[str] = Counter()
    while time.monotonic() < deadline:
        seen = sample(home)
        if seen.total() > peak.total():
            peak = seen
            print(f"{peak.total():6d} MB  {dict(peak.most_common())}", flush=True)
        time.sleep(arguments.every)
    print(f"Peak: {peak.total()} MB")


if __name__ == "__main__":
    main()
