"""The objects of the ledger: each decision is sealed, contains the digest of those before it, and is stored twice.

`ledger/NUMBER.json` is the decision; `ledger-copies/NUMBER.json` is written after it, so a copy proves that the
decision was made. A missing or damaged decision is read from its copy and restored. So deleting the last decision is
noticed, and replacing a decision breaks the chain of digests. Decisions of 0.1.0 have no seal, no
digest and no copy; the first decision after them contains the digest of all of them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from pydantic import ValidationError

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.quarantine import quarantine
from meli_tasks.artifacts.reading import NotReadable
from meli_tasks.artifacts.seals import BrokenSeal, has_seal, sealed, unsealed
from meli_tasks.core.errors import BadData, MeliError, NotFound
from meli_tasks.decision import Decision
from meli_tasks.store import Blob, Store
from meli_tasks.store.protocol import PAGE

logger = logging.getLogger("meli_tasks")

READERS = 8  # concurrent reads
COPIED_AT_ONCE = 50
"""How many missing copies of earlier decisions are added with each new one, from one page of the listing."""
FAR_AHEAD = timedelta(hours=1)
"""A decision dated further in the future than this was dated by a wrong clock."""
RESTORE = "`meli verify` names everything that is damaged. Restore it from a backup."


@dataclass(frozen=True)
class _Read:
    decision: Decision
    body: bytes
    """The object's bytes without their seal."""

    @property
    def digest(self) -> str:
        return sha256(self.body).hexdigest()


@dataclass(frozen=True)
class _Names:
    """What two listings have: the numbers of copies and of decisions, and the names of other objects."""

    copied: frozenset[int]
    made: frozenset[int]
    strange: list[str]

    @classmethod
    def of(cls, copies: Iterable[str], decisions: Iterable[str]) -> _Names:
        found = {name: paths.decision_number(name) for name in decisions}
        strange = [name for name, number in found.items() if number is None]
        copied = filter(None, map(paths.number_of_copy, copies))
        return cls(frozenset(copied), frozenset(filter(None, found.values())), strange)

    @property
    def numbers(self) -> list[int]:
        return sorted(self.copied | self.made)

    def is_doubtful(self, first: int) -> bool:
        """Whether a listing may have been altered on its way; `first` is the number that both should begin with."""
        numbers = self.numbers
        gap = numbers != list(range(first, first + len(numbers)))
        return bool(self.strange) or gap or (bool(numbers) and numbers[-1] not in self.copied & self.made)


