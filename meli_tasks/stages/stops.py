"""Where a long training looks whether somebody wants it to end with what it has; the caller decides where that is."""

from __future__ import annotations

from typing import Protocol


class Stops(Protocol):
    """What was asked of one step from outside."""

    def asked(self) -> str | None:
        """Who asked it to stop, and when; None when nobody did. May ask a server: not for every step."""


class NoStops:
    """Nobody can ask."""

    def asked(self) -> str | None:
        """Nothing."""
        return None
