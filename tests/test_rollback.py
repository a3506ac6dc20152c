"""Rollbacks: how far back, past what was rolled back, to a decision."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meli_tasks.core.errors import Conflict, NotFound, Unreachable
from meli_tasks.ledger import Ledger
from meli_tasks.store.protocol import Blob
from tests.decided import MemoryStore, in_force, keep, promote


def test_rollbacks_go_further_back_each_time(ledger: Ledger) -> None:
    for label in "abc":
        promote(ledger, label)
        keep(ledger)
    assert ledger.rollback("ana").reason == "back from c (5) to b (3)"
    assert in_force(ledger) == "b"
    keep(ledger)
    decision = ledger.rollback("ana", reason="b is bad too")
    assert (decision.number, decision.action, decision.by, decision.reason) == (9, "rollback", "ana", "b is bad too")
    assert (decision.promotion, decision.previous) == (1, 3)
    assert in_force(ledger) == "a"
    with pytest.raises(NotFound, match=r"Champion a \(decision 1\) is the first"):
        ledger.rollback("ana")
    assert in_force(ledger) == "a"


def test_a_rollback_after_a_new_promotion_passes_over_what_was_rolled_back(ledger: Ledger) -> None:
    for label in "abc":
        promote(ledger, label)
    ledger.rollback("ana")
    promote(ledger, "d")
    ledger.rollback("ana")
    assert in_force(ledger) == "b"


def test_a_rollback_to_a_decision_also_undoes_a_rollback(ledger: Ledger) -> None:
    keep(ledger)
    for label in "abc":
        promote(ledger, label)
    ledger.rollback("ana", to=2)
    assert in_force(ledger) == "a"
    ledger.rollback("ana", to=4)
    assert in_force(ledger) == "c"
    ledger.rollback("ana")
    assert in_force(ledger) == "b"
    for number, kind, message in (
        (0, NotFound, "no decision 0"),
        (99, NotFound, "no decision 99"),
        (1, NotFound, "There was no champion"),
        (3, Conflict, "is already the current one"),
        (7, Conflict, "is already the current one"),
        (8, NotFound, "no decision 8 in the ledger file:.*: its decisions are 1 to 7"),
    ):
        with pytest.raises(kind, match=message):
            ledger.rollback("ana", to=number)


def test_a_model_promoted_twice_is_no_step_back(ledger: Ledger) -> None:
    for label in ("a", "b", "b"):
        promote(ledger, label)
    ledger.rollback("ana")
    assert in_force(ledger) == "a"


@given(st.lists(st.sampled_from(["promote", "keep", "rollback"]), max_size=25))
def test_any_course_of_decisions_ends_as_a_stack_of_champions_does(course: list[str]) -> None:
    ledger = Ledger(MemoryStore())  # type: ignore[arg-type]
    stack: list[str] = []
    for index, action in enumerate(course):
        if action == "promote":
            promote(ledger, str(index))
            stack.append(str(index))
        elif action == "keep":
            keep(ledger)
        elif len(stack) > 1:
            ledger.rollback("test")
            stack.pop()
        else:
            with pytest.raises(NotFound):
                ledger.rollback("test")
        assert in_force(ledger) == (stack[-1] if stack else None)


def test_a_champion_of_0_1_0_is_not_rolled_back_to_itself(ledger: Ledger) -> None:
    promote(ledger, "a")  # without a digest, which the model in the store has
    with pytest.raises(Conflict, match="already the current one"):
        ledger.rollback(
            "ana", to=1, prepare=lambda found: found.champion and found.champion.model_copy(update={"sha256": "f00d"})
        )
    assert [decision.action for decision in ledger.decisions()] == ["promote"]


class LosesAnswers(MemoryStore):
    """Handles every write to the ledger, and loses the answers to the first ones, and to reads after them."""

    def __init__(self, writes: int, reads: int = 0) -> None:
        super().__init__()
        self.lost_writes, self.lost_reads = writes, reads

    def write(self, name: str, data: bytes, *, if_absent: bool = False, if_version: str | None = None) -> str:
        version = super().write(name, data, if_absent=if_absent, if_version=if_version)
        if self.lost_writes:
            self.lost_writes -= 1
            raise Unreachable("The answer was lost.")
        return version

    def read(self, name: str) -> Blob | None:
        if not self.lost_writes and self.lost_reads:
            self.lost_reads -= 1
            raise Unreachable("The answer was lost.")
        return super().read(name)


def test_a_decision_whose_answer_was_lost_is_made_once() -> None:
    store = LosesAnswers(writes=2)
    ledger = Ledger(store)  # type: ignore[arg-type]
    promote(ledger, "a")
    promote(ledger, "b")
    assert [decision.number for decision in ledger.decisions()] == [1, 2]


def test_a_rollback_that_is_sent_again_is_made_once() -> None:
    store = LosesAnswers(writes=0)
    ledger = Ledger(store)  # type: ignore[arg-type]
    for label in "abc":
        promote(ledger, label)
    store.lost_writes, store.lost_reads = 1, 1
    with pytest.raises(Unreachable, match=r"Whether decision 4 was written to the ledger .* is not known"):
        ledger.rollback("ana", request="7f")
    again = Ledger(store)  # type: ignore[arg-type]
    decision = again.rollback("ana", request="7f")
    assert (decision.number, decision.id, in_force(again)) == (4, "7f", "b")
    assert again.rollback("ana", request="8f").number == 5
    assert in_force(again) == "a"


def test_a_write_that_did_not_arrive_is_said_to_be_unreachable() -> None:
    class Down(MemoryStore):
        def write(self, *_: object, **__: object) -> str:
            raise Unreachable("It is down.")

    with pytest.raises(Unreachable, match="It is down"):
        promote(Ledger(Down()), "a")  # type: ignore[arg-type]
