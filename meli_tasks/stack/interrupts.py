"""Ctrl-C and its relatives, never in the moment between starting a process and writing down that it was started."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

SIGNS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """SIGINT, SIGTERM and SIGHUP as KeyboardInterrupt; inside `held` they wait until its end."""

    def __init__(self) -> None:
        self._held = 0
        self._waiting = False

    def listen(self) -> None:
        """Take the signals from now on."""
        for sign in SIGNS:
            signal.signal(sign, self._came)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """A stretch that is finished before an interruption is felt."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
        if self._waiting and not self._held:
            self._waiting = False
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def ignored(self) -> Iterator[None]:
        """A stretch, such as cleaning up, that no signal ends."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
            self._waiting = False

    def _came(self, _sign: int, _frame: FrameType | None) -> None:
        if self._held:
            self._waiting = True
        else:
            raise KeyboardInterrupt
