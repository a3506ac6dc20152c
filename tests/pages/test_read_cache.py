"""What the pages keep of the store, and for how long."""

from __future__ import annotations

import json

from meli_tasks.pages.read_cache import Shelf
from tests.pages.told import Counting


def test_the_shelf_keeps_within_its_room_and_drops_the_oldest(store: Counting) -> None:
    for name in "abcd":
        store.write(f"x/{name}", json.dumps("1234567").encode())  # 9 bytes
    shelf = Shelf(store, room=20)
    for name in ("x/a", "x/b", "x/a", "x/c"):
        shelf.read(name)
    store.reads.clear()
    assert [shelf.read(name) for name in ("x/a", "x/c")] == ["1234567"] * 2
    assert store.reads == []
    shelf.read("x/b")
    assert store.reads == ["x/b"]


def test_what_may_change_is_read_again_after_its_time(store: Counting) -> None:
    shelf = Shelf(store)
    store.write("x", b"1")
    assert (shelf.read("x", 60), shelf.read("y", 60)) == (1, None)
    store.write("x", b"2")
    store.write("y", b"3")
    assert (shelf.read("x", 60), shelf.read("x", -1)) == (1, 2)
    assert shelf.read("y", 60) == 3
