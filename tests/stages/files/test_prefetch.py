from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from meli_tasks.stages.files.prefetch import prefetch


def test_items_keep_their_order() -> None:
    assert list(prefetch(iter(range(100)))) == list(range(100))
    assert list(prefetch([])) == []


def test_exactly_one_item_is_prefetched() -> None:
    made, begun = list[int](), threading.Event()

    def items() -> Iterator[int]:
        for item in range(5):
            made.append(item)
            if item == 1:
                begun.set()
            yield item

    found = prefetch(items())
    assert next(found) == 0
    assert begun.wait(10)  # produced by another thread: nothing here has requested it
    assert made == [0, 1]
    assert list(found) == [1, 2, 3, 4]


def test_an_error_is_raised_when_its_turn_comes() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError(28, "No space left on device")

    found = prefetch(items())
    assert next(found) == 1
    with pytest.raises(OSError, match="No space left"):
        next(found)


def test_no_thread_remains_if_the_rest_is_not_consumed() -> None:
    before = threading.active_count()
    found = prefetch(iter(range(10)))
    assert next(found) == 0
    assert threading.active_count() == before + 1
    found.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
