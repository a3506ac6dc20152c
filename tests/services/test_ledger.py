from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from meli_tasks import ledger as ledger_module
from meli_tasks.core.errors import BadData, Conflict, MissingArtifact
from meli_tasks.ledger import Champion, Decision, Ledger, name_of
from meli_tasks.store import Store
from meli_tasks.store.protocol import Blob


class MemoryStore:
    """Only what a ledger asks of a store, for tests of thousands of ledgers."""

    url = "memory:"

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.reads = 0

    def read(self, name: str) -> Blob | None:
        self.reads += 1
        return Blob(self.held[name], "") if name in self.held else None

    def write(self, name: str, data: bytes, *, if_absent: bool = False, if_version: str | None = None) -> str:
        if if_absent and name in self.held:
            raise Conflict(name)
        self.held[name] = data
        return ""

    def names(self, prefix: str) -> Any:
        return iter(sorted(name for name in self.held if name.startswith(prefix)))


def champion(label: str) -> Champion:
    return Champion(
        train=f"key-{label}",
        set_name=label,
        balanced_accuracy=0.9,
        interval=(0.89, 0.91),
        run_id="manual__1",
        as_of="2026-11-21",
        fingerprint="f00d",
    )


def promote(ledger: Ledger, label: str) -> Decision:
    last = ledger.last()
    return ledger.append(
        last.number if last else 0,
        action="promote",
        champion=champion(label),
        reason=f"{label} is better",
        by="test",
        evidence={"gain": 0.01, "gates": ["all passed"]},
    )


def keep(ledger: Ledger) -> Decision:
    last = ledger.last()
    return ledger.append(last.number if last else 0, action="keep", reason="no challenger is better", by="test")


def in_force(ledger: Ledger) -> str | None:
    found = Ledger(ledger.store).champion()  # a fresh look, as another process has it
    return found.set_name if found else None


@pytest.fixture
def ledger(file_store: Store) -> Ledger:
    return Ledger(file_store)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Sets the ledger's clock."""

    def set_to(moment: datetime) -> None:
        monkeypatch.setattr(ledger_module, "now", lambda: moment)

    return set_to


def test_an_empty_ledger_has_no_champion(ledger: Ledger) -> None:
    assert ledger.decisions() == []
    assert ledger.last() is None
    assert ledger.champion() is None
    assert ledger.champion_on(date(2026, 11, 21)) is None
    with pytest.raises(MissingArtifact, match="no champion in the ledger file:"):
        ledger.rollback("test")


def test_decisions_are_read_back_as_they_were_made(ledger: Ledger) -> None:
    made = [keep(ledger), promote(ledger, "mlp"), keep(ledger), promote(ledger, "cnn")]
    assert Ledger(ledger.store).decisions() == made
    assert [(one.number, one.action, one.promotion, one.previous) for one in made] == [
        (1, "keep", None, None),
        (2, "promote", 2, None),
        (3, "keep", 2, 2),
        (4, "promote", 4, 2),
    ]
    assert made[0].champion is None
    assert made[2].champion == champion("mlp")
    assert Ledger(ledger.store).champion() == champion("cnn")
    assert made[1].evidence == {"gain": 0.01, "gates": ["all passed"]}


def test_a_decision_is_one_readable_object(ledger: Ledger) -> None:
    promote(ledger, "mlp")
    assert list(ledger.store.names("")) == ["ledger/00000001.json"]
    blob = ledger.store.read("ledger/00000001.json")
    assert blob is not None
    written = json.loads(blob.data)
    assert written["champion"]["train"] == "key-mlp"
    assert datetime.fromisoformat(written["at"]).utcoffset() == timedelta(0)


def test_a_decision_based_on_an_old_look_is_refused(ledger: Ledger) -> None:
    promote(ledger, "mlp")
    promote(Ledger(ledger.store), "cnn")
    with pytest.raises(Conflict, match="its last decision is 2, not 1"):
        ledger.append(1, action="promote", champion=champion("late"), reason="", by="test")
    assert in_force(ledger) == "cnn"


