"""Where a long stage leaves its state, so that a killed one goes on where it was; the caller decides where that is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol


class Checkpoints(Protocol):
    """The states of one step, of which only the newest counts."""

    def newest(self) -> Path | None:
        """A file with the state that was saved last, by whatever process; None when there is none."""

    def save(self, write: Callable[[Path], None]) -> None:
        """Keeps what `write` puts into a file. May keep nothing: a lost checkpoint costs time, not results."""


class NoCheckpoints:
    """Keeps nothing."""

    def newest(self) -> Path | None:
        """Nothing."""
        return None

    def save(self, write: Callable[[Path], None]) -> None:
        """Does not even write."""
