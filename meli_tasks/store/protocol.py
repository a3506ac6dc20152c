"""What a store is: named bytes under one URL, with two conditions on writing that make locks and ledgers possible.

A name is '/'-separated like `train/3f2a/manifest.json`, relative, and never also the folder of other names. Whatever
backs the store, a reader sees the whole of what one writer wrote or nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from meli_tasks.core.errors import Rejected

RESERVED = ".store"  # the file store's own folder, so no store takes names that begin with it
MAX_NAME_BYTES = 900  # S3 allows 1,024 with the prefix
MAX_PART_BYTES = 255  # what file systems allow between two slashes


@dataclass(frozen=True)
class Blob:
    """What a name held at one moment, and the version to write against (`if_version`). Versions are opaque."""

    data: bytes = field(repr=False)
    version: str


class Store(Protocol):
    """Where artifacts, their manifests and the ledger live. Safe to use from several threads.

    Every method may raise Rejected (keys, rights, no such bucket), Unreachable (try again) or Rejected.
    """

    @property
    def url(self) -> str:
        """As given to `open_store`, without a closing slash."""

    def read(self, name: str) -> Blob | None:
        """The bytes at `name` and their version; None when there is nothing."""

    def write(self, name: str, data: bytes, *, if_absent: bool = False, if_version: str | None = None) -> str:
        """Puts `data` at `name`, at once and whole, and returns its version.

        With `if_absent` only when nothing stands there; with `if_version` only when exactly that version does.
        Otherwise Conflict, and nothing changed. After Unreachable the write may still have happened: read before
        trying again.
        """

    def upload(self, path: Path, name: str) -> None:
        """Puts the file at `path` at `name`; large ones travel in parts."""

    def download(self, name: str, path: Path) -> None:
        """Puts what stands at `name` at `path`, whole or not at all. Errors: NotFound when there is nothing."""

    def names(self, prefix: str) -> Iterator[str]:
        """Every name that begins with `prefix` (of characters, not of folders), sorted by code point."""

    def delete(self, name: str) -> None:
        """Takes away what stands at `name`; nothing there is fine."""

    def size(self, name: str) -> int | None:
        """Bytes at `name`; None when there is nothing."""


def checked_name(name: str) -> str:
    """`name` itself. Errors: Rejected for one that could leave the store or that some store cannot hold."""
    parts = name.split("/")
    try:
        encoded = [part.encode() for part in parts]
    except UnicodeEncodeError:
        raise Rejected(f"The name {name!r} cannot be stored: it is not valid Unicode text.") from None
    reasons = {
        "it is empty, absolute, or has an empty part": not all(parts),
        "a part of it is '.' or '..'": any(part in (".", "..") for part in parts),
        f"it begins with {RESERVED!r}, which belongs to the store itself": parts[0] == RESERVED,
        "it has a backslash or a control character": any(
            character < " " or character in "\\\x7f" for character in name
        ),
        f"it is longer than {MAX_NAME_BYTES} bytes": sum(map(len, encoded)) + len(parts) - 1 > MAX_NAME_BYTES,
        f"a part of it is longer than {MAX_PART_BYTES} bytes": any(len(part) > MAX_PART_BYTES for part in encoded),
    }
    for reason, holds in reasons.items():
        if holds:
            raise Rejected(
                f"The name {name[:200]!r} cannot be stored: {reason}. Names look like train/3f2a/manifest.json."
            )
    return name


def name_part(text: str) -> str:
    """Any text, such as a run's id, as a part of a name: what is no letter, digit, '-', '_' or '.' becomes '-'."""
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in text)


def checked_prefix(prefix: str) -> str:
    """`prefix` itself. Errors: Rejected for one that names could not begin with."""
    if prefix.startswith("/") or ".." in prefix.split("/"):
        raise Rejected(f"The prefix {prefix!r} cannot be listed: it is absolute or has '..' in it.")
    return prefix
