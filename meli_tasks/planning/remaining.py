"""How far a run in this process is: which training run it is at, and about how long the rest will take."""

from __future__ import annotations

import time
from collections.abc import Callable

from meli_tasks.planning.preview import Preview, PreviewStep
from meli_tasks.stages.summaries import ENSEMBLE
from meli_tasks.wording import duration

TRAIN = "train"


class Remaining:
    """What of a preview is left, for a run that computes one step after another.

    The seconds of the steps that it has computed correct the estimates of those that are left, and stand in for a
    missing estimate of a training run.
    """

    def __init__(self, preview: Preview, clock: Callable[[], float] = time.monotonic) -> None:
        self._left = {(step.stage, step.name): step for step in preview.steps}
        self._trainings = sum(step.stage == TRAIN for step in preview.steps)
        self._clock = clock
        self._estimated = self._taken = 0.0
        self._training_seconds: list[float] = []
        self._running: tuple[str, str] | None = None
        self._since = 0.0

    def started(self, stage: str, name: str) -> None:
        """A step starts."""
        self._running, self._since = (stage, name), self._clock()

    def finished(self, stage: str, name: str, seconds: float, *, computed: bool) -> None:
        """A step ended after `seconds`; `computed` is False if it was reused or failed."""
        # The ensembles are one step of the run: its name has the sets that could be trained.
        names = [at for at in self._left if at == (stage, name) or at[0] == stage == ENSEMBLE]
        steps = [self._left.pop(at) for at in names]
        self._running = None
        if not steps or not computed:
            return
        if stage == TRAIN:
            self._training_seconds.append(seconds)
        if all(step.estimate for step in steps):
            self._estimated += sum(step.estimate or 0.0 for step in steps)
            self._taken += seconds

    def text(self, seconds_left_of_step: float | None = None) -> str:
        """For instance "training 7 of 31, about 3 min left"; empty if neither is known.

        Args:
            seconds_left_of_step: What the running step reports itself; it knows better than past runs.
        """
        parts = []
        if self._running and self._running[0] == TRAIN and self._running in self._left and self._trainings > 1:
            left = sum(step.stage == TRAIN for step in self._left.values())
            parts.append(f"training {self._trainings - left + 1} of {self._trainings}")
        seconds = self.seconds(seconds_left_of_step)
        if seconds:
            parts.append(f"about {duration(seconds)} left")
        return ", ".join(parts)

    def seconds(self, seconds_left_of_step: float | None = None) -> float | None:
        """The estimated seconds until the last step of the preview ends; None if a step has no estimate."""
        total = 0.0
        for at, step in self._left.items():
            if step.cached:
                continue
            if at == self._running and seconds_left_of_step is not None:
                total += seconds_left_of_step
                continue
            estimate = self._estimate(step)
            if estimate is None:
                return None
            total += max(0.0, estimate - (self._clock() - self._since)) if at == self._running else estimate
        return total

    def _estimate(self, step: PreviewStep) -> float | None:
        if step.estimate is not None:
            return step.estimate * (self._taken / self._estimated if self._estimated else 1.0)
        if step.stage == TRAIN and self._training_seconds:
            return sum(self._training_seconds) / len(self._training_seconds)
        return None
