"""Who is told how a search goes: a terminal, a task's log."""

from __future__ import annotations

import logging
from typing import Protocol

from meli_tasks.execution.runner import Result, Step
from meli_tasks.search.trial import Trial
from meli_tasks.wording import duration

logger = logging.getLogger("meli_tasks")


class Watcher(Protocol):
    """Whoever watches a search."""

    def preparing(self, step: Step) -> None:
        """Titles, words or vectors that the trials need are looked for, and computed unless they are there."""

    def prepared(self, step: Step, result: Result) -> None:
        """They are there."""

    def progress(self, told: dict[str, float | int | str]) -> None:
        """How far the trial under way is, several times a second: trial, epoch, epochs, best, seconds_left."""

    def tried(self, trial: Trial, best: Trial | None) -> None:
        """A trial has ended; `best` is the best that finished so far, maybe this one."""


class LogWatcher:
    """Tells the log of a task: a line a trial. What is prepared tells of itself."""

    def preparing(self, step: Step) -> None:
        """Nothing: the runner says so."""

    def prepared(self, step: Step, result: Result) -> None:
        """Nothing: the runner says so."""

    def progress(self, told: dict[str, float | int | str]) -> None:
        """Nothing: a log is no moving line."""

    def tried(self, trial: Trial, best: Trial | None) -> None:
        """Says what the trial came to."""
        reached = f"balanced accuracy {trial.accuracy:.4f}" if trial.accuracy is not None else trial.reason
        leading = ", the best so far" if best and best.number == trial.number and not best.known else ""
        logger.info("trial %d: %s in %s, %s%s", trial.number, trial.state, duration(trial.seconds), reached, leading)
