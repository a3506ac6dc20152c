"""Prefetching: a thread produces the next item while the caller uses the current one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def prefetch(items: Iterable[Item]) -> Iterator[Item]:
    """Yield the same items in the same order, with one item prefetched.

    This pays if producing an item releases the interpreter lock, as Arrow's kernels, zlib, hashes and file operations
    do. An exception of `items` is raised when its turn comes. It uses a thread because an Airflow task must not have
    child processes.
    """
    end, source = object(), iter(items)
    with ThreadPoolExecutor(1) as thread:
        pending = thread.submit(next, source, end)
        while (item := pending.result()) is not end:
            pending = thread.submit(next, source, end)
            yield item  # type: ignore[misc]
