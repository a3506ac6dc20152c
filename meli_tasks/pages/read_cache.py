"""Objects of the store, parsed and kept in memory, so that pages that poll do not read the whole store each time.

What never changes (plans, decisions, histories) is kept as long as there is room; what may change, for as many seconds
as its reader allows. That there is no object at a name is never kept: it may come at any moment.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any, TypeVar

from cachetools import LRUCache, TTLCache

from meli_tasks.store import Store

READERS = 16  # objects read at once, which hides the store's latency
ROOM = 32_000_000  # bytes of JSON; parsed it takes about five times that
FOREVER = inf
LISTED_SECONDS = 3.0
LISTINGS = 1_000  # prefixes whose names are kept

T = TypeVar("T")
Parse = Callable[[bytes], T]


@dataclass(frozen=True)
class Kept:
    """A parsed object, the bytes it was read from, and when it was read, by the monotonic clock."""

    value: Any
    bytes: int
    at: float


class ReadCache:
    """Reads objects of one store. Safe to use from several threads."""

    def __init__(self, store: Store, room: int = ROOM) -> None:
        self.store = store
        self._kept: LRUCache[tuple[str, Parse[Any]], Kept] = LRUCache(room, getsizeof=lambda kept: kept.bytes)
        self._listed: TTLCache[str, tuple[str, ...]] = TTLCache(LISTINGS, LISTED_SECONDS)
        self._lock = threading.Lock()

    def read(self, name: str, parse: Parse[T], seconds: float = FOREVER) -> T | None:
        """The object at `name`, read at most `seconds` ago; None if there is none. Do not change it."""
        with self._lock:
            kept = self._kept.get((name, parse))
            if kept and time.monotonic() - kept.at <= seconds:
                found: T = kept.value
                return found
        blob = self.store.read(name)
        if blob is None:
            return None
        value = parse(blob.data)
        self._keep((name, parse), Kept(value, len(blob.data), time.monotonic()))
        return value

    def names(self, prefix: str) -> tuple[str, ...]:
        """Every name that begins with `prefix`, listed at most three seconds ago."""
        with self._lock:
            listed = self._listed.get(prefix)
        if listed is None:
            listed = tuple(self.store.names(prefix))
            with self._lock:
                self._listed[prefix] = listed
        return listed

    def _keep(self, key: tuple[str, Parse[Any]], kept: Kept) -> None:
        with self._lock:
            self._kept.pop(key, None)
            if kept.bytes <= self._kept.maxsize:
                self._kept[key] = kept
