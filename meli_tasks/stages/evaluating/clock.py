"""What a model costs: the CPU time of classifying one title."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from meli_tasks.core.models.ensemble import Classifier

TIMED_TITLES = 200
TIMED_ROUNDS = 5
UNTIMED_TITLES = 20


class Clock:
    """Measures the CPU time that a model takes to classify one title at a time, with one thread.

    CPU time hardly depends on what else runs on the machine, wall time does: a model of 1 ms took 177 ms on a busy
    one. What is left, shared caches and the processor's frequency, changes within minutes. So every model, the champion
    too, is timed title by title in turn with the same reference model, and its figure is the reference's first figure
    times the quotient of the two.
    """

    def __init__(self, titles: list[str], reference: Classifier) -> None:
        self._titles, self.reference = titles, reference
        self._of_reference = self._percentiles([reference])[0]

    def milliseconds(self, model: Classifier) -> float:
        """95th percentile over the titles, in milliseconds of CPU time, after a warm-up."""
        if model is self.reference:
            return self._of_reference
        reference, own = self._percentiles([self.reference, model])
        return round(own / reference * self._of_reference, 3) if reference else own

    def _percentiles(self, models: list[Classifier]) -> list[float]:
        """One figure a model: the lowest of a few rounds, each over other titles, as most noise only adds time."""
        with _one_thread():
            for title in self._titles[:UNTIMED_TITLES]:
                for model in models:
                    model.rank([title], top=1)
            timed, rounds = self._titles[:TIMED_TITLES], []
            for first in range(min(TIMED_ROUNDS, len(timed))):
                seconds = [[_cpu_seconds(model, title) for model in models] for title in timed[first::TIMED_ROUNDS]]
                rounds.append(np.quantile(seconds, 0.95, axis=0))
        return [round(float(value) * 1e3, 3) for value in np.min(rounds, axis=0)]


def _cpu_seconds(model: Classifier, title: str) -> float:
    started = time.process_time()
    model.rank([title], top=1)
    return time.process_time() - started


@contextmanager
def _one_thread() -> Iterator[None]:
    """Threads that share the work of one title cost more CPU time than they save."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