class StoredDecisions:
    """The decisions in a store. They never change, so each is read only once."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._known: dict[int, _Read] = {}

    @property
    def place(self) -> str:
        """Where they are, for messages."""
        return f"the ledger {self.store.url}/{paths.LEDGER.rstrip('/')}"

    def listed(self) -> tuple[list[int], list[str]]:
        """The sorted numbers of all decisions that exist or have a copy, and the names of other objects.

        A listing has no digest. One that was altered on its way has a strange name, a gap, or a last decision that the
        other listing lacks, so what has any of that is listed again.
        """
        found = self._listed()
        if found.is_doubtful(1):
            found = self._listed()
        return found.numbers, found.strange

    def _listed(self) -> _Names:
        copies = list(self.store.names(paths.LEDGER_COPIES))  # first: a copy is written after its decision
        return _Names.of(copies, self.store.names(paths.LEDGER))

    def numbers(self) -> list[int]:
        """The numbers of all decisions, sorted.

        Raises:
            BadData: the ledger's folder contains something else.
        """
        numbers, strange = self.listed()
        self._refuse(strange)
        return numbers

    def _refuse(self, strange: Sequence[str]) -> None:
        if strange:
            raise BadData(
                f"{strange[0]} in {self.store.url} is not a decision (their names look like {paths.decision(1)}): "
                "remove it."
            )

    def few_numbers(self) -> list[int] | None:
        """The numbers of all decisions, sorted; None if they do not fit into one page of a listing."""
        return self._numbers_after(0)

    def numbers_from(self, first: int) -> list[int] | None:
        """The numbers of the decisions from one on, sorted; None if it is not there, or if there are too many."""
        found = self._numbers_after(first - 1)
        return found if found and found[0] == first else None

    def _numbers_after(self, number: int) -> list[int] | None:
        found = self._listed_after(number)
        if found and found.is_doubtful(number + 1):
            found = self._listed_after(number)
        if found is None:
            return None
        self._refuse(found.strange)
        return found.numbers

    def _listed_after(self, number: int) -> _Names | None:
        copies = self.store.page(paths.LEDGER_COPIES, paths.decision_copy(number) if number else "")
        decisions = self.store.page(paths.LEDGER, paths.decision(number) if number else "")
        if copies.more or decisions.more:
            return None
        return _Names.of((each.name for each in copies.objects), (each.name for each in decisions.objects))

    def digest(self, number: int) -> str:
        """The digest of a decision as it is stored, without its seal; see `read`."""
        return self._read(number).digest

    def body(self, number: int) -> bytes:
        """A decision as it is stored, without its seal; see `read`."""
        return self._read(number).body

    def read(self, number: int) -> Decision:
        """A decision, from its copy if it is missing or damaged.

        Raises:
            NotFound: there is none.
            BadData: it is damaged and so is its copy, if any; or a later version wrote it.
        """
        return self._read(number).decision

    def all(self) -> list[Decision]:
        """All decisions, oldest first, whose numbers have no gap and whose digests form a chain.

        Raises:
            BadData: a decision is missing, damaged or was replaced by another.
        """
        numbers = self.numbers()
        self.check_no_gap(numbers)
        with ThreadPoolExecutor(READERS) as readers:
            decisions = list(readers.map(self.read, numbers))
        for number in numbers[1:]:
            self.check_link(number)
        return decisions

    def check_no_gap(self, numbers: Sequence[int]) -> None:
        """Raise BadData if the numbers are not 1, 2, 3, ..."""
        missing = sorted(set(range(1, len(numbers) + 1)) - set(numbers))
        if missing:
            raise NotReadable(
                f"Decision {missing[0]} of {self.place} is missing: the ledger has decisions up to {numbers[-1]}. "
                f"Nothing is decided until it is back. {RESTORE}",
                "it is missing",
            )

    def check_page(self, number: int) -> None:
        """Raise BadData if a decision is missing on one page of the listing, another one for each number."""
        _, missing, end = self._page(number)
        if missing:
            raise NotReadable(
                f"Decision {missing[0]} of {self.place} is missing, though decision {end} is there. Nothing is decided "
                f"until it is back. {RESTORE}",
                "it is missing",
            )

    def _page(self, number: int) -> tuple[_Names, list[int], int]:
        """What a page of the listing has, the numbers that it lacks, and where it ends."""
        pages = -(-number // PAGE)
        first = PAGE * (number % pages) if pages else 0
        found, end = self._listed_page(first)
        if found.is_doubtful(first + 1):
            found, end = self._listed_page(first)
        self._refuse(found.strange)
        return found, sorted(set(range(first + 1, end + 1)).difference(found.numbers)), end

    def _listed_page(self, after: int) -> tuple[_Names, int]:
        copies = self.store.page(paths.LEDGER_COPIES, paths.decision_copy(after) if after else "")
        decisions = self.store.page(paths.LEDGER, paths.decision(after) if after else "")
        found = _Names.of((each.name for each in copies.objects), (each.name for each in decisions.objects))
        ends = [max(made, default=0) for made, page in ((found.copied, copies), (found.made, decisions)) if page.more]
        return found, min(ends, default=max(found.numbers, default=0))

    def check_link(self, number: int) -> None:
        """Raise BadData if the decisions before this one have changed since it was made; 0.1.0 wrote no digests."""
        before = self.read(number).before
        if before and before != self.chain(number - 1):
            raise NotReadable(
                f"Decision {number} of {self.place} was made after another decision {number - 1} than the one that is "
                f"there now: one of them was replaced. {RESTORE}",
                f"the decisions before it have changed since it was made: see {paths.decision(number - 1)}",
            )

    def chain(self, number: int) -> str:
        """The digest of a decision and of all before it."""
        first = number
        while first > 1 and not self.read(first).before:  # 0.1.0 wrote no digests
            first -= 1
        digest = self.read(first).before
        for each in range(first, number + 1):
            digest = sha256(f"{digest}:{self._read(each).digest}".encode()).hexdigest()
        return digest

    def time_after(self, last: Decision | None, now: datetime) -> tuple[datetime, tuple[int, ...]]:
        """The time of a decision made now, after `last`; and the decisions that a wrong clock dated too late.

        The clocks of two machines differ a little. The numbers give the order, and who was champion on a date is looked
        up in that order, so a decision is never dated earlier than the one before it. But a clock that was once far
        ahead must not determine the dates of all later decisions.
        """
        ahead = set(last.dated_ahead) if last else set()
        if last and last.number not in ahead and last.at > now + FAR_AHEAD:
            logger.warning(
                "Decision %d is dated %s, which is in the future: the clock of the machine that made it was ahead, or "
                "the clock of this one is behind.",
                last.number,
                f"{last.at:%Y-%m-%d %H:%M} UTC",
            )
        while last and (last.number in ahead or last.at > now + FAR_AHEAD):
            ahead.add(last.number)
            number = last.number - 1
            while number in ahead:
                number -= 1
            last = self.read(number) if number else None
        return max(now, last.at) if last else now, tuple(sorted(ahead))

    def write(self, decision: Decision) -> None:
        """Write a decision if its number is free, then its copy and those that are missing; see `Store.write`."""
        data, name = decision.to_json(), paths.decision(decision.number)
        self.store.write(name, sealed(name, data), if_absent=True)
        self.add(decision)

    def add(self, decision: Decision) -> None:
        """Remember a decision that has been written, and write missing copies."""
        number, body = decision.number, decision.to_json()
        self._known[number] = _Read(decision, body)
        try:
            self.store.write(paths.decision_copy(number), sealed(paths.decision(number), body))
            found, _, end = self._page(number)
            missing = sorted(each for each in found.made - found.copied if each <= end)
            self._copy(missing[-COPIED_AT_ONCE:])
        except MeliError as error:  # the decision itself is written
            logger.warning("The copy of decision %d was not written: %s", decision.number, error)

    def is_written(self, decision: Decision) -> bool | None:
        """Whether exactly this decision is in the ledger; None if none of this number is."""
        blob = self.store.read(paths.decision(decision.number))
        if blob is None:
            return None
        return blob.data == sealed(paths.decision(decision.number), decision.to_json())

    def damage(self) -> list[tuple[str, str]]:
        """The decisions and copies that are missing, damaged or replaced, by name, with what is wrong."""
        numbers, strange = self.listed()
        found = [(name, "it is not a decision: remove it") for name in strange]
        expected = range(1, max(numbers, default=0) + 1)
        with ThreadPoolExecutor(READERS) as readers:
            read = list(readers.map(self._both, expected))
        for number, (whole, copy) in zip(expected, read, strict=True):
            problem = self._problem(number, whole)
            if problem:
                found.append((paths.decision(number), problem))
            if copy is not None and (problem := self._problem(number, copy)):
                found.append((paths.decision_copy(number), problem))
            elif copy is None and whole is not None and has_seal(paths.decision(number), whole.data):
                found.append((paths.decision_copy(number), "the copy is missing"))
        return found or self._broken_links(numbers)

    def _both(self, number: int) -> tuple[Blob | None, Blob | None]:
        return self.store.read(paths.decision(number)), self.store.read(paths.decision_copy(number))

    def _broken_links(self, numbers: Sequence[int]) -> list[tuple[str, str]]:
        found = []
        for number in numbers[1:]:
            try:
                self.check_link(number)
            except NotReadable as error:
                found.append((paths.decision(number), error.reason))
        return found

    def _problem(self, number: int, blob: Blob | None) -> str:
        try:
            if blob is None:
                return "it is missing"
            self._parsed(number, blob.data)
            return ""
        except NotReadable as error:
            return error.reason

    def copy_again(self, number: int) -> None:
        """Replace a damaged copy of a decision."""
        self.store.delete(paths.decision_copy(number))
        self.copy()

    def copy(self) -> None:
        """Write the copies that are missing."""
        self._copy(sorted(set(self.numbers()).difference(self._copied())))

    def _copy(self, numbers: Sequence[int]) -> None:
        for number in reversed(numbers):
            name = paths.decision(number)
            blob = self.store.read(name)
            if blob is not None:
                self._parsed(number, blob.data)
                self.store.write(paths.decision_copy(number), sealed(name, unsealed(name, blob.data)))

    def _copied(self) -> list[int]:
        found = map(paths.number_of_copy, self.store.names(paths.LEDGER_COPIES))
        return [number for number in found if number is not None]

    def _read(self, number: int) -> _Read:
        if number in self._known:
            return self._known[number]
        blob, problem = self.store.read(paths.decision(number)), None
        if blob is not None:
            try:
                self._known[number] = self._parsed(number, blob.data)
            except NotReadable as error:
                if not error.is_damage:
                    raise
                problem = error
        if blob is None or problem:
            self._known[number] = self._restored(number, blob, problem)
        return self._known[number]

    def _restored(self, number: int, damaged: Blob | None, problem: NotReadable | None) -> _Read:
        """A decision from its copy, which also restores the object; without a copy, raises `problem` or NotFound.

        If it cannot be restored, for lack of permissions, the copy is read again the next time.
        """
        name, copy = paths.decision(number), self.store.read(paths.decision_copy(number))
        try:
            found = self._parsed(number, copy.data) if copy and has_seal(name, copy.data) else None
        except NotReadable:
            found = None
        if found is None or copy is None:
            raise problem or NotFound(f"There is no decision {number} in {self.place}.")
        logger.warning("%s in %s was missing or damaged: it is restored from its copy.", name, self.store.url)
        try:
            if damaged is None:
                self.store.write(name, copy.data, if_absent=True)
            else:
                quarantine(self.store, name, damaged.data, problem.reason if problem else "")
                self.store.write(name, copy.data, if_version=damaged.version)
        except MeliError as error:
            logger.warning("%s was not restored: %s", name, error)
        return found

    def _parsed(self, number: int, data: bytes) -> _Read:
        name = paths.decision(number)
        place = f"{name} in {self.store.url}"
        try:
            body = unsealed(name, data)
            decision = Decision.model_validate_json(body)
        except BrokenSeal as error:
            raise NotReadable(f"{place} is not a decision: {error} {RESTORE}", str(error)) from error
        except ValidationError as error:
            raise _not_a_decision(place, error) from error
        if decision.number != number:
            reason = f"number: it is decision {decision.number}"
            raise NotReadable(f"{place} is not a decision: {reason}. {RESTORE}", reason)
        return _Read(decision, body)


def _not_a_decision(place: str, error: ValidationError) -> NotReadable:
    first = error.errors(include_url=False)[0]
    where = ".".join(map(str, first["loc"]))
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error" and "later version" in message:
        return NotReadable(f"{place} cannot be judged: {message}. Upgrade meli-tasks.", message)
    reason = f"{where or 'the whole'}: {message}"
    return NotReadable(f"{place} is not a decision: {reason}. {RESTORE}", reason)
