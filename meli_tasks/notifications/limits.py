"""Limits on the time that a call may take, for callers that are ended if they take too long themselves."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from meli_tasks.core.errors import Unreachable
from meli_tasks.wording import duration

logger = logging.getLogger("meli_tasks")

T = TypeVar("T")

STILL_OPEN = "; it may still arrive"
"""The end of an outcome that came too late to be known."""


class _Call(threading.Thread, Generic[T]):
    """A call in a thread that does not keep its process alive."""

    def __init__(self, function: Callable[[], T]) -> None:
        super().__init__(daemon=True)
        self._function = function
        self.error: BaseException | None = None
        self.results: list[T] = []

    def run(self) -> None:
        try:
            self.results.append(self._function())
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            self.error = error

    def result(self, seconds: float) -> T:
        if self.error:
            raise self.error
        if not self.results:
            raise Unreachable(f"no answer within {duration(seconds)}")
        return self.results[0]


def within(seconds: float, function: Callable[[], T]) -> T:
    """Return what `function` returns; errors that it raises are raised here.

    Raises:
        Unreachable: it took longer. It goes on in its own thread, and may still have an effect.
    """
    call = _Call(function)
    call.start()
    call.join(seconds)
    return call.result(seconds)


def all_within(seconds: float, functions: Mapping[str, Callable[[], str]]) -> dict[str, str]:
    """Call several functions at the same time; by name what each returned, or why there is no answer in time."""
    calls = {name: _Call(function) for name, function in functions.items()}
    for call in calls.values():
        call.start()
    ends = time.monotonic() + seconds
    for call in calls.values():
        call.join(max(0.0, ends - time.monotonic()))
    found = {}
    for name, call in calls.items():
        try:
            found[name] = call.result(seconds)
        except Unreachable as error:
            found[name] = f"failed: {error}{STILL_OPEN}"
        except Exception as error:  # any error of one is the outcome of that one
            logger.exception("%s failed", name)
            found[name] = f"failed: {type(error).__name__}: {error}"
    return found
