"""The ledger at rest: damaged, deleted or swapped decisions are restored from their copies, or refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from meli_tasks import ledger as ledger_module
from meli_tasks.artifacts import paths
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.artifacts.seals import sealed, unsealed
from meli_tasks.core.errors import BadData
from meli_tasks.ledger import Ledger
from meli_tasks.store import Store
from tests.decided import champion, in_force, keep, promote


@pytest.fixture
def store(ledger: Ledger) -> Store:
    """A ledger of three promotions."""
    for label in "abc":
        promote(ledger, label)
    return ledger.store


def bytes_of(store: Store, name: str) -> bytes:
    blob = store.read(name)
    assert blob is not None
    return blob.data


def flip(store: Store, name: str) -> None:
    data = bytes_of(store, name)
    store.write(
        name, data.replace(b'"set_name": "c"', b'"set_name": "b"').replace(b'"set_name":"c"', b'"set_name":"b"')
    )
    assert bytes_of(store, name) != data


def without_seals(store: Store, count: int = 3) -> None:
    """As 0.1.0 wrote a ledger: no seals, no digests, no copies."""
    import json

    for number in range(1, count + 1):
        name = paths.decision(number)
        fields = json.loads(unsealed(name, bytes_of(store, name)))
        store.write(name, json.dumps({key: value for key, value in fields.items() if key != "before"}).encode())
        store.delete(paths.decision_copy(number))


@pytest.mark.parametrize(
    "damage", [flip, lambda store, name: store.write(name, b""), lambda store, name: store.delete(name)]
)
def test_a_damaged_or_deleted_last_decision_is_put_back(store: Store, damage: Callable[[Store, str], None]) -> None:
    whole = bytes_of(store, paths.decision(3))
    damage(store, paths.decision(3))
    assert in_force(Ledger(store)) == "c"
    assert bytes_of(store, paths.decision(3)) == whole
    assert promote(Ledger(store), "d").number == 4


def test_what_was_damaged_is_kept_with_a_note(store: Store) -> None:
    flip(store, paths.decision(3))
    Ledger(store).last()
    [note] = store.names(paths.DAMAGED)
    assert note.startswith("damaged/ledger/00000003.json/")


def test_two_decisions_that_were_swapped_are_restored(store: Store) -> None:
    first, second = bytes_of(store, paths.decision(1)), bytes_of(store, paths.decision(2))
    store.write(paths.decision(1), second)
    store.write(paths.decision(2), first)
    assert Ledger(store).rollback("ana").champion == champion("b")
    assert len(Ledger(store).decisions()) == 4
    assert bytes_of(store, paths.decision(1)) == first


def test_without_copies_damage_is_refused_and_named(store: Store) -> None:
    for number in (1, 2, 3):
        store.delete(paths.decision_copy(number))
    first, second = bytes_of(store, paths.decision(1)), bytes_of(store, paths.decision(2))
    store.write(paths.decision(1), second)
    store.write(paths.decision(2), first)
    with pytest.raises(BadData, match=r"ledger/0000000[12]\.json .*belongs to another name.*`meli verify`"):
        Ledger(store).rollback("ana")
    reader = LenientReader(store)
    assert [one.number for one in Ledger(store).readable(reader)] == [3]
    assert [one.name for one in reader.skipped] == [paths.decision(1), paths.decision(2)]


def test_a_sealed_decision_in_the_place_of_another_breaks_the_chain(store: Store) -> None:
    name = paths.decision(2)
    forged = sealed(name, unsealed(name, bytes_of(store, name)).replace(b"b is better", b"b is worse!"))
    for place in (name, paths.decision_copy(2)):
        store.write(place, forged)
    with pytest.raises(BadData, match=r"Decision 3 of .* was made after another decision 2 than the one that is there"):
        Ledger(store).decisions()
    with pytest.raises(BadData, match="one of them was replaced"):
        keep(Ledger(store))
    assert in_force(Ledger(store)) == "c"  # whoever only reads the last decision is not stopped


def test_a_ledger_of_0_1_0_is_read_and_its_next_decision_holds_the_digest_of_all(store: Store) -> None:
    without_seals(store)
    ledger = Ledger(store)
    assert [one.number for one in ledger.decisions()] == [1, 2, 3]
    made = keep(ledger)
    assert made.before == ledger.stored.chain(3)
    assert [paths.number_of_copy(name) for name in store.names(paths.LEDGER_COPIES)] == [1, 2, 3, 4]
    data = bytes_of(store, paths.decision(1))
    store.write(paths.decision(1), data.replace(b"a is better", b"a is worse!"))
    with pytest.raises(BadData, match="Decision 4"):
        Ledger(store).decisions()


def test_two_swapped_decisions_of_0_1_0_are_refused_and_no_rollback_spins(store: Store) -> None:
    without_seals(store)
    first, third = bytes_of(store, paths.decision(1)), bytes_of(store, paths.decision(3))
    store.write(paths.decision(1), third)
    store.write(paths.decision(3), first)
    with pytest.raises(BadData, match="number: it is decision"):
        Ledger(store).rollback("ana")


def test_a_clock_that_was_ahead_once_does_not_date_all_later_decisions(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    day = datetime(2026, 11, 10, tzinfo=UTC)
    for offset, label in ((0, "a"), (400, "b"), (2, "c"), (3, "d")):
        monkeypatch.setattr(ledger_module, "now", lambda offset=offset: day + timedelta(days=offset))
        promote(ledger, label)
    assert [one.at.day for one in ledger.decisions()] == [10, 15, 12, 13]
    assert "Decision 2 is dated 2027-12-15 00:00 UTC, which is in the future" in caplog.text
    found = [Ledger(ledger.store).champion_on(date(2026, 11, each)) for each in (9, 10, 11, 12, 13)]
    assert [one.set_name if one else None for one in found] == [None, "a", "a", "c", "d"]
