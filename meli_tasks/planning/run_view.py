"""All runs at a time: what the index has of them, and what has changed since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from meli_tasks.index.segments import DamagedIndex, Part, Root
from meli_tasks.planning.run_row import RunHead, RunRow

R = TypeVar("R", RunRow, RunHead)


class Parts(Protocol):
    """Reads the objects of an index, each once."""

    def rows(self, part: Part) -> list[RunRow]:
        """The rows of a block; raises DamagedIndex."""

    def heads(self, part: Part) -> list[RunHead]:
        """The heads of an object; raises DamagedIndex."""


@dataclass
class View:
    """All runs. Every method may raise DamagedIndex, if an object of the index is missing or damaged.

    Attributes:
        parts: Reads the objects of the index.
        root: Names them.
        changed: Runs that the index does not have as they are now.
        hidden: Plans that the index has and that are no longer there, or cannot be read.
        listing: The version of each object of a run by name; None if there are too many to be listed.
    """

    parts: Parts
    root: Root
    changed: Mapping[str, RunRow]
    hidden: frozenset[str] = frozenset()
    listing: Mapping[str, str] | None = None
    _heads: dict[str, RunHead] | None = field(init=False, default=None)

    def newest(self, most: int) -> list[RunRow]:
        """The newest runs, the newest first."""
        found = self._unblocked()
        # A block that was closed later has the later rows, but each of two rows of a run is in a block that reaches as
        # far as the run's time, so both are read.
        closed: dict[str, tuple[int, RunRow]] = {}
        for number, block in sorted(enumerate(self.root.blocks), key=lambda each: each[1].last, reverse=True):
            rows = newest_first(self._shown({**{plan: row for plan, (_, row) in closed.items()}, **found}.values()))
            if len(rows) >= most and rows[most - 1].at > block.last:
                break
            for row in self.parts.rows(block):
                if row.plan not in closed or closed[row.plan][0] < number:
                    closed[row.plan] = (number, row)
        both = {**{plan: row for plan, (_, row) in closed.items()}, **found}
        return newest_first(self._shown(both.values()))[:most]

    def heads(self) -> list[RunHead]:
        """The heads of all runs, the newest first; `block` is empty for a run that is in no closed block."""
        return list(self._by_plan().values())

    def rows(self, plans: Iterable[str]) -> list[RunRow]:
        """The rows of these plans, in their order; a plan that is not there is left out."""
        heads, found, blocks = self._by_plan(), self._unblocked(), {block.name: block for block in self.root.blocks}
        read = {"": found}
        rows = []
        for head in filter(None, map(heads.get, plans)):
            if head.block not in read:
                if head.block not in blocks:
                    raise DamagedIndex(head.block)
                read[head.block] = {row.plan: row for row in self.parts.rows(blocks[head.block])}
            row = read[head.block].get(head.plan)
            if row is None:
                raise DamagedIndex(head.block)
            rows.append(row)
        return rows

    def is_same(self, other: View | None) -> bool:
        """Whether both are of the same runs."""
        return other is not None and (self.root, self.changed, self.hidden) == (
            other.root,
            other.changed,
            other.hidden,
        )

    def _by_plan(self) -> dict[str, RunHead]:
        if self._heads is None:
            found = {head.plan: head for part in self.root.heads for head in self.parts.heads(part)}
            found |= {plan: RunHead.of(row, "") for plan, row in self._unblocked().items()}
            self._heads = {head.plan: head for head in newest_first(self._shown(found.values()))}
        return self._heads

    def _unblocked(self) -> dict[str, RunRow]:
        opened = self.parts.rows(self.root.open) if self.root.open else []
        return {row.plan: row for row in opened} | dict(self.changed)

    def _shown(self, runs: Iterable[R]) -> list[R]:
        return [run for run in runs if run.plan not in self.hidden]


def newest_first(runs: Iterable[R]) -> list[R]:
    """Sorted by time."""
    return sorted(runs, key=lambda run: (run.at, run.run_id), reverse=True)
