"""A store that fails as a network does: a request that does not arrive, and one whose answer is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import TypeVar

from typing_extensions import override

from meli_tasks.core.errors import Unreachable
from meli_tasks.store import Store
from meli_tasks.store.protocol import Blob, Listed

T = TypeVar("T")


class FaultyStore(Store):
    """Another store, of whose requests a fraction fails, half of them after they were handled.

    Args:
        store: The store behind it.
        rate: The fraction of requests that fail.
        seed: Of the random numbers that choose them.
    """

    def __init__(self, store: Store, rate: float, seed: int) -> None:
        self.store = store
        self.rate = rate
        self.faults = 0
        self._random = Random(seed)

    @property
    @override
    def url(self) -> str:
        return self.store.url

    @override
    def read(self, name: str) -> Blob | None:
        return self._request(lambda: self.store.read(name))

    @override
    def write(self, name: str, data: bytes, *, if_absent: bool = False, if_version: str | None = None) -> str:
        return self._request(lambda: self.store.write(name, data, if_absent=if_absent, if_version=if_version))

    @override
    def upload(self, path: Path, name: str) -> None:
        self._request(lambda: self.store.upload(path, name))

    @override
    def download(self, name: str, path: Path) -> None:
        self._request(lambda: self.store.download(name, path))

    @override
    def names(self, prefix: str) -> Iterator[str]:
        return iter(self._request(lambda: list(self.store.names(prefix))))

    @override
    def objects(self, prefix: str) -> list[Listed]:
        return self._request(lambda: self.store.objects(prefix))

    @override
    def delete(self, name: str) -> None:
        self._request(lambda: self.store.delete(name))

    @override
    def size(self, name: str) -> int | None:
        return self._request(lambda: self.store.size(name))

    def _request(self, send: Callable[[], T]) -> T:
        """Both are errors of a connection; nobody can tell which one it was."""
        lost = self._random.random()
        if lost < self.rate / 2:
            self.faults += 1
            raise Unreachable("The connection was lost (a request did not arrive).")
        answer = send()
        if lost < self.rate:
            self.faults += 1
            raise Unreachable("The connection was lost (an answer did not arrive).")
        return answer
