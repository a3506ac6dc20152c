"""What reports objects that cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Attempts(Protocol):
    """Leaves out and reports what cannot be read: a `LenientReader`, or the cache of the pages."""

    def attempt(self, name: str, load: Callable[[], T | None]) -> T | None:
        """What `load` returns; None if it raises NotFound or BadData."""
