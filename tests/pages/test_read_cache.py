"""What the pages keep of the store, and for how long."""

from __future__ import annotations

import json

import pytest

from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.decision import Decision
from meli_tasks.ledger import Ledger
from meli_tasks.pages.decided import DecidedSoFar
from meli_tasks.pages.read_cache import FOREVER, ReadCache
from meli_tasks.store.protocol import Listed
from tests.pages.published import Counting


def test_the_cache_stays_within_its_room_and_drops_the_oldest(store: Counting) -> None:
    for name in "abcd":
        store.write(f"x/{name}", json.dumps("1234567").encode())  # 9 bytes
    cache = ReadCache(store, room=20)
    for name in ("x/a", "x/b", "x/a", "x/c"):
        cache.read(name, json.loads, FOREVER)
    store.reads.clear()
    assert [cache.read(name, json.loads, FOREVER) for name in ("x/a", "x/c")] == ["1234567"] * 2
    assert store.reads == []
    cache.read("x/b", json.loads, FOREVER)
    assert store.reads == ["x/b"]


def test_what_may_change_is_read_again_after_its_time(store: Counting) -> None:
    cache = ReadCache(store)
    store.write("x", b"1")
    assert (cache.read("x", json.loads, 60), cache.read("y", json.loads, 60)) == (1, None)
    store.write("x", b"2")
    store.write("y", b"3")
    assert (cache.read("x", json.loads, 60), cache.read("x", json.loads, -1)) == (1, 2)
    assert cache.read("y", json.loads, 60) == 3


def test_an_object_is_kept_while_the_listing_has_its_version(store: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meli_tasks.pages.read_cache.LISTED_SECONDS", -1.0)
    cache = ReadCache(store)
    store.write("x/a", b"1")

    def read() -> object:
        return cache.read_version("x/a", json.loads, cache.listing("x/")["x/a"])

    assert (read(), read(), store.reads) == (1, 1, ["x/a"])
    store.write("x/a", b"2")
    assert (read(), store.reads) == (2, ["x/a", "x/a"])


def test_what_is_written_while_a_listing_is_read_is_in_the_next_one(
    store: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request of another user may have begun to list before the change and end after it."""
    cache, objects = ReadCache(store), store.objects
    store.write("x/a", b"1")

    def overtaken(prefix: str) -> list[Listed]:
        found = list(objects(prefix))
        if len(found) == 1:
            store.write("x/b", b"2")
            cache.forget_listing("x/")
        return found

    monkeypatch.setattr(store, "objects", overtaken)
    assert [list(cache.listing("x/")) for _ in range(2)] == [["x/a"], ["x/a", "x/b"]]


def test_a_decision_made_while_the_ledger_is_read_is_there_at_the_next_request(
    store: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    so_far, readable = DecidedSoFar(store), Ledger.readable
    read = 0

    def overtaken(ledger: Ledger, reader: LenientReader) -> list[Decision]:
        nonlocal read
        read += 1
        found = readable(ledger, reader)
        if read == 1:
            so_far.forget()
        return found

    monkeypatch.setattr(Ledger, "readable", overtaken)
    for _ in range(3):
        so_far.read()
    assert read == 2
