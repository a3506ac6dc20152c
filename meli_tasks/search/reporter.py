"""Where a search reports its progress: a terminal or the log of a task."""

from __future__ import annotations

import logging
from typing import Protocol, TypeAlias

from typing_extensions import override

from meli_tasks.execution.runner import Result, Step
from meli_tasks.search.trial import Trial
from meli_tasks.wording import duration

logger = logging.getLogger("meli_tasks")

Progress: TypeAlias = dict[str, float | int | str]
"""The progress of the running trial: trial, epoch, epochs, best, seconds_left."""


class Reporter(Protocol):
    """Receives the events of a search."""

    def preparing(self, step: Step) -> None:
        """A step that the trials need starts: titles, words or vectors are looked up, and computed if missing."""

    def prepared(self, step: Step, result: Result) -> None:
        """That step has finished."""

    def progress(self, values: Progress) -> None:
        """The running trial has made progress; called several times a second."""

    def trial_ended(self, trial: Trial, best: Trial | None) -> None:
        """A trial has ended; `best` is the best finished trial so far, possibly this one."""


class LogReporter(Reporter):
    """Logs one line per trial; the runner logs the steps before them."""

    @override
    def preparing(self, step: Step) -> None:
        pass

    @override
    def prepared(self, step: Step, result: Result) -> None:
        pass

    @override
    def progress(self, values: Progress) -> None:
        pass

    @override
    def trial_ended(self, trial: Trial, best: Trial | None) -> None:
        result = f"balanced accuracy {trial.accuracy:.4f}" if trial.accuracy is not None else trial.reason
        leading = ", the best so far" if best and best.number == trial.number and not best.known else ""
        logger.info("trial %d: %s in %s, %s%s", trial.number, trial.state, duration(trial.seconds), result, leading)
