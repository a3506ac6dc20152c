"""The ledger as the pages display it: what can be read of it, listed at most three seconds ago."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from time import monotonic

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.reading import LenientReader, Skipped
from meli_tasks.decision import Champion
from meli_tasks.decision_rows import Decisions
from meli_tasks.ledger import Ledger
from meli_tasks.pages.read_cache import LISTED_SECONDS
from meli_tasks.store import Store


@dataclass(frozen=True)
class Decided:
    """The ledger at a time: the decisions that can be read, oldest first, and what cannot."""

    at: float
    decisions: Decisions
    skipped: list[Skipped]

    @property
    def champion_unknown(self) -> str:
        """Why the champion is unknown; empty if it is known. The last decision holds it, so it must be readable."""
        last = self.decisions[-1].number if self.decisions else 0
        newer = [one for one in self.skipped if (paths.decision_number(one.name) or 0) > last]
        return f"The newest decision cannot be read: {newer[-1].name} ({newer[-1].reason})." if newer else ""

    @property
    def last(self) -> int:
        """The number of the last decision; 0 if there is none."""
        numbers = [decision.number for decision in self.decisions[-1:]]
        return max([*numbers, *(paths.decision_number(one.name) or 0 for one in self.skipped)], default=0)

    @property
    def champion(self) -> Champion | None:
        """The current champion; None if there is none, or if it is unknown."""
        return self.decisions[-1].champion if self.decisions and not self.champion_unknown else None


class DecidedSoFar:
    """Reads the ledger of a store, each decision only once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ledger = Ledger(store)
        self._decided = Decided(-inf, Decisions(), [])
        self._changes = 0

    def read(self) -> Decided:
        """The ledger, listed at most three seconds ago."""
        decided, changes = self._decided, self._changes
        if monotonic() - decided.at > LISTED_SECONDS:
            reader = LenientReader(self._store)
            decisions = self._ledger.readable(reader)
            decided = Decided(monotonic(), decisions, reader.skipped)
            if changes == self._changes:  # or else it may have been listed before the change
                self._decided = decided
        return decided

    def forget(self) -> None:
        """List the ledger again at the next call, as it was changed."""
        self._changes += 1
        self._decided = Decided(-inf, Decisions(), [])
