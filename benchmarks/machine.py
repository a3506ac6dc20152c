"""The machine, libraries and commit that a benchmark ran with."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LIBRARIES = ("torch", "numpy", "pyarrow", "polars", "gensim", "scikit-learn", "fasttext-numpy2")


@dataclass(frozen=True)
class Machine:
    """What the figures of one benchmark were measured on; `load_before` is the load before it started."""

    date: str
    commit: str
    changed_since_commit: bool
    processor: str
    cores: int
    load_before: float
    memory_megabytes: int = 0
    platform: str = ""
    python: str = ""
    libraries: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Machine:
        """The inverse of `to_json`."""
        return cls(**stored)


def describe() -> Machine:
    """Describes this machine at this moment."""
    return Machine(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=_git("rev-parse", "HEAD"),
        changed_since_commit=bool(_git("status", "--porcelain")),
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        load_before=os.getloadavg()[0],
        memory_megabytes=round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e6),
        platform=platform.platform(),
        python=platform.python_version(),
        libraries={name: _version(name) for name in LIBRARIES},
    )


def _git(*arguments: str) -> str:
    """Output of a git command; empty outside a checkout or without git."""
    try:
        ended = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return ended.stdout.strip() if ended.returncode == 0 else ""


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text(encoding="utf-8").splitlines() if information.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
