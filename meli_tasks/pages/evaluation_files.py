"""The large files of evaluations and listings: downloaded for as long as they are read, and what was read of them kept.

What an attempt wrote never changes, so nothing that is kept becomes old.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, TypeVar

from cachetools import LRUCache

from meli_tasks.artifacts.cache import download
from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.core.errors import NotFound
from meli_tasks.store import Store

PREDICTIONS, LISTINGS = "predictions.parquet", "listings.parquet"
MAX_BYTES = {PREDICTIONS: 200_000_000, LISTINGS: 4_000_000_000}  # tens of millions of titles


class Sized(Protocol):
    """Something that knows how many bytes it takes."""

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""


S = TypeVar("S", bound=Sized)


def room_for(size: int) -> LRUCache[Any, Any]:
    """A cache of this many bytes; what was not used for longest makes room."""
    return LRUCache(size, getsizeof=lambda kept: int(kept.nbytes))


class EvaluationFiles:
    """Reads the files of one store. Safe to use from several threads.

    `purpose` ends the message about a file that is too large, for instance "to be compared here".
    """

    def __init__(self, store: Store, purpose: str) -> None:
        self.store = store
        self.reading = threading.Lock()
        """Held while a file is read: one at a time, so that many requests take the memory of one."""
        self._purpose = purpose
        self._lock = threading.Lock()

    @contextmanager
    def downloaded(self, manifest: Manifest, file: str) -> Iterator[Path]:
        """A file of an artifact on this machine, until the context ends.

        Raises:
            NotFound: the artifact has no such file, it is no longer in the store, or it is too large.
        """
        name, output = manifest.file_name(file), manifest.outputs.get(file)
        if output is None:
            raise NotFound(f"The {manifest.stage} artifact {manifest.key} has no {file}.")
        if output.bytes > MAX_BYTES[file]:
            raise NotFound(
                f"{self.store.url}/{name} is too large {self._purpose}: {output.bytes:,} bytes of at most "
                f"{MAX_BYTES[file]:,}."
            )
        with TemporaryDirectory(prefix="meli-pages-") as folder:
            path = Path(folder) / file
            download(self.store, manifest, file, path)
            yield path

    def kept(self, cache: LRUCache[Any, Any], key: Hashable, read: Callable[[], S]) -> S:
        """What a cache has under a key, or else what is read now; what is larger than the cache is not kept."""
        with self._lock:
            found: S | None = cache.get(key)
        if found is not None:
            return found
        with self.reading:
            with self._lock:
                found = cache.get(key)  # another request may have read it meanwhile
            if found is None:
                found = read()
                with self._lock:
                    if found.nbytes <= cache.maxsize:
                        cache[key] = found
        return found
