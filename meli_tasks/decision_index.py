"""The index of all decisions: heads of all, without the figures of each model, and blocks of whole ones.

Decisions never change, so only those after the last indexed one are listed and read. The champion is that of the last
decision, which is read from the ledger. Whoever decides from earlier ones uses `verified_backwards`: it takes from the
index only what has the digest that the next decision contains. A ledger that is shorter than its index was restored
from a backup: then the index is ignored, and built again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.reading import LenientReader, NotReadable
from meli_tasks.core.errors import BadData, MeliError
from meli_tasks.decision import Decision
from meli_tasks.decision_rows import DecisionCodec, Decisions, IndexedDecision
from meli_tasks.index.segments import DamagedIndex, Found, Part, Segments
from meli_tasks.stored_decisions import StoredDecisions

logger = logging.getLogger("meli_tasks")

BLOCK = 64
"""Whole decisions in a block. With those in the open one or two blocks less, a decision is written a few times only."""
ADDED_AT = 4
"""How many decisions are read from the ledger before they are added to the index."""
BUILT_FROM = 16
"""From how many decisions on a ledger gets an index."""


class DecisionIndex:
    """The index of the decisions of a store. Keep one, so that each of its objects is read only once."""

    def __init__(self, stored: StoredDecisions) -> None:
        self._stored = stored
        self._segments = Segments(stored.store, "decisions", DecisionCodec(), block=BLOCK)
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

    def backwards(self, number: int) -> Iterator[IndexedDecision]:
        """The decisions up to a number, the newest first; those in the index without what is left out of it.

        Raises:
            NotFound, BadData: one that the index does not have is missing or damaged.
        """
        root = self._up_to_date(number, self._find())
        for each in range(number, _last(root), -1):
            yield IndexedDecision.of(self._stored.read(each))
        following = min(number, _last(root)) + 1
        try:
            for row in self._rows_backwards(root):
                for missing in range(following - 1, row.number, -1):
                    yield IndexedDecision.of(self._stored.read(missing))
                if row.number < following:
                    following = row.number
                    yield row
        except DamagedIndex as error:
            self._warn(error)
        for each in range(following - 1, 0, -1):
            yield IndexedDecision.of(self._stored.read(each))

    def verified_backwards(self, number: int) -> Iterator[Decision]:
        """Whole decisions up to a number, the newest first, each with the digest that the one after it contains.

        Decisions of 0.1.0 contain no digest, so of those only their seal is checked.

        Raises:
            NotFound, BadData: one is missing, damaged or was replaced.
        """
        rows = self._whole_backwards(self._up_to_date(number, self._find()), number)
        row, following = next(rows, None), None
        for each in range(number, 0, -1):
            while row and row.number > each:
                row = next(rows, None)
            if following and row and row.number == each and following.before == row.chain:
                found = row.decision
            else:
                found = self._stored.read(each)
                if following and (found.before or each == 1):
                    self._stored.check_link(following.number)
            following = found
            yield found

    def check_no_gap(self, number: int) -> None:
        """Raise BadData if one of the decisions up to a number is missing.

        The index has those that were there when they were added, newer ones are listed, and of the others a page of
        the listing at a time, another one with each number.
        """
        few = self._stored.few_numbers()
        if few is not None:
            self._stored.check_no_gap(few)
            return
        root = self._up_to_date(number, self._find())
        is_whole = root is not None and root.root.rows + len(root.root.unreadable) == _last(root)
        newer = self._stored.numbers_from(_last(root)) if is_whole else None
        if newer != list(range(_last(root), number + 1)):
            self._stored.check_no_gap(self._stored.numbers())
        self._stored.check_page(number)

    def readable(self, reader: LenientReader) -> Decisions | None:
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
            rows = list(self._rows_backwards(root))
        except DamagedIndex as error:
            self._warn(error)
            return None
        for name, reason in root.root.unreadable.items():
            reader.skip(name, reason)
        newer = [paths.decision(number) for number in numbers if number > _last(root)]
        return Decisions(reversed(rows), reader.read_all(newer, self._read))

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
            rows = {row.number: row for row in self._rows_backwards(root)}
            whole = {row.number: row for row in self._whole_backwards(root, _last(root), strict=True)}
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
            elif any(
                digest != self._stored.digest(number) for digest in (rows[number].digest, _digest(whole.get(number)))
            ):
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
            return IndexedDecision.of(self._stored.read(number), self._stored.body(number))

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
        """The newest decisions whole, the others as heads."""
        if root is None or root.root.open is None:
            return
        yield from reversed(self._rows_of(root.root.open))
        for part in reversed(root.root.heads):
            yield from reversed(self._part(part, self._segments.heads))
        self._parts = {name: rows for name, rows in self._parts.items() if name in root.root.objects}

    def _whole_backwards(self, root: Found | None, number: int, *, strict: bool = False) -> Iterator[IndexedDecision]:
        """Whole decisions up to a number; if not `strict`, only those after an object that is damaged."""
        if root is None or root.root.open is None:
            return
        try:
            for part in (root.root.open, *reversed(root.root.blocks)):
                if int(part.first) <= number:
                    yield from (row for row in reversed(self._rows_of(part)) if row.number <= number)
        except DamagedIndex as error:
            if strict:
                raise
            self._warn(error)
            self._build(self._version())

    def _rows_of(self, part: Part) -> list[IndexedDecision]:
        return self._part(part, self._segments.rows)

    def _part(self, part: Part, read: Callable[[Part], list[IndexedDecision]]) -> list[IndexedDecision]:
        if part.name not in self._parts:
            self._parts[part.name] = read(part)
        return self._parts[part.name]

    def _warn(self, error: Exception) -> None:
        logger.warning("The index of the decisions of %s cannot be used: %s", self._place, error)

    @property
    def _place(self) -> str:
        return self._stored.store.url


def _last(found: Found | None) -> int:
    """The number of the last decision in an index."""
    return int(found.root.open.last) if found and found.root.open else 0


def _digest(row: IndexedDecision | None) -> str:
    return sha256(row.text.encode()).hexdigest() if row else ""
