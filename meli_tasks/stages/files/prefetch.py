"""Work on two cores: the next item is made in a thread while the last one is used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def prefetch(items: Iterable[Item]) -> Iterator[Item]:
    """The same items in the same order, each made while the one before is used; one is held beside it, no more.

    Pays where making an item leaves the interpreter's lock: Arrow's kernels, zlib, hashes, files. An exception of
    `items` is raised here, in its turn. Threads, not processes: a task of Airflow may not have children.
    """
    end, made = object(), iter(items)
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(next, made, end)
        while (item := waiting.result()) is not end:
            waiting = thread.submit(next, made, end)
            yield item  # type: ignore[misc]
