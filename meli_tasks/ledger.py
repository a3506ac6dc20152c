"""The promotion ledger: the current champion, the earlier ones, and why. One immutable object per decision.

`ledger/00000001.json`, `ledger/00000002.json`, … Each decision is written by a conditional create at the number after
the last one, so if two are made at the same time, one is refused (Conflict) and must be made again. Each contains
the champion after it, so the last one alone determines the current champion. `stored_decisions` has the objects: seals,
the chain of digests, and the copies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from meli_tasks.approval import Approval
from meli_tasks.artifacts import paths
from meli_tasks.artifacts.reading import LenientReader, NotReadable
from meli_tasks.core.errors import BadData, Conflict, NotFound, Unreachable
from meli_tasks.decision import Champion, Decision, Evidence
from meli_tasks.decision_index import DecisionIndex
from meli_tasks.decision_rows import Decisions, IndexedDecision
from meli_tasks.store import Store
from meli_tasks.stored_decisions import READERS, RESTORE, StoredDecisions

REMEMBERED = 50
"""Among how many of the last decisions a repeated request is looked for."""
RETRY_ADVICE = "Read it again, and decide again."


def now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


class Ledger:
    """The ledger in `store`. Decisions never change, so each is read only once."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.stored = StoredDecisions(store)
        self.index = DecisionIndex(self.stored)

    def decisions(self) -> list[Decision]:
        """All decisions, oldest first.

        Raises:
            BadData: an object in the ledger is not a decision, or one is missing or was replaced.
        """
        return self.stored.all()

    def readable(self, reader: LenientReader) -> Decisions:
        """The decisions that can be read, oldest first, for display; the reader keeps what it skipped.

        Whoever decides uses `decisions`: one that is missing here may be the one that counts.
        """
        if (found := self.index.readable(reader)) is not None:
            return found
        numbers, strange = self.stored.listed()
        for name in strange:
            reader.skip(name, f"it is not a decision: their names look like {paths.decision(1)}")
        for number in sorted(set(range(1, max(numbers, default=0))) - set(numbers)):
            reader.skip(paths.decision(number), "it is missing")
        return Decisions(newer=reader.read_all(map(paths.decision, numbers), self._named))

    def newest(self, most: int, reader: LenientReader) -> list[Decision]:
        """The newest decisions that can be read, the newest first, for display; the reader keeps what it skipped."""
        try:
            numbers = self.index.numbers()
        except BadData:  # there is something else in the ledger's folder, which this names
            return list(reversed(self.readable(reader)))[:most]
        last = numbers[-1] if numbers else 0
        wanted = range(last, max(last - most, 0), -1)
        found = reader.read_all(map(paths.decision, wanted), self._named)
        missing = {paths.decision(number) for number in wanted} - {paths.decision(one.number) for one in found}
        for name in missing - {skipped.name for skipped in reader.skipped}:
            reader.skip(name, "it is missing")
        return found

    def last(self) -> Decision | None:
        """The latest decision; None before the first. `append` takes its number as `expected_last`."""
        numbers = self.index.numbers()
        return self._decision(numbers[-1]) if numbers else None

    def backwards(self) -> Iterator[Decision]:
        """All decisions, the newest first. Those in the index lack what `decision_index` leaves out of them.

        Raises:
            NotFound, BadData: one is missing or damaged, and the index does not have it.
        """
        return (row.decision for row in self.rows_backwards())

    def rows_backwards(self) -> Iterator[IndexedDecision]:
        """The same, each parsed only if it is needed; see `backwards`."""
        numbers = self.index.numbers()
        return self.index.backwards(numbers[-1] if numbers else 0)

    def verified_backwards(self, number: int) -> Iterator[Decision]:
        """Whole decisions up to a number, the newest first, for whoever decides from them.

        Each one has the digest that the one after it contains, except those of 0.1.0, which contain no digest.

        Raises:
            NotFound, BadData: one is missing, damaged or was replaced.
        """
        return self.index.verified_backwards(number)

    def champion(self) -> Champion | None:
        """The current champion; None before the first promotion."""
        last = self.last()
        return last.champion if last else None

    def decision(self, number: int) -> Decision:
        """A decision by its number; raises NotFound if there is none."""
        return self._decision(number)

    def champion_on(self, moment: date) -> Champion | None:
        """The champion at the end of a date, or at a time: that after `decision_on`."""
        last = self.decision_on(moment)
        return last.champion if last else None

    def decision_on(self, moment: date) -> Decision | None:
        """The last decision by the end of a date in UTC, or by a `datetime` (in UTC if it has no time zone).

        The time of the decision counts, not the date of the titles (`as_of`). None if there was none yet.
        """
        if isinstance(moment, datetime):
            limit = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        else:
            limit = datetime.combine(moment + timedelta(days=1), time(), UTC) - timedelta(microseconds=1)
        last = self.last()
        ahead = set(last.dated_ahead) if last else set()
        following: datetime | None = None
        for decision in self.backwards() if last else ():
            # One that a wrong clock dated was made before the next one, whatever its time.
            made = following if following and decision.number in ahead else decision.at
            if made <= limit:
                return self._decision(decision.number)
            following = made
        return None

    def made_champion(self, decision: Decision) -> Decision:
        """The decision that made the champion after `decision`: a promotion or a rollback, with keeps after it."""
        if decision.action != "keep":
            return decision
        before = self.index.backwards(decision.number)
        return self._decision(next(row.number for row in before if row.action != "keep" or row.number == 1))

    def append(
        self,
        expected_last: int,
        *,
        action: Literal["promote", "keep"],
        champion: Champion | None = None,
        reason: str,
        by: str,
        evidence: Evidence | None = None,
        approval: Approval | None = None,
        sha256: str = "",
        selection_bias: float | None = None,
    ) -> Decision:
        """Add a decision after the one numbered `expected_last` (0 for an empty ledger), on which it was based.

        `promote` needs the new `champion`; `keep` keeps the current one. A champion of 0.1.0, which has no digest, gets
        `sha256` as its digest. What its figure owes to its selection is known better from night to night: a champion
        that is kept gets `selection_bias`, unless that is None.

        Raises:
            Conflict: another decision was written in the meantime. Read `last` again, and decide again.
        """
        if (action == "promote") != (champion is not None):
            raise ValueError(f"promote needs a champion and keep takes none, but got {action} with {champion}")
        last = self._expect(expected_last)
        number = last.number if last else 0
        if champion is None:
            champion, promotion = (last.champion, last.promotion) if last else (None, None)
            if champion and not champion.sha256:
                champion = champion.model_copy(update={"sha256": sha256})
            if champion and selection_bias is not None:
                champion = champion.model_copy(update={"selection_bias": selection_bias})
        else:
            promotion = number + 1
        return self._write(
            last,
            {"action": action, "champion": champion, "promotion": promotion, "reason": reason, "by": by}
            | {"evidence": evidence or Evidence(), "approval": approval},
        )

    def rollback(
        self,
        by: str,
        to: int | None = None,
        reason: str = "",
        prepare: Callable[[Decision], Champion | None] = lambda promotion: promotion.champion,
        *,
        expected_last: int | None = None,
        request: str = "",
    ) -> Decision:
        """Make an earlier champion the current one: the previous one, or the champion after decision `to`.

        A second rollback goes one further back, and skips champions that were rolled back.

        Args:
            by: Who requests it.
            to: A decision; by default, the previous champion's.
            reason: A sentence for people.
            prepare: Gets the decision that promoted the earlier champion, makes sure of its model, and returns it.
            expected_last: The number of the last decision that this person has seen; None for whatever is the last.
            request: An id of this request, which becomes the decision's. Sent again, because its answer was lost, it
                gets the decision that it made, as long as that is one of the last `REMEMBERED`.

        Raises:
            NotFound: there is no such champion.
            BadData: a decision is missing, damaged or was replaced.
            Conflict: it is already the current champion, or another decision was written in the meantime.
            Unreachable: the store did not answer; the message says if the decision may have been written.
        """
        if request and (made := self._made_by(request)):
            return made
        last = self.last() if expected_last is None else self._expect(expected_last)
        self._check(last)
        if last is None or last.champion is None or last.promotion is None:
            raise NotFound(f"There is no champion in {self._place} yet, so there is none to roll back to.")
        target = self.before(last.promotion) if to is None else self._promotion_after(to, last)
        champion = prepare(self._decision(target))
        if champion is None or champion.ref.is_same(last.champion.ref):
            raise Conflict(f"The champion after decision {to} is already the current one: {last.champion.train}.")
        default = f"back from {last.champion.set_name} ({last.promotion}) to {champion.set_name} ({target})"
        return self._write(
            last,
            {"action": "rollback", "champion": champion, "promotion": target, "reason": reason or default, "by": by}
            | ({"id": request} if request else {}),
        )

    def _made_by(self, request: str) -> Decision | None:
        """The recent decision with this id."""
        last = self.last()
        recent = range(last.number, max(0, last.number - REMEMBERED), -1) if last else ()
        with ThreadPoolExecutor(READERS) as readers:
            return next((found for found in readers.map(self._if_there, recent) if found and found.id == request), None)

    def _if_there(self, number: int) -> Decision | None:
        try:
            return self._decision(number)
        except NotFound:  # a gap, which the next decision is refused for
            return None

    def _expect(self, number: int) -> Decision | None:
        """The last decision, which must have this number; 0 for an empty ledger. A damaged ledger accepts no decision.

        Raises:
            Conflict: the last decision is another one.
            BadData: a decision is missing, or the last one was not made after the one before it.
        """
        last = self.last()
        found = last.number if last else 0
        if found != number:
            raise Conflict(f"{self._place} has changed: its last decision is {found}, not {number}. {RETRY_ADVICE}")
        self._check(last)
        return last

    def _check(self, last: Decision | None) -> None:
        self.index.check_no_gap(last.number if last else 0)
        if last and last.number > 1:
            self.stored.check_link(last.number)

    def _decision(self, number: int) -> Decision:
        return self.stored.read(number)

    def _named(self, name: str) -> Decision:
        return self._decision(paths.decision_number(name) or 0)

    def _write(self, last: Decision | None, fields: Mapping[str, object]) -> Decision:
        number = last.number + 1 if last else 1
        at, ahead = self.stored.time_after(last, now())
        before = last.promotion if last else None
        chain = self.stored.chain(last.number) if last else ""
        made = {"number": number, "at": at, "previous": before, "before": chain, "dated_ahead": ahead}
        decision = Decision.model_validate({**made, **fields})
        try:
            self.stored.write(decision)
        except (Conflict, Unreachable) as error:
            self._need_written(decision, error)
            self.stored.add(decision)
        self.index.added(number)
        return decision

    def _need_written(self, decision: Decision, error: Conflict | Unreachable) -> None:
        """Return if a decision is in the ledger although its write failed: the answer may have been lost, or repeated.

        Raises:
            Conflict: another decision is there.
            Unreachable: there is none, or it cannot be read.
        """
        try:
            written = self.stored.is_written(decision)
        except Unreachable as unread:
            raise Unreachable(
                f"Whether decision {decision.number} was written to {self._place} is not known: {error} "
                "`meli champion` shows the current champion once the store answers."
            ) from unread
        if written:
            return
        if written is None and isinstance(error, Unreachable):
            raise error
        raise Conflict(
            f"{self._place} has changed: another writer made decision {decision.number} first. {RETRY_ADVICE}"
        ) from error

    def before(self, promotion: int) -> int:
        """The promotion of the previous champion, skipping repeated promotions of the same model; or NotFound."""
        champion, first = self._decision(promotion).champion, promotion
        earlier = self._decision(promotion).previous
        while earlier is not None:
            if earlier >= promotion:
                raise NotReadable(
                    f"Decision {promotion} of {self._place} names decision {earlier} as an earlier one. {RESTORE}",
                    "it names a later decision as an earlier one",
                )
            decision, promotion = self._decision(earlier), earlier
            if decision.champion is not None and champion is not None and decision.champion.ref != champion.ref:
                return earlier
            earlier = decision.previous
        name = champion.set_name if champion else "?"
        raise NotFound(f"Champion {name} (decision {first}) is the first of {self._place}, so there is no earlier one.")

    def _promotion_after(self, number: int, last: Decision) -> int:
        if not 1 <= number <= last.number:
            raise NotFound(f"There is no decision {number} in {self._place}: its decisions are 1 to {last.number}.")
        promotion = self._decision(number).promotion
        if promotion is None:
            raise NotFound(f"There was no champion after decision {number} in {self._place}.")
        return promotion

    @property
    def _place(self) -> str:
        return self.stored.place
