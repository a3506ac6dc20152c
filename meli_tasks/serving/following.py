"""Keeps the service at the model that should answer: looks for it, loads it beside the former one, and swaps them.

A model that cannot be loaded changes nothing but what the service says about itself: the former one goes on answering.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meli_tasks.core.errors import MeliError
from meli_tasks.serving.batching import Batcher
from meli_tasks.serving.metrics import Metrics
from meli_tasks.serving.served import Find, Load, Served, Wanted

if TYPE_CHECKING:
    from meli_tasks.artifacts.manifest import ModelRef

logger = logging.getLogger("meli_tasks")

LONGEST_PAUSE_SECONDS = 300.0
"""Between two tries to load a model that could not be loaded: fetching it again each time would load the store."""


@dataclass
class _Failure:
    """A model that could not be loaded, and when to try again."""

    ref: ModelRef
    problem: str
    pause: float
    at: float


class Follower:
    """Loads the model that should answer, and the next one when another should.

    Args:
        find: tells which one that is.
        load: loads it.
        batcher: answers with it.
        metrics: where swaps and failures are counted.
        seconds: between two looks.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        find: Find,
        load: Load,
        batcher: Batcher,
        metrics: Metrics,
        *,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._find = find
        self._load = load
        self._batcher = batcher
        self._metrics = metrics
        self._seconds = seconds
        self._clock = clock
        self._stopping = threading.Event()
        self._failure: _Failure | None = None
        self._thread = threading.Thread(target=self._work, name="follower", daemon=True)
        self.problem = ""
        """Why the model that should answer does not; empty if all is well."""
        self.warning = ""
        """What is known about the model that answers and its users should know; empty if nothing."""

    def start(self) -> None:
        """Look for the model in a thread of its own, from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more. A model that is being loaded is not waited for."""
        self._stopping.set()

    def look(self) -> None:
        """Load the model that should answer, if it is another one than the one that does."""
        try:
            wanted = self._find()
        except MeliError as error:
            self._report(str(error))
            return
        serving = self._batcher.served
        if serving and serving.wanted.ref == wanted.ref:
            if serving.wanted.decision != wanted.decision:  # the same model, promoted again or restored
                self._swap(Served(wanted, serving.classifier))
            self.warning = wanted.model.warning
            self._report("")
        elif failure := self._recent_failure(wanted):
            self._report(failure.problem)  # again, if the ledger could not be read in between
        else:
            self._replace(wanted)

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                self.look()
            except Exception as error:  # the service must outlive whatever a store or a file can do
                logger.exception("Looking for the model failed")
                self._report(f"Looking for the model failed: {type(error).__name__}")
            self._stopping.wait(self._seconds)

    def _recent_failure(self, wanted: Wanted) -> _Failure | None:
        """The failure to load this model, if it is too early to try again."""
        failure = self._failure
        if failure and failure.ref == wanted.ref and self._clock() < failure.at + failure.pause:
            return failure
        return None

    def _replace(self, wanted: Wanted) -> None:
        try:
            served = self._load(wanted)
        except MeliError as error:
            self._failed(wanted, str(error))
            return
        except Exception as error:  # whatever files can do: the former model goes on
            logger.exception("Loading %s failed", wanted.model.name)
            self._failed(wanted, f"Loading {wanted.model.name} failed: {type(error).__name__}.")
            return
        self._failure = None
        self._swap(served)
        self.warning = wanted.model.warning
        self._report("")

    def _failed(self, wanted: Wanted, problem: str) -> None:
        """Count it, and try again later, after a pause that doubles each time."""
        self._metrics.failed_loads.inc()
        known = self._failure
        pause = min(known.pause * 2, LONGEST_PAUSE_SECONDS) if known and known.ref == wanted.ref else self._seconds
        self._failure = _Failure(wanted.ref, problem, pause, self._clock())
        self._report(problem)

    def _swap(self, served: Served) -> None:
        # The metrics first: whoever sees the new model in an answer finds it counted.
        former = self._batcher.served
        if former and former.wanted.ref != served.wanted.ref:
            self._metrics.swaps.inc()
        self._metrics.model.clear()
        named = {name: "" if value is None else str(value) for name, value in served.identity().items()}
        self._metrics.model.labels(**named).set(1)
        self._metrics.ready.set(1)
        self._batcher.swap(served)
        ref = served.wanted.ref
        logger.info("Answering with %s (%s@%s)", served.wanted.model.name, ref.key[:8], ref.sha256[:8])

    def _report(self, problem: str) -> None:
        if problem and problem != self.problem:
            serving = self._batcher.served
            kept = f" {serving.wanted.model.name} goes on answering." if serving else ""
            logger.error("%s%s", problem, kept)
        elif self.problem and not problem:
            logger.info("The model that should answer does so again.")
        self.problem = problem
        self._metrics.problem.set(1 if problem else 0)
