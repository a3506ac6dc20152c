from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from meli_tasks import ledger as ledger_module
from meli_tasks.artifacts import paths
from meli_tasks.core.errors import BadData, Conflict, NotFound
from meli_tasks.ledger import Ledger
from meli_tasks.store import Store
from tests.decided import MemoryStore, champion, in_force, keep, promote


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
    with pytest.raises(NotFound, match="no champion in the ledger file:"):
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
    assert made[1].evidence.gain == 0.01
    assert [gate.passed for gate in made[1].evidence.gates] == [True]


def test_a_decision_is_one_readable_object(ledger: Ledger) -> None:
    promote(ledger, "mlp")
    assert list(ledger.store.names("")) == ["ledger-copies/00000001.json", "ledger/00000001.json"]
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


def test_the_later_of_two_concurrent_writers_gets_a_conflict(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    promote(ledger, "mlp")
    stale = ledger.last()
    promote(Ledger(ledger.store), "cnn")
    monkeypatch.setattr(ledger, "last", lambda: stale)  # it was right a moment ago
    with pytest.raises(Conflict, match="another writer made decision 2 first"):
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


def test_a_moment_in_another_time_zone_is_that_moment(ledger: Ledger, clock: Callable[[datetime], None]) -> None:
    clock(datetime(2026, 11, 12, 12, tzinfo=UTC))
    promote(ledger, "a")
    buenos_aires = timezone(timedelta(hours=-3))
    assert ledger.champion_on(datetime(2026, 11, 12, 8, 59, tzinfo=buenos_aires)) is None
    assert ledger.champion_on(datetime(2026, 11, 12, 9, tzinfo=buenos_aires)) == champion("a")


def test_a_date_lasts_until_its_last_microsecond(ledger: Ledger, clock: Callable[[datetime], None]) -> None:
    for number, moment in enumerate((datetime(2026, 11, 12, 23, 59, 59, 999_999), datetime(2026, 11, 13))):
        clock(moment.replace(tzinfo=UTC))
        promote(ledger, "ab"[number])
    assert ledger.champion_on(date(2026, 11, 12)) == champion("a")
    assert ledger.champion_on(date(2026, 11, 13)) == champion("b")


def test_a_clock_that_runs_behind_does_not_turn_the_order(ledger: Ledger, clock: Callable[[datetime], None]) -> None:
    clock(datetime(2026, 11, 12, tzinfo=UTC))
    promote(ledger, "a")
    clock(datetime(2026, 11, 11, 23, 30, tzinfo=UTC))
    assert promote(ledger, "b").at == datetime(2026, 11, 12, tzinfo=UTC)
    found = ledger.champion_on(date(2026, 11, 12))
    assert found is not None
    assert found.set_name == "b"


def test_a_spoilt_decision_is_named(ledger: Ledger) -> None:
    promote(ledger, "a")
    ledger.store.write(paths.decision(2), b'{"number": 2}')
    with pytest.raises(BadData, match=r"ledger/00000002\.json .*is not a decision: at: Field required"):
        ledger.champion()
    ledger.store.write(paths.decision(2), b'{"number": 2, "champion": {}}')
    with pytest.raises(BadData, match=r"is not a decision: at: .*Restore it from a backup\."):
        ledger.champion()
    at = '"number": 2, "at": "2026-11-12T00:00:00Z", "action": "promote", "reason": "", "by": ""'
    ledger.store.write(paths.decision(2), f'{{{at}, "champion": {{}}}}'.encode())
    with pytest.raises(BadData, match=r"is not a decision: champion\.train: Field required\."):
        ledger.champion()
    ledger.store.write(paths.decision(2), b"half a deci")
    with pytest.raises(BadData, match="is not a decision: the whole: Invalid JSON"):
        ledger.champion()
    ledger.store.write("ledger/notes.txt", b"")
    with pytest.raises(BadData, match=r"ledger/notes\.txt .*remove it"):
        ledger.decisions()


def test_a_lost_decision_is_named(ledger: Ledger) -> None:
    for label in "abc":
        promote(ledger, label)
    for name in (paths.decision(2), paths.decision_copy(2)):
        ledger.store.delete(name)
    with pytest.raises(BadData, match=r"^Decision 2 of the ledger file:.*/ledger is missing: the ledger has .* to 3\."):
        Ledger(ledger.store).rollback("ana")
    with pytest.raises(BadData, match=r"`meli verify`"):
        promote(Ledger(ledger.store), "d")


def test_a_decision_of_a_person_has_no_evidence_in_the_store(ledger: Ledger) -> None:
    promote(ledger, "a")
    keep(ledger)
    stored = [ledger.store.read(paths.decision(number)) for number in (1, 2)]
    assert ["evidence" in json.loads(blob.data) for blob in stored if blob] == [True, False]


def test_fields_of_a_later_version_do_not_stop_this_one(ledger: Ledger) -> None:
    decision = promote(ledger, "a")
    later = {**json.loads(decision.model_dump_json()), "approved_by": "ana"}
    ledger.store.write(paths.decision(1), json.dumps(later).encode())
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


def test_the_figure_of_a_champion_is_shown_without_the_luck_of_its_selection(ledger: Ledger) -> None:
    promote(ledger, "mlp")
    before = ledger.champion()
    assert before is not None
    assert (before.selection_bias, before.figure) == (0, before.balanced_accuracy)
    assert before.described_figure == f"{before.balanced_accuracy:.4f}"
    ledger.append(1, action="keep", reason="", by="test", selection_bias=0.0025)
    after = Ledger(ledger.store).champion()
    assert after is not None
    assert after == before.model_copy(update={"selection_bias": 0.0025})
    assert after.described_figure == (
        f"{after.balanced_accuracy - 0.0025:.4f}, corrected for selection bias (measured {after.balanced_accuracy:.4f})"
    )
    ledger.append(2, action="keep", reason="", by="test")
    assert Ledger(ledger.store).champion() == after
