"""Prints the commit that a repository has checked out, from HEAD and refs alone; an empty line if that is unknown.

The image is built without git, and without the rest of the repository.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
SHORT = 12


def commit(folder: Path) -> str:
    """The commit in a folder with HEAD, packed-refs and refs/."""
    head = _text(folder / "HEAD")
    if head.startswith("ref: "):
        name = head.removeprefix("ref: ")
        packed = re.search(rf"^([0-9a-f]+) {re.escape(name)}$", _text(folder / "packed-refs"), re.MULTILINE)
        head = _text(folder / name) or (packed[1] if packed else "")
    return head[:SHORT] if COMMIT.fullmatch(head) else ""


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


if __name__ == "__main__":
    print(commit(Path(sys.argv[1])))