def test_of_two_that_looked_at_once_the_later_writer_is_refused(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(ledger, "mlp")
    seen = ledger.last()
    promote(Ledger(ledger.store), "cnn")
    monkeypatch.setattr(ledger, "last", lambda: seen)  # a look that was right a moment ago
    with pytest.raises(Conflict, match="somebody else made decision 2 first"):
        ledger.append(1, action="promote", champion=champion("late"), reason="", by="test")
    assert [one.champion.set_name for one in Ledger(ledger.store).decisions() if one.champion] == ["mlp", "cnn"]


def test_promote_needs_a_champion_and_keep_takes_none(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="promote needs a champion"):
        ledger.append(0, action="promote", reason="", by="test")
    with pytest.raises(ValueError, match="keep takes none"):
        ledger.append(0, action="keep", champion=champion("a"), reason="", by="test")


def test_a_champion_without_a_finite_score_is_refused() -> None:
    with pytest.raises(ValidationError, match="balanced_accuracy"):
        champion("a").model_validate({**champion("a").model_dump(), "balanced_accuracy": float("nan")})


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
    with pytest.raises(MissingArtifact, match=r"Champion a \(decision 1\) is the first"):
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
    for number, said in (
        (0, "no decision 0"),
        (99, "no decision 99"),
        (1, "No champion was in force"),
        (3, "in force already"),
    ):
        with pytest.raises(MissingArtifact, match=said):
            ledger.rollback("ana", to=number)


def test_a_model_promoted_twice_is_no_step_back(ledger: Ledger) -> None:
    for label in ("a", "b", "b"):
        promote(ledger, label)
    ledger.rollback("ana")
    assert in_force(ledger) == "a"


def test_who_was_champion_on_a_date(ledger: Ledger, clock: Callable[[datetime], None]) -> None:
    for day, label in ((10, "a"), (12, "b")):
        clock(datetime(2026, 11, day, 23, 59, 59, tzinfo=UTC))
        promote(ledger, label)
    clock(datetime(2026, 11, 14, 0, 0, tzinfo=UTC))
    ledger.rollback("ana")
    days = {day: ledger.champion_on(date(2026, 11, day)) for day in range(9, 16)}
    assert [found.set_name if found else None for found in days.values()] == [None, "a", "a", "b", "b", "a", "a"]
    before, after = datetime(2026, 11, 12, 23, 59, 58), datetime(2026, 11, 13, 1, 0, tzinfo=UTC)
    assert [found.set_name for found in (ledger.champion_on(before), ledger.champion_on(after)) if found] == ["a", "b"]


def test_a_clock_that_runs_behind_does_not_turn_the_order(ledger: Ledger, clock: Callable[[datetime], None]) -> None:
    clock(datetime(2026, 11, 12, tzinfo=UTC))
    promote(ledger, "a")
    clock(datetime(2026, 11, 10, tzinfo=UTC))
    assert promote(ledger, "b").at == datetime(2026, 11, 12, tzinfo=UTC)
    found = ledger.champion_on(date(2026, 11, 12))
    assert found is not None
    assert found.set_name == "b"


def test_a_spoilt_decision_is_named(ledger: Ledger) -> None:
    promote(ledger, "a")
    ledger.store.write(name_of(2), b'{"number": 2}')
    with pytest.raises(BadData, match=r"ledger/00000002\.json .*is not a decision: at: Field required"):
        ledger.champion()
    ledger.store.write("ledger/notes.txt", b"")
    with pytest.raises(BadData, match=r"ledger/notes\.txt .*take it away"):
        ledger.decisions()


def test_fields_of_a_later_version_do_not_stop_this_one(ledger: Ledger) -> None:
    decision = promote(ledger, "a")
    later = {**json.loads(decision.model_dump_json()), "approved_by": "ana"}
    ledger.store.write(name_of(1), json.dumps(later).encode())
    assert Ledger(ledger.store).last() == decision


def test_a_long_ledger_is_not_read_whole() -> None:
    store = MemoryStore()
    ledger = Ledger(store)  # type: ignore[arg-type]
    promote(ledger, "a")
    for _ in range(500):
        keep(ledger)
    promote(ledger, "b")
    store.reads = 0
    fresh = Ledger(store)  # type: ignore[arg-type]
    assert fresh.champion() == champion("b")
    assert fresh.champion_on(date(2000, 1, 1)) is None
    fresh.rollback("ana")
    assert store.reads <= 15


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
            with pytest.raises(MissingArtifact):
                ledger.rollback("test")
        assert in_force(ledger) == (stack[-1] if stack else None)


@pytest.mark.integration
def test_promotions_at_once_on_a_real_server_lose_nothing(s3_store: Store) -> None:
    conflicts = 0

    def contend(label: str) -> int:
        nonlocal conflicts
        ledger = Ledger(s3_store)
        while True:
            try:
                return promote(ledger, label).number
            except Conflict:
                conflicts += 1

    labels = [f"set-{index}" for index in range(6)]
    with ThreadPoolExecutor(len(labels)) as threads:
        numbers = list(threads.map(contend, labels))
    decisions = Ledger(s3_store).decisions()
    assert sorted(numbers) == [1, 2, 3, 4, 5, 6]
    assert [decision.number for decision in decisions] == [1, 2, 3, 4, 5, 6]
    assert {decision.number: decision.champion.set_name for decision in decisions if decision.champion} == dict(
        zip(numbers, labels, strict=True)
    )
    assert [decision.previous for decision in decisions] == [None, 1, 2, 3, 4, 5]
    assert conflicts > 0
