"""Runs one trial: the stage `train` as the runner would run it, with a log that can end it early."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from typing_extensions import override

from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.artifacts.outputs import parse_file
from meli_tasks.core.errors import MeliError, OutOfMemory
from meli_tasks.core.hyperparameters import Train
from meli_tasks.disk import full_disk
from meli_tasks.execution.attempts import Written
from meli_tasks.execution.runner import Step
from meli_tasks.search.proposals import Proposals
from meli_tasks.search.trial import State, Trial
from meli_tasks.stages.hooks import Hooks, Inputs, Log
from meli_tasks.stages.summaries import TrainSummary
from meli_tasks.stages.timings import Timings
from meli_tasks.store import Store
from meli_tasks.wording import count


class TrialEnded(Exception):
    """Raised inside a training to end its trial; the caller reads the state and the reason."""

    def __init__(self, state: State, reason: str) -> None:
        super().__init__(reason)
        self.state = state


@dataclass
class TrialLog(Log):
    """The log of a trial's training, which ends the trial when it is poor or cannot finish in time."""

    proposals: Proposals
    epochs: int
    patience: int
    is_start: bool
    """Whether this is the starting set. It is never ended as poor or slow, or there would be nothing to compare to."""
    max_seconds: float
    seconds_left: Callable[[], float]
    report: Callable[[Mapping[str, float | int | str]], None]
    clock: Callable[[], float]
    accuracies: list[float] = field(default_factory=list)
    fastest_epoch: float = math.inf
    first_epoch_seconds: float = 0.0
    started_at: float = field(init=False)

    def __post_init__(self) -> None:
        """Start the clock."""
        self.started_at = self.clock()

    @override
    def info(self, message: str) -> None:
        pass  # a search logs a single line per trial

    @override
    def progress(self, **values: float | int | str) -> None:
        self.report(values)
        if self.seconds_left() <= 0:
            raise TrialEnded("stopped", "the time budget was used up")

    @override
    def epoch(self, values: Mapping[str, float | int | bool]) -> None:
        self.accuracies.append(float(values["validation_balanced_accuracy"]))
        done = len(self.accuracies)
        self.first_epoch_seconds = self.first_epoch_seconds or self.clock() - self.started_at
        if done >= self.epochs:
            return
        after = f"after {done} of {count(self.epochs, 'epoch')}"
        if self.proposals.is_poor(done, self.epochs, self.accuracies[-1]) and not self.is_start:
            raise TrialEnded("pruned", f"{self.accuracies[-1]:.4f} {after}")
        # The fastest epoch, as the first one warms up. Ending a trial a little late costs less than ending it too soon.
        self.fastest_epoch = min(self.fastest_epoch, float(values["seconds"]))
        needed = 0.0 if self.patience else self.fastest_epoch * (self.epochs - done)
        if self.seconds_left() <= needed:
            raise TrialEnded("stopped", f"{after}: the rest would not fit in the time budget")
        # Checked after the first epoch only: finishing a trial that is half done costs less than giving it up.
        if done == 1 and not self.is_start and self.clock() - self.started_at + needed > self.max_seconds:
            raise TrialEnded("stopped", f"{after}: it would use too much of the time budget")


def train(
    step: Step, number: int, inputs: Inputs, out: Path, log: TrialLog, *, device: str, devices: int
) -> tuple[Trial, Written | None]:
    """Train a trial into the folder `out`, which is removed unless the trial finishes.

    Raises:
        MeliError: A failure that a retry may fix, other than a lack of memory: a smaller trial may fit.
    """
    from meli_tasks.stages.train import run  # imports torch

    out.mkdir(parents=True)
    state: State = "finished"
    summary: TrainSummary | None = None
    reason, timings = "", list[Timings]()
    try:
        hooks = Hooks(log, device=device, devices=devices, record_timings=timings.append)
        summary = run(inputs, out, Train.model_validate(step.params), hooks)
    except TrialEnded as ended:
        state, reason = ended.state, str(ended)
    except (MeliError, RuntimeError, MemoryError) as error:  # it diverged, or ran out of memory
        if isinstance(error, MeliError) and error.retryable and not isinstance(error, OutOfMemory):
            raise
        if full := full_disk(error, out):  # every other trial would meet it too
            raise full from error
        state, reason = "failed", next(iter(str(error).strip().splitlines()), type(error).__name__)
    finally:
        if state != "finished" or summary is None:
            shutil.rmtree(out, ignore_errors=True)
    trial = Trial(
        number=number,
        params=step.params,
        state=state,
        accuracy=summary.validation_balanced_accuracy if summary else None,
        seconds=log.clock() - log.started_at,
        epochs_run=len(log.accuracies),
        accuracy_by_quarter=log.proposals.accuracy_by_quarter,
        reason=reason,
    )
    if summary is None:
        return trial, None
    return trial, Written(out, summary, trial.seconds, next(iter(timings), Timings()))


def trial_of_stored_model(store: Store, manifest: Manifest, proposals: Proposals, number: int) -> Trial:
    """Return an already trained model in the store as a trial."""
    epochs = manifest.read_params(Train).epochs
    for epoch in parse_file(store, manifest, "history.json", json.loads):
        proposals.is_poor(int(epoch["epoch"]), epochs, epoch["validation_balanced_accuracy"])
    summary = manifest.read_summary(TrainSummary)
    return Trial(
        number=number,
        params=manifest.params,
        state="finished",
        accuracy=summary.validation_balanced_accuracy,
        seconds=manifest.seconds,
        epochs_run=summary.epochs_run,
        accuracy_by_quarter=proposals.accuracy_by_quarter,
        known=True,
    )
