"""A second model that classifies the same titles after they were answered, to see where it differs.

It never delays an answer: it works in a thread of its own, and skips titles when it is behind.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from meli_tasks.prediction.ranking import predict_titles
from meli_tasks.serving.batching import Answer
from meli_tasks.serving.metrics import Metrics
from meli_tasks.serving.served import Served

logger = logging.getLogger("meli_tasks")

_MOST_WAITING = 1_000
"""Requests that wait for the model in shadow."""


@dataclass(frozen=True)
class Agreement:
    """How often both models gave a title the same category, or both none; `skipped` titles were not compared."""

    compared: int
    same: int
    skipped: int


@dataclass(frozen=True)
class _Answered:
    titles: Sequence[str]
    reasons: Sequence[str]
    categories: Sequence[str]


class Shadow:
    """The model in shadow and its thread.

    Args:
        served: the model; no other thread may use it.
        metrics: where agreement is counted.
    """

    def __init__(self, served: Served, metrics: Metrics) -> None:
        self.served = served
        self._metrics = metrics
        self._waiting: queue.Queue[_Answered | None] = queue.Queue(_MOST_WAITING)
        self._compared = self._same = self._skipped = 0
        self._thread = threading.Thread(target=self._work, name="shadow", daemon=True)
        self._thread.start()

    @property
    def agreement(self) -> Agreement:
        """What was counted since the start."""
        return Agreement(self._compared, self._same, self._skipped)

    def compare(self, titles: Sequence[str], reasons: Sequence[str], answer: Answer) -> None:
        """Classify titles that were answered, later; they are skipped if too many wait."""
        try:
            self._waiting.put_nowait(_Answered(titles, reasons, answer.predictions.category))
        except queue.Full:
            self._count(skipped=len(titles))

    def stop(self) -> None:
        """End the thread, and log what was counted; what still waits is skipped."""
        while True:
            try:
                left = self._waiting.get_nowait()
            except queue.Empty:
                break
            self._count(skipped=len(left.titles) if left else 0)
        self._waiting.put(None)
        self._thread.join()
        agreement, ref = self.agreement, self.served.wanted.ref
        logger.info(
            "In shadow, %s (%s@%s) gave %d of %d titles the same category; %d were skipped",
            self.served.wanted.model.name, ref.key[:8], ref.sha256[:8],
            agreement.same, agreement.compared, agreement.skipped,
        )  # fmt: skip

    def _work(self) -> None:
        while answered := self._waiting.get():
            try:
                found = predict_titles(self.served.classifier, answered.titles, answered.reasons, 1)
            except Exception:  # the thread must go on
                logger.exception("The model in shadow failed")
                self._count(skipped=len(answered.titles))
                continue
            same = sum(map(str.__eq__, found.category, answered.categories))
            self._count(same=same, other=len(answered.titles) - same)

    def _count(self, same: int = 0, other: int = 0, skipped: int = 0) -> None:
        self._same += same
        self._compared += same + other
        self._skipped += skipped
        for result, number in (("same", same), ("other", other), ("skipped", skipped)):
            if number:
                self._metrics.shadow_titles.labels(result).inc(number)
