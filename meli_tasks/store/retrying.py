"""Requests that are sent again, for a number of seconds, while a server is busy, restarts or sends damaged responses.

Two kinds of errors are worth another try. `Unreachable` means that the server may answer later: the request is retried
for as long as the budget lasts. A refusal may be a mistake of the server or of the network (403 while keys are rotated,
400 for a body that was altered on its way): the request is retried a few times before the refusal counts.
"""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from meli_tasks.core.errors import BadSettings, MeliError, Unreachable

logger = logging.getLogger("meli_tasks")

T = TypeVar("T")

VARIABLE = "MELI_S3_RETRY_SECONDS"
DEFAULT_SECONDS = 30.0
DOUBTFUL_TRIES = 4
"""If a tenth of all responses are false refusals, one request in 10,000 is refused four times in a row."""
REFUSED_SECONDS = 5.0
"""For a port on which nothing listens: long enough for a restart, and not too long for a person at a terminal."""
FIRST_WAIT = 0.1
LONGEST_WAIT = 5.0


def budget_in_use(seconds: float | None) -> float:
    """`seconds`, else those of the environment, else the default.

    Raises:
        BadSettings: the variable is not a number of seconds.
    """
    if seconds is not None:
        return seconds
    value = os.environ.get(VARIABLE) or str(DEFAULT_SECONDS)
    try:
        found = float(value)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 3_600:
        raise BadSettings(f"{VARIABLE} is {value!r}: it must be a number of seconds from 0 to 3600.")
    return found


@dataclass
class Retrying:
    """Sends requests again. Safe to use from several threads.

    Args:
        seconds: How long one request is retried, waits included; 0 for a single try.
        doubtful: Returns whether a refusal may be a mistake.
        not_listening: Returns whether an error means that nothing listens at the address.
        clock: Monotonic time in seconds.
        sleep: Waits for a number of seconds.
        draw: Returns a number between two others: the jitter, without which all workers would retry at the same moment.
    """

    seconds: float
    doubtful: Callable[[MeliError], bool]
    not_listening: Callable[[MeliError], bool]
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    draw: Callable[[float, float], float] = random.uniform
    _down_until: float = field(default=0.0, init=False)

    def __call__(self, send: Callable[[], T], *, before_again: Callable[[MeliError], None] | None = None) -> T:
        """Return what `send` returns, and retry it after transient errors.

        Args:
            send: Sends one request and reads the whole response; raises MeliError on failure.
            before_again: Called with the error before each further try.

        Raises:
            MeliError: the last error, if the budget is used up or the error is permanent.
        """
        started, tries = self.clock(), 0
        # Once a request has used up the whole budget, the next ones do not wait as long for the same server.
        budget = 0.0 if started < self._down_until else self.seconds
        while True:
            try:
                answer = send()
            except MeliError as error:
                tries += 1
                wait = self._wait(error, tries, started, budget)
                if wait is None:
                    if isinstance(error, Unreachable):
                        self._down_until = self.clock() + self.seconds
                    raise
                logger.debug("Try %d failed, the next is in %.1f s: %s", tries, wait, error)
                if before_again:
                    before_again(error)
                self.sleep(wait)
            else:
                self._down_until = 0.0
                return answer

    def _wait(self, error: MeliError, tries: int, started: float, budget: float) -> float | None:
        """The seconds to wait before another try; None for none."""
        if isinstance(error, Unreachable):
            left = (min(budget, REFUSED_SECONDS) if self.not_listening(error) else budget) - (self.clock() - started)
        elif self.doubtful(error) and tries < DOUBTFUL_TRIES and budget:
            left = LONGEST_WAIT
        else:
            return None
        longest = min(FIRST_WAIT * 2 ** min(tries - 1, 10), LONGEST_WAIT)
        wait = self.draw(longest / 2, longest)
        return wait if wait < left else None
