"""JSON objects of the store, kept in memory: pages that poll must not read the whole store again each time.

What never changes (plans, decisions, histories) is kept as long as there is room; what may change, for as many seconds
as its reader allows. That nothing stands at a name is never kept: it may come any moment.
"""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import inf
from typing import Any

from meli_tasks.store import Store

READERS = 16  # objects read at once: they hide the store's latency
ROOM = 32_000_000  # bytes of JSON; parsed it takes about five times that
FOREVER = inf
LISTED_SECONDS = 3.0


@dataclass(frozen=True)
class Kept:
    """An object as it was read, and when, by the monotonic clock."""

    value: Any
    bytes: int
    at: float


class Shelf:
    """Reads JSON objects of one store. Safe to use from several threads."""

    def __init__(self, store: Store, room: int = ROOM) -> None:
        self.store = store
        self._room = room
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._bytes = 0
        self._listed: dict[str, tuple[float, tuple[str, ...]]] = {}
        self._lock = threading.Lock()

    def read(self, name: str, seconds: float = FOREVER) -> Any:
        """The object at `name`, read at most `seconds` ago; None when nothing stands there. Do not change it."""
        with self._lock:
            kept = self._kept.get(name)
            if kept and time.monotonic() - kept.at <= seconds:
                self._kept.move_to_end(name)
                return kept.value
        blob = self.store.read(name)
        if blob is None:
            return None
        value = json.loads(blob.data)
        self._keep(name, Kept(value, len(blob.data), time.monotonic()))
        return value

    def read_all(self, names: Iterable[str], seconds: float = FOREVER) -> list[Any]:
        """The objects at `names`, in their order, several read at once."""
        with ThreadPoolExecutor(READERS) as readers:
            return list(readers.map(lambda name: self.read(name, seconds), names))

    def fresh(self, name: str) -> Any:
        """The object at `name` without keeping it: for one that is looked at once."""
        blob = self.store.read(name)
        return json.loads(blob.data) if blob else None

    def names(self, prefix: str) -> tuple[str, ...]:
        """Every name that begins with `prefix`, listed at most three seconds ago."""
        with self._lock:
            at, names = self._listed.get(prefix, (-inf, ()))
        if time.monotonic() - at > LISTED_SECONDS:
            names = tuple(self.store.names(prefix))
            with self._lock:
                self._listed[prefix] = (time.monotonic(), names)
        return names

    def _keep(self, name: str, kept: Kept) -> None:
        with self._lock:
            if before := self._kept.pop(name, None):
                self._bytes -= before.bytes
            if kept.bytes > self._room:
                return
            self._kept[name] = kept
            self._bytes += kept.bytes
            while self._bytes > self._room:
                _, dropped = self._kept.popitem(last=False)
                self._bytes -= dropped.bytes
