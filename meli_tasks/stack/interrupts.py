"""Ctrl-C and similar signals, deferred between starting a process and recording that it was started."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """SIGINT, SIGTERM and SIGHUP as KeyboardInterrupt; inside `held` they are deferred until its end."""

    def __init__(self) -> None:
        self._held = 0
        self._pending = False

    def listen(self) -> None:
        """Handle the signals from now on."""
        for number in SIGNALS:
            signal.signal(number, self._on_signal)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """A section that is finished before an interruption takes effect."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
        if self._pending and not self._held:
            self._pending = False
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def ignored(self) -> Iterator[None]:
        """A section, such as cleaning up, that no signal interrupts."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
            self._pending = False

    def _on_signal(self, _sign: int, _frame: FrameType | None) -> None:
        if self._held:
            self._pending = True
        else:
            raise KeyboardInterrupt
