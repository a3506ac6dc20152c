"""A training's process uses memory again that it freed, instead of asking the system for new pages at each step."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, torch
from meli_tasks.core.memory import keep_freed_memory
{first}
for _ in range(20):
    torch.ones(16 * 2**20)  # 64 MB: more than glibc ever keeps of its own accord
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


def faults(first: str) -> int:
    """Pages that the system had to fill while a large tensor came and went 20 times."""
    done = subprocess.run(
        [sys.executable, "-c", FAULTS.format(first=first)], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told to keep its memory")
def test_freed_memory_is_used_again() -> None:
    assert faults("keep_freed_memory()") + 10 * 2**26 // 4096 < faults("")
