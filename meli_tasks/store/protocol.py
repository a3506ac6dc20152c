"""The interface of a store: named objects under one URL, with conditional writes, on which locks and ledgers build.

A name is relative and '/'-separated, like `train/3f2a/manifest.json`, and never also the folder of other names. A
reader sees a write completely or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from meli_tasks.core.errors import Rejected

RESERVED = ".store"  # the file store's own folder, so no store accepts names that begin with it
MAX_NAME_BYTES = 900  # S3 allows 1,024 with the prefix
MAX_PART_BYTES = 255  # what file systems allow between two slashes


@dataclass(frozen=True)
class Blob:
    """The bytes of an object and their version, for `if_version`. Versions are opaque."""

    data: bytes = field(repr=False)
    version: str


@dataclass(frozen=True, order=True)
class Listed:
    """An object in a listing; `size` in bytes, `modified` in seconds since 1970 by the store's clock.

    `version` is another one after each write of other bytes. It need not be the version that `read` returns.
    """

    name: str
    version: str
    size: int
    modified: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class Leftover:
    """What an interrupted write left behind, in no listing: a file with the ending .part, or parts of an upload.

    Attributes:
        name: The path of the file, or the key of the upload.
        size: In bytes.
        modified: When it was begun, in seconds since 1970.
        upload: The id of an upload in parts.
    """

    name: str
    size: int
    modified: float
    upload: str = ""


PAGE = 1_000
"""Objects of a page of a listing: as many as S3 returns in one response."""


@dataclass(frozen=True)
class Page:
    """The first objects of a listing, sorted by name, and whether there are more."""

    objects: tuple[Listed, ...]
    more: bool


class Store(Protocol):
    """Where artifacts, their manifests and the ledger are kept. Safe to use from several threads.

    Every method may raise Rejected (keys, rights, a missing bucket, no space) or Unreachable (try again).
    """

    @property
    def url(self) -> str:
        """The URL that was given to `open_store`, without a trailing slash."""

    def read(self, name: str) -> Blob | None:
        """The bytes at `name` and their version; None if there are none."""

    def write(self, name: str, data: bytes, *, if_absent: bool = False, if_version: str | None = None) -> str:
        """Write `data` at `name` atomically, and return its version.

        Args:
            name: Where to write.
            data: What to write.
            if_absent: Write only if there is nothing at `name`.
            if_version: Write only if exactly this version is at `name`.

        Raises:
            Conflict: the condition does not hold; nothing was changed.
            Unreachable: the write may still have happened: read before trying again.
        """

    def upload(self, path: Path, name: str) -> None:
        """Copy the file at `path` to `name`; a large one is sent in parts."""

    def download(self, name: str, path: Path) -> None:
        """Copy `name` to `path`, whole or not at all. Raises NotFound if there is nothing at `name`."""

    def names(self, prefix: str) -> Iterator[str]:
        """Every name that begins with the characters of `prefix`, sorted by code point."""

    def objects(self, prefix: str) -> list[Listed]:
        """Every object whose name begins with the characters of `prefix`, sorted by name."""

    def page(self, prefix: str, after: str = "") -> Page:
        """At most `PAGE` objects whose name begins with `prefix` and comes after `after`: one request, however many.

        `after` is only for names that have the same folder: servers sort folders differently.
        """
        found = [listed for listed in self.objects(prefix) if listed.name > after]
        return Page(tuple(found[:PAGE]), len(found) > PAGE)

    def delete(self, name: str) -> None:
        """Delete `name`; it need not exist."""

    def size(self, name: str) -> int | None:
        """The number of bytes at `name`; None if there is nothing."""

    def leftovers(self) -> list[Leftover]:
        """What interrupted writes left behind, and what writes in progress will complete: their age tells."""

    def discard(self, leftover: Leftover) -> None:
        """Delete a leftover; it need not exist."""

    def discard_below(self, prefix: str) -> None:
        """Delete what unfinished uploads of names that begin with `prefix` have sent: their writers start again."""


def checked_name(name: str) -> str:
    """Return `name`. Raises Rejected for one that would leave the store or that some kind of store cannot hold."""
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


def checked_prefix(prefix: str) -> str:
    """Return `prefix`. Raises Rejected for one that no name can begin with."""
    if prefix.startswith("/") or ".." in prefix.split("/"):
        raise Rejected(f"The prefix {prefix!r} cannot be listed: it is absolute or has '..' in it.")
    return prefix
