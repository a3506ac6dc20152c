"""Decisions in a ledger of many: in a bounded number of requests, from an index that proves what it says."""

from __future__ import annotations

import json
from itertools import islice

import pytest

from benchmarks.memory_store import MemoryStore, write_nights
from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import ModelRef
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.artifacts.seals import sealed, unsealed
from meli_tasks.core.errors import BadData
from meli_tasks.decision import Decision
from meli_tasks.ledger import Ledger
from meli_tasks.planning.measured import recent

PAGE = 20
CHAMPION = ModelRef("champion", "")


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.memory_store.PAGE", PAGE)
    monkeypatch.setattr("meli_tasks.stored_decisions.PAGE", PAGE)
    monkeypatch.setattr("meli_tasks.decision_index.BLOCK", 8)
    monkeypatch.setattr("meli_tasks.planning.measured.MAX_MODELS", 60)


def nights(decisions: int) -> MemoryStore:
    store = MemoryStore()
    write_nights(store, decisions, 1)
    Ledger(store).index.rebuild()
    return store


def decide(store: MemoryStore) -> int:
    """The requests of a decision in a new process."""
    store.requests.clear()
    ledger = Ledger(store)
    last = ledger.last()
    assert last is not None
    assert recent(ledger, last.number).history(CHAMPION) is not None
    ledger.append(last.number, action="keep", reason="nobody is better", by="a night")
    return store.requests.total()


def tamper(store: MemoryStore, name: str, old: str, new: str) -> None:
    """Change an object, with a valid seal."""
    blob = store.read(name)
    assert blob is not None
    changed = unsealed(name, blob.data).decode().replace(old, new)
    assert changed.encode() != unsealed(name, blob.data)
    store.write(name, sealed(name, changed.encode()))


def blocks(store: MemoryStore) -> list[str]:
    return list(store.names("index/decisions/rows/"))


def test_the_requests_of_a_decision_do_not_grow_with_the_ledger() -> None:
    assert max(decide(store) for store in [nights(60)] for _ in range(8)) <= 40
    assert max(decide(store) for store in [nights(240)] for _ in range(8)) <= 40


def test_the_figures_of_earlier_nights_are_those_of_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    store = nights(60)
    from_index = recent(Ledger(store))
    assert len(from_index.decisions) == 15
    whole = {decision.number: decision for decision in Ledger(store).decisions()}
    assert list(from_index.decisions) == [whole[number] for number in range(46, 61)]
    assert from_index.promotion == whole[1]
    few = from_index.history(CHAMPION)
    monkeypatch.setattr("meli_tasks.planning.measured.MAX_MODELS", 10**6)
    everything = recent(Ledger(store)).history(CHAMPION)
    assert few and everything and few.champion == everything.champion
    assert set(few.measured) <= set(everything.measured) or few.measured[0][0] == everything.measured[0][0]


@pytest.mark.parametrize("damage", ["deleted", "changed", "changed figure"])
def test_an_index_that_is_damaged_or_lies_is_not_believed(damage: str) -> None:
    store = nights(60)
    expected = recent(Ledger(store))
    for name in blocks(store):
        if damage == "deleted":
            store.delete(name)
        elif damage == "changed":
            store.write(name, b"{")
        else:
            tamper(store, name, '\\"balanced_accuracy\\": 0.9', '\\"balanced_accuracy\\": 0.99')
    assert recent(Ledger(store)) == expected
    assert decide(store) > 0
    assert len(Ledger(store).readable(LenientReader(store))) == 61


def test_a_lying_index_is_named_by_verify() -> None:
    store = nights(60)
    assert list(Ledger(store).index.wrong()) == []
    for block in blocks(store):
        tamper(store, block, '\\"balanced_accuracy\\": 0.9', '\\"balanced_accuracy\\": 0.99')
    assert paths.decision(2) in [name for name, _ in Ledger(store).index.wrong()]


def test_a_replaced_decision_among_those_that_count_is_refused() -> None:
    store = nights(60)
    for name in (paths.decision(50), paths.decision_copy(50)):
        blob = store.read(name)
        assert blob is not None
        other = json.loads(unsealed(paths.decision(50), blob.data)) | {"reason": "another one"}
        store.write(name, sealed(paths.decision(50), Decision.model_validate(other).to_json()))
    for name in blocks(store):
        store.delete(name)
    with pytest.raises(BadData, match="Decision 51 of the ledger memory:/ledger was made after another decision 50"):
        recent(Ledger(store))


def test_a_gap_behind_the_index_is_noticed_within_as_many_decisions_as_there_are_pages() -> None:
    store = nights(60)
    for name in (paths.decision(30), paths.decision_copy(30)):
        store.delete(name)

    def some_decisions() -> None:
        for _ in range(4):
            decide(store)

    with pytest.raises(BadData, match="Decision 30 of the ledger memory:/ledger is missing"):
        some_decisions()


def test_missing_copies_are_written_a_page_at_a_time() -> None:
    store = nights(60)
    missing = [paths.decision_copy(number) for number in (5, 25, 45)]
    for name in missing:
        store.delete(name)
    for _ in range(4):
        decide(store)
    assert all(store.size(name) for name in missing)


def test_decisions_are_parsed_only_when_they_are_needed() -> None:
    store = nights(60)
    found = Ledger(store).readable(LenientReader(store))
    assert (len(found), found[0].number, found[-1].number, found[-2:][0].number) == (60, 1, 60, 59)
    last = found[-1]
    assert found.numbered(7) == found[6]
    assert found.numbered(None) is None
    assert found.last_change() == found[0] == next(found.promotions())
    assert found.of_run(last.evidence.plan) == last
    assert found.of_run("") is None
    assert [one.number for one in islice(found.mentioning(last.evidence.models["cnn"]), 2)] == [60]
    parsed = [row.number for row in found.rows[:-4] if "decision" in row.__dict__]
    assert parsed == [1, 7]
