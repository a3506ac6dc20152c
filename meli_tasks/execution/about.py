"""Where and with which software an artifact was made."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path

from pydantic import JsonValue

LOCK = Path("locks", "dev.txt")
"""The lock of a checkout that has every package; the others hold the same versions of fewer packages."""


def about_this_process() -> dict[str, JsonValue]:
    """Where and with which versions an artifact was made; recorded in the manifest, but not part of its key."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "host": platform.node(),
        "python": platform.python_version(),
        "git": _git_commit(),
        "lock": lock_hash(),
        "versions": {
            name: found for name in ("torch", "gensim", "numpy", "meli-tasks") if (found := installed_version(name))
        },
    }


def installed_version(package: str) -> str | None:
    """The version of an installed package; None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@cache
def lock_hash() -> str:
    """Which packages are installed: KIND:SHA256.

    In a checkout it is the hash of its lock file, `dev.txt:...`, as `sha256sum locks/dev.txt` prints it. Elsewhere, as
    in an image, it is that of the installed packages, `installed:...`: of the lines NAME==VERSION, sorted.
    """
    lock = Path(__file__).parents[2] / LOCK
    if lock.is_file():
        return f"{LOCK.name}:{hashlib.sha256(lock.read_bytes()).hexdigest()}"
    lines = sorted({f"{found.name.lower()}=={found.version}" for found in distributions() if found.name})
    return f"installed:{hashlib.sha256(''.join(f'{line}{chr(10)}' for line in lines).encode()).hexdigest()}"


def _git_commit() -> str:
    """The commit of the code: what the image's build wrote into the package, or the checkout's; empty without either.

    A folder of another project around the checkout, or around the installed package, does not count.
    """
    if commit := os.environ.get("MELI_GIT_COMMIT"):
        return commit
    package = Path(__file__).parents[1]
    if (baked := package / "COMMIT").exists():
        return baked.read_text(encoding="utf-8").strip()
    project = package.parent
    if not (project / ".git").exists():
        return ""
    others = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")  # set in the hooks of any repository
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=package,
            env={name: value for name, value in os.environ.items() if name not in others},
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip()
