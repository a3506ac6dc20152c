"""The objects of an index: rows in blocks, their heads in few large objects, and a root that names the current ones.

    index/KIND/root.json                     which objects make up the index; replaced by compare-and-swap
    index/KIND/rows/TIME-ID.json             a block of rows: the open one, or one of `BLOCK` rows
    index/KIND/heads/TIME-ID.json            the heads of the rows of closed blocks, which find and count them

Only the root is ever replaced, and only by a writer that has seen the one before it, so of two writers one has to begin
again or to leave it to the other. An update writes a new open block. A full one is closed: its rows stay in a block of
their own, and its heads are merged with those before them. Heads are merged like the levels of a log-structured merge
tree: an object takes in the one before it unless that is `RATIO` times as large, so there are few of them, however many
rows there are, and each row is written again a few times only. If two rows have the same name, the later one counts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, Protocol, TypeVar
from uuid import uuid4

from pydantic import Field

from meli_tasks.artifacts import paths, reading
from meli_tasks.core.errors import Conflict, MeliError
from meli_tasks.stages.stored import Stored
from meli_tasks.store import Store

logger = logging.getLogger("meli_tasks")

BLOCK = 512
"""Rows of a closed block. The newest ones, which most readers want, are in the open block or the one before it."""
RATIO = 8


class IndexRow(Protocol):
    """What is indexed: its name, and what it is sorted by, as text."""

    @property
    def name(self) -> str:
        """Unique among the rows."""

    @property
    def at(self) -> str:
        """Sorts the rows; of rows with the same name it may differ."""


T = TypeVar("T")
Row = TypeVar("Row", bound=IndexRow)
Head = TypeVar("Head", bound=IndexRow)


class Codec(Protocol[Row, Head]):
    """How rows and heads are stored, as JSON objects; the parsers raise ValueError."""

    def encode(self, rows: Sequence[Row]) -> bytes:
        """A block."""

    def decode(self, data: bytes) -> list[Row]:
        """The rows of a block."""

    def head(self, row: Row, block: str) -> Head:
        """The head of a row, and the block that it is in."""

    def encode_heads(self, heads: Sequence[Head]) -> bytes:
        """Heads."""

    def decode_heads(self, data: bytes) -> list[Head]:
        """The heads of an object."""


class Part(Stored):
    """An object of the index: its name, its rows, and the least and the greatest of what they are sorted by."""

    name: str
    rows: int
    first: str
    last: str


class Root(Stored):
    """The root of an index."""

    version: int = 1
    open: Part | None = None
    blocks: tuple[Part, ...] = Field((), description="closed ones, in the order in which they were closed")
    heads: tuple[Part, ...] = Field((), description="of the rows of closed blocks, oldest first")
    unreadable: dict[str, str] = Field(default_factory=dict, description="objects that could not be indexed, and why")

    @property
    def rows(self) -> int:
        """How many rows there are, with those that others have replaced."""
        return sum(part.rows for part in self.heads) + (self.open.rows if self.open else 0)

    @property
    def objects(self) -> set[str]:
        """The names of its objects."""
        return {part.name for part in (*self.blocks, *self.heads, *([self.open] if self.open else []))}


@dataclass(frozen=True)
class Found:
    """A root, and the version to replace it by."""

    root: Root
    version: str


class DamagedIndex(Exception):
    """An object of an index is missing or damaged."""


class Segments(Generic[Row, Head]):
    """The objects of one index in a store."""

    def __init__(self, store: Store, kind: str, codec: Codec[Row, Head], *, block: int | None = None) -> None:
        """`block` is the number of rows of a closed block, `BLOCK` by default; large rows make smaller ones."""
        self.store = store
        self._block = block or BLOCK
        self._kind = kind
        self._codec = codec

    @property
    def root_name(self) -> str:
        """The name of its root."""
        return paths.index_root(self._kind)

    def find(self) -> Found | None:
        """The root; None if there is none.

        Raises:
            DamagedIndex: it cannot be read.
        """
        blob = self.store.read(self.root_name)
        if blob is None:
            return None
        try:
            return Found(reading.parsed(self.store, self.root_name, blob.data, Root.model_validate_json), blob.version)
        except reading.NotReadable as error:
            if not error.is_damage:
                raise
            raise DamagedIndex(self.root_name) from error

    def version(self) -> str | None:
        """The version of the root, for `rebuild`; None if there is none."""
        blob = self.store.read(self.root_name)
        return blob.version if blob else None

    def rows(self, part: Part) -> list[Row]:
        """The rows of a block.

        Raises:
            DamagedIndex: it is missing or damaged.
        """
        return self._parsed(part, self._codec.decode)

    def heads(self, part: Part) -> list[Head]:
        """The heads in an object.

        Raises:
            DamagedIndex: it is missing or damaged.
        """
        return self._parsed(part, self._codec.decode_heads)

    def _parsed(self, part: Part, parse: reading.Parse[list[T]]) -> list[T]:
        try:
            found = reading.read(self.store, part.name, parse)
        except reading.NotReadable as error:
            if not error.is_damage:
                raise
            raise DamagedIndex(part.name) from error
        if found is None or len(found) != part.rows:
            raise DamagedIndex(part.name)
        return found

    def update(self, found: Found | None, rows: Iterable[Row], unreadable: dict[str, str]) -> Root | None:
        """Add rows, or replace those with the same names; None if another writer was faster.

        Args:
            found: The root that the rows were compared with; None if there is none yet.
            rows: New and changed ones.
            unreadable: All objects that cannot be indexed, and why.

        Raises:
            DamagedIndex: an object of the index is missing or damaged.
        """
        root = found.root if found else Root()
        kept = {row.name: row for row in self.rows(root.open)} if root.open else {}
        kept |= {row.name: row for row in rows}
        new = self._with(root, sorted(kept.values(), key=lambda row: row.at))
        return self._replace(found, new.model_copy(update={"unreadable": unreadable}))

    def rebuild(self, version: str | None, rows: Sequence[Row], unreadable: dict[str, str]) -> Root | None:
        """Replace the whole index; None if another writer was faster.

        Args:
            version: Of the root that there is; None if there is none.
            rows: All rows.
            unreadable: All objects that cannot be indexed, and why.
        """
        before = {listed.name for listed in self.store.objects(paths.index_folder(self._kind))} - {self.root_name}
        new = self._with(Root(), sorted(rows, key=lambda row: row.at)).model_copy(update={"unreadable": unreadable})
        return self._replace(Found(Root(), version) if version is not None else None, new, before)

    def _with(self, root: Root, rows: list[Row]) -> Root:
        """A root whose open block has these rows, those that are too many for it in closed ones."""
        closing = self._block * max(0, -(-len(rows) // self._block) - 1)
        parts, heads = self._to_merge(root.heads, closing)  # read first: if one is missing, nothing was written
        blocks = list(root.blocks)
        for start in range(0, closing, self._block):
            block = rows[start : start + self._block]
            blocks.append(self._write(paths.index_rows, block, self._codec.encode(block)))
            heads += [self._codec.head(row, blocks[-1].name) for row in block]
        if closing:
            parts.append(self._write(paths.index_heads, heads, self._codec.encode_heads(heads)))
        left = rows[closing:]
        opened = self._write(paths.index_rows, left, self._codec.encode(left)) if left else None
        return Root(open=opened, blocks=tuple(blocks), heads=tuple(parts))

    def _to_merge(self, parts: Sequence[Part], adding: int) -> tuple[list[Part], list[Head]]:
        """The objects of heads that stay when heads are added, and the heads of the others."""
        kept, heads = list(parts), list[Head]()
        while adding and kept and kept[-1].rows < RATIO * (adding + len(heads)):
            heads = [*self.heads(kept.pop()), *heads]
        return kept, heads

    def _write(self, name: Callable[[str, str], str], rows: Sequence[IndexRow], data: bytes) -> Part:
        at = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid4().hex[:12]}"
        times = [row.at for row in rows]
        part = Part(name=name(self._kind, at), rows=len(rows), first=min(times), last=max(times))
        reading.write(self.store, part.name, data)
        return part

    def _replace(self, found: Found | None, new: Root, before: Iterable[str] = ()) -> Root | None:
        data = new.model_dump_json().encode()
        old = found.root.objects if found else set()
        try:
            if found is None:
                reading.write(self.store, self.root_name, data, if_absent=True)
            else:
                reading.write(self.store, self.root_name, data, if_version=found.version)
        except Conflict:
            self._delete(new.objects - old)
            return None
        self._delete({*old, *before} - new.objects)
        return new

    def _delete(self, names: Iterable[str]) -> None:
        """Remove objects that no root names; a reader that still reads them reads the root again."""
        for name in sorted(names):
            try:
                self.store.delete(name)
            except MeliError as error:
                logger.info("%s is no longer used and was not removed: %s", name, error)
