"""The index of all decisions, without the figures of each model, and the number of the last one.

Decisions never change, so only those after the last indexed one are listed and read. The index is never what is decided
from: whoever decides reads the decisions themselves, and the champion is that of the last one. A ledger that is shorter
than its index was restored from a backup: then the index is ignored, and built again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.reading import LenientReader, NotReadable
from meli_tasks.core.errors import BadData, MeliError
from meli_tasks.decision import Decision
from meli_tasks.index.segments import DamagedIndex, Found, Segments
from meli_tasks.stages.stored import Stored
from meli_tasks.stored_decisions import StoredDecisions

logger = logging.getLogger("meli_tasks")

LEFT_OUT: Any = {"evidence": {"scores", "test", "examined"}}
"""What takes most of the space of a decision, and what only the next decisions need."""
ADDED_AT = 4
"""How many decisions are read from the ledger before they are added to the index."""
BUILT_FROM = 16
"""From how many decisions on a ledger gets an index."""


@dataclass(frozen=True)
class IndexedDecision:
    """A decision without what is left out, and the digest of the whole one as it was stored, without its seal."""

    decision: Decision
    digest: str

    @property
    def name(self) -> str:
        """The name of the decision."""
        return paths.decision(self.decision.number)

    @property
    def at(self) -> str:
        """Its number, with leading zeros."""
        return f"{self.decision.number:08}"


class _Rows(Stored):
    version: int = 1
    rows: tuple[tuple[str, Decision], ...]


class DecisionCodec:
    """How decisions are stored in the index: heads are whole rows, since all of them are wanted at a time."""

    def encode(self, rows: Sequence[IndexedDecision]) -> bytes:
        """Rows."""
        stored = [
            [row.digest, row.decision.model_dump(mode="json", exclude=LEFT_OUT, exclude_defaults=True)] for row in rows
        ]
        return json.dumps({"version": 1, "rows": stored}, ensure_ascii=False).encode()

    def decode(self, data: bytes) -> list[IndexedDecision]:
        """The rows of an object."""
        return [IndexedDecision(decision, digest) for digest, decision in _Rows.model_validate_json(data).rows]

    def head(self, row: IndexedDecision, block: str) -> IndexedDecision:
        """The row."""
        return row

    encode_heads = encode
    decode_heads = decode


class DecisionIndex:
    """The index of the decisions of a store. Keep one, so that each of its objects is read only once."""

    def __init__(self, stored: StoredDecisions) -> None:
        self._stored = stored
        self._segments = Segments(stored.store, "decisions", DecisionCodec(), blocks=False)
        self._parts: dict[str, list[IndexedDecision]] = {}
        self._last = 0

    def numbers(self) -> list[int]:
        """The sorted numbers of the newest decisions, of all if there are few. The last one is the ledger's last.

        Raises:
            BadData: the ledger's folder contains something else.
        """
        return self._numbers(None if self._last else self._find())

    def _numbers(self, root: Found | None) -> list[int]:
        first = max(self._last, _last(root))
        found = self._stored.numbers_from(first) if first else self._stored.few_numbers()
        numbers = self._stored.numbers() if found is None else found
        self._last = numbers[-1] if numbers else 0
        return numbers

    def backwards(self, number: int) -> Iterator[Decision]:
        """The decisions up to a number, the newest first; those in the index without what is left out of it.

        Raises:
            NotFound, BadData: one that the index does not have is missing or damaged.
        """
        root = self._up_to_date(number, self._find())
        for each in range(number, _last(root), -1):
            yield self._stored.read(each)
        following = min(number, _last(root)) + 1
        try:
            for row in self._rows_backwards(root):
                for missing in range(following - 1, row.decision.number, -1):
                    yield self._stored.read(missing)
                if row.decision.number < following:
                    following = row.decision.number
                    yield row.decision
        except DamagedIndex as error:
            self._warn(error)
        for each in range(following - 1, 0, -1):
            yield self._stored.read(each)

    def readable(self, reader: LenientReader) -> list[Decision] | None:
        """All decisions that can be read, oldest first, those in the index without what is left out of it.

        None without an index, as long as there are few decisions, or if it cannot be used.
        """
        root = self._find()
        try:
            numbers = self._numbers(root)
        except BadData:  # there is something else in the ledger's folder
            return None
        root = self._up_to_date(self._last, root)
        if root is None:
            return None
        try:
            rows = [row.decision for row in self._rows_backwards(root)]
        except DamagedIndex as error:
            self._warn(error)
            return None
        for name, reason in root.root.unreadable.items():
            reader.skip(name, reason)
        newer = [paths.decision(number) for number in numbers if number > _last(root)]
        return [*reversed(rows), *reader.read_all(newer, self._read)]

    def added(self, number: int) -> None:
        """Add decisions to the index now and then, after this one was written; what goes wrong is only logged."""
        if number % ADDED_AT == 0:
            self._up_to_date(number, self._find())

    def rebuild(self) -> None:
        """Build the index from all decisions."""
        self._build(self._version())

    def wrong(self) -> Iterator[tuple[str, str]]:
        """Objects of the index that are damaged, and decisions that it does not have as they are, and why."""
        try:
            root = self._segments.find()
            rows = {row.decision.number: row for row in self._rows_backwards(root)}
        except DamagedIndex as error:
            yield str(error), "it is missing or damaged"
            return
        if root is None:
            return
        for number in range(1, _last(root) + 1):
            name = paths.decision(number)
            if number not in rows:
                if name not in root.root.unreadable:
                    yield name, "it is not in the index"
            elif rows[number].digest != self._stored.digest(number):
                yield name, "the index has another decision of this number"

    def _read(self, name: str) -> Decision:
        return self._stored.read(paths.decision_number(name) or 0)

    def _up_to_date(self, number: int, root: Found | None) -> Found | None:
        """The root of an index that lacks at most a few of the decisions up to a number; None without an index."""
        try:
            if root is None and number >= BUILT_FROM:
                logger.info("%s has no index of its decisions yet, or a damaged one: it is built.", self._place)
                return self._build(self._version())
            if root is not None and number - _last(root) >= ADDED_AT:
                rows, unreadable = self._whole(range(_last(root) + 1, number + 1))
                self._segments.update(root, rows, {**root.root.unreadable, **unreadable})
                return self._find()
        except DamagedIndex as error:
            self._warn(error)
            return self._build(self._version())
        except MeliError as error:
            logger.info("The index of the decisions of %s was not updated: %s", self._place, error)
        return root

    def _build(self, version: str | None) -> Found | None:
        numbers = self._stored.numbers()
        rows, unreadable = self._whole(range(1, numbers[-1] + 1) if numbers else ())
        try:
            self._segments.rebuild(version, rows, unreadable)
        except MeliError as error:
            logger.warning("The index of the decisions of %s was not stored: %s", self._place, error)
        return self._find()

    def _whole(self, numbers: Iterable[int]) -> tuple[list[IndexedDecision], dict[str, str]]:
        """Decisions read from the ledger, and which cannot be read, and why."""
        reader = LenientReader(self._stored.store)

        def row(name: str) -> IndexedDecision:
            number = paths.decision_number(name) or 0
            return IndexedDecision(self._stored.read(number), self._stored.digest(number))

        rows = reader.read_all(map(paths.decision, numbers), row)
        return rows, {skipped.name: skipped.reason for skipped in reader.skipped}

    def _find(self) -> Found | None:
        """The root; None if there is none, if it is damaged, or if a later version wrote it."""
        try:
            found = self._segments.find()
        except (DamagedIndex, NotReadable) as error:
            self._warn(error)
            return None
        return found if found and found.root.open else None

    def _version(self) -> str | None:
        return self._segments.version()

    def _rows_backwards(self, root: Found | None) -> Iterator[IndexedDecision]:
        if root is None or root.root.open is None:
            return
        for part, read in (
            (root.root.open, self._segments.rows),
            *((each, self._segments.heads) for each in reversed(root.root.heads)),
        ):
            if part.name not in self._parts:
                self._parts[part.name] = read(part)
            yield from reversed(self._parts[part.name])
        self._parts = {name: rows for name, rows in self._parts.items() if name in root.root.objects}

    def _warn(self, error: Exception) -> None:
        logger.warning("The index of the decisions of %s cannot be used: %s", self._place, error)

    @property
    def _place(self) -> str:
        return self._stored.store.url


def _last(found: Found | None) -> int:
    """The number of the last decision in an index."""
    return int(found.root.open.last) if found and found.root.open else 0
