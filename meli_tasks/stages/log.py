"""What a stage tells while it works; the caller decides where it goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Log(Protocol):
    """Where a stage reports to: a terminal, a task's log, the store's live progress, or nowhere."""

    def info(self, message: str) -> None:
        """One line for a person."""

    def progress(self, **values: float | int | str) -> None:
        """How far the stage is, e.g. epoch=3, epochs=10, step, steps, titles_per_second, loss, seconds_left.

        May be called at every step: the receiver decides how much of it to keep.
        """

    def epoch(self, values: Mapping[str, float | int | bool]) -> None:
        """What a training's epoch came to: the fields of `core.training.Epoch`."""


class SilentLog:
    """Reports nowhere."""

    def info(self, message: str) -> None:
        """Drops the line."""

    def progress(self, **values: float | int | str) -> None:
        """Drops the values."""

    def epoch(self, values: Mapping[str, float | int | bool]) -> None:
        """Drops the values."""
