"""The interface of every kind of place: the parts of a source, and their bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from meli_tasks.core.errors import BadData
from meli_tasks.rowfiles.folders import GOLDEN
from meli_tasks.wording import enumeration

NAMED = 5
"""How many of the skipped files a message names."""


@dataclass(frozen=True)
class Part:
    """One file of a source: its name, an identity that changes with its content, and its bytes (None if unknown)."""

    name: str
    identity: str
    size: int | None = None
    folders: tuple[str, ...] = ()
    """The hive folders (`split=train`) that it is in, which stand for columns of its rows."""


@dataclass(frozen=True)
class Found:
    """What a place found: the parts, and the names because of which others are skipped (see `is_marker`)."""

    parts: tuple[Part, ...]
    skipped: tuple[str, ...] = ()


class NoFiles(BadData):
    """The source matches no file or object. Within a window, single days may have none."""


def too_large(what: str, size: int, most: int) -> BadData:
    """The error of a source that has too many bytes."""
    return BadData(
        f"{what} has {size / 1e9:,.3g} GB or more, and a source may have {most / 1e9:,.3g} GB (MELI_SOURCE_GB). Divide "
        "it, or raise the setting."
    )


class Place(Protocol):
    """One kind of place: files, objects of a bucket, an address, the sample."""

    def find(self, spec: str) -> Found:
        """The current parts of a source, at least one, in a stable order. Called from several threads.

        Raises:
            NoFiles: there are none.
            BadData: there cannot be any.
        """

    def fetch(self, spec: str, targets: Sequence[tuple[Part, Path]]) -> None:
        """Copy parts of the source to their paths, each whole or not at all."""


def why_skipped(skipped: Sequence[str]) -> str:
    """Why files and folders of these names are skipped, as the end of a sentence about them."""
    reasons = [f"{GOLDEN} holds golden titles"] if GOLDEN in skipped else []
    if marked := [name for name in skipped if name != GOLDEN]:
        reasons.append(f"their names begin with _ or .: {enumeration(marked, NAMED)}")
    return ", and because ".join(reasons)
