"""Objects of the store, parsed and kept in memory, so that pages that poll do not read the whole store each time.

A kept object is used only while it is valid: for as many seconds as its reader allows, or as long as the listing of the
store has the version that it was read for. Only files under an attempt's name are valid for ever: they are written a
single time. That there is no object at a name is never kept: it may come at any moment.

An object that cannot be read, of a later version or cut short, is taken for missing and listed in `skipped`, so that it
hides nothing else.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from types import MappingProxyType
from typing import Any, TypeVar

from cachetools import LRUCache, TTLCache

from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.artifacts.outputs import read_file
from meli_tasks.artifacts.reading import NotReadable, Skipped, parsed
from meli_tasks.core.errors import BadData, NotFound
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
    """A parsed object, the bytes it was read from, when it was read, and for which version in the listing, if any."""

    value: Any
    bytes: int
    at: float
    version: str


class ReadCache:
    """Reads objects of one store. Safe to use from several threads."""

    def __init__(self, store: Store, room: int = ROOM) -> None:
        self.store = store
        self._kept: LRUCache[tuple[str, Parse[Any]], Kept] = LRUCache(room, getsizeof=lambda kept: kept.bytes)
        self._listed: TTLCache[str, Mapping[str, str]] = TTLCache(LISTINGS, LISTED_SECONDS)
        self._exists: TTLCache[str, bool] = TTLCache(LISTINGS, LISTED_SECONDS)
        self._skipped: dict[str, Skipped] = {}
        self._skipped_versions: dict[str, str] = {}  # in the listing after it was skipped
        self._changes = 0  # how often a listing was forgotten
        self._lock = threading.Lock()

    @property
    def skipped(self) -> list[Skipped]:
        """What could not be read when it was last tried, by name."""
        with self._lock:
            return [self._skipped[name] for name in sorted(self._skipped)]

    def attempt(self, name: str, load: Callable[[], T | None]) -> T | None:
        """What `load` returns; None if the object `name` is gone, or cannot be read: then it is in `skipped`."""
        try:
            found = load()
        except NotFound:
            found = None
        except BadData as error:
            reason = error.reason if isinstance(error, NotReadable) else str(error)
            with self._lock:
                self._skipped[name] = Skipped(name, reason)
            return None
        self.forget(name)
        return found

    def forget(self, name: str) -> None:
        """Take an object that is gone, or readable again, from `skipped`."""
        with self._lock:
            self._skipped.pop(name, None)
            self._skipped_versions.pop(name, None)

    def forget_rewritten(self, prefix: str, listing: Mapping[str, str]) -> None:
        """Take from `skipped` what is no longer as it was when it could not be read, whether or not it is needed."""
        for name in (skipped.name for skipped in self.skipped if skipped.name.startswith(prefix)):
            version = listing.get(name, "")
            if self._skipped_versions.setdefault(name, version) != version:
                self.forget(name)

    def read(self, name: str, parse: Parse[T], seconds: float = LISTED_SECONDS) -> T | None:
        """The object at `name`, read at most `seconds` ago; None if there is none. Do not change it."""
        return self.attempt(name, lambda: self.read_whole(name, parse, seconds))

    def read_file(self, manifest: Manifest, file: str, parse: Parse[T]) -> T | None:
        """One small file of an artifact, checked against its manifest; None if it is missing, damaged or unreadable."""
        name = manifest.file_name(file)
        with self._lock:
            kept = self._kept.get((name, parse))
        if kept:
            found: T = kept.value
            return found
        return self.attempt(name, lambda: self._keep(name, parse, read_file(self.store, manifest, file), ""))

    def read_whole(self, name: str, parse: Parse[T], seconds: float = LISTED_SECONDS) -> T | None:
        """The same, for what a page is about.

        Raises:
            BadData: the object cannot be read.
        """
        with self._lock:
            kept = self._kept.get((name, parse))
        if kept and time.monotonic() - kept.at <= seconds:
            found: T = kept.value
            return found
        return self._read(name, parse, "")

    def read_version(self, name: str, parse: Parse[T], version: str) -> T | None:
        """The object at `name`, which has this version in `listing`; None if there is none. Do not change it."""
        with self._lock:
            kept = self._kept.get((name, parse))
        if kept and kept.version == version:
            found: T = kept.value
            return found
        return self.attempt(name, lambda: self._read(name, parse, version))

    def listing(self, prefix: str) -> Mapping[str, str]:
        """The version of each object whose name begins with `prefix`, listed at most three seconds ago."""
        with self._lock:
            listed, changes = self._listed.get(prefix), self._changes
        if listed is None:
            listed = MappingProxyType({found.name: found.version for found in self.store.objects(prefix)})
            with self._lock:
                if changes == self._changes:  # or else it may have been listed before the change
                    self._listed[prefix] = listed
        return listed

    def exists(self, name: str) -> bool:
        """Whether there is an object at `name`, looked up at most three seconds ago."""
        with self._lock:
            found = self._exists.get(name)
        if found is None:
            found = self.store.size(name) is not None
            with self._lock:
                self._exists[name] = found
        return found

    def forget_listing(self, prefix: str) -> None:
        """List a prefix again at the next call, as something was written there."""
        with self._lock:
            self._changes += 1
            self._listed.pop(prefix, None)

    def _read(self, name: str, parse: Parse[T], version: str) -> T | None:
        blob = self.store.read(name)
        return self._keep(name, parse, blob.data, version) if blob else None

    def _keep(self, name: str, parse: Parse[T], data: bytes, version: str) -> T:
        value = parsed(self.store, name, data, parse)
        kept = Kept(value, len(data), time.monotonic(), version)
        with self._lock:
            self._kept.pop((name, parse), None)
            if kept.bytes <= self._kept.maxsize:
                self._kept[name, parse] = kept
        return value
