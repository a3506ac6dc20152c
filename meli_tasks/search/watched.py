"""One trial: the stage `train` as the runner would run it, with a log that ends it early."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.core.errors import MeliError, OutOfMemory
from meli_tasks.core.hyperparameters import Train
from meli_tasks.execution.runner import Step
from meli_tasks.search.proposals import Proposals
from meli_tasks.search.trial import State, Trial
from meli_tasks.stages.hooks import Hooks, Inputs
from meli_tasks.stages.summaries import TrainSummary
from meli_tasks.store import Store
from meli_tasks.wording import count


class Ended(Exception):
    """Raised from within the training, whose caller knows why."""

    def __init__(self, state: State, reason: str) -> None:
        super().__init__(reason)
        self.state = state


@dataclass
class WatchedTraining:
    """The log of a trial's training. Ends it when the time is up, could not suffice, or the trial is a poor one."""

    proposals: Proposals
    epochs: int
    patience: int
    is_start: bool
    """The starting set is no poor trial and may take its time, or there was nothing to compare with."""
    most_seconds: float
    seconds_left: Callable[[], float]
    told: Callable[[Mapping[str, float | int | str]], None]
    clock: Callable[[], float]
    reached: list[float] = field(default_factory=list)
    quickest_epoch: float = math.inf
    first_epoch_seconds: float = 0.0
    began: float = field(init=False)

    def __post_init__(self) -> None:
        """The clock runs from here."""
        self.began = self.clock()

    def info(self, message: str) -> None:
        """Drops the line: a search tells one line a trial."""

    def progress(self, **values: float | int | str) -> None:
        """Passes it on."""
        self.told(values)
        if self.seconds_left() <= 0:
            raise Ended("stopped", "the minutes were over")

    def epoch(self, values: Mapping[str, float | int | bool]) -> None:
        """Judges the trial by what it has reached."""
        self.reached.append(float(values["validation_balanced_accuracy"]))
        done = len(self.reached)
        self.first_epoch_seconds = self.first_epoch_seconds or self.clock() - self.began
        if done >= self.epochs:
            return
        if self.proposals.is_poor(done, self.epochs, self.reached[-1]) and not self.is_start:
            raise Ended("pruned", f"{self.reached[-1]:.4f} after {done} of {count(self.epochs, 'epoch')}")
        # The first epoch warms up; and a trial that ends a little late costs less than one ended too soon.
        self.quickest_epoch = min(self.quickest_epoch, float(values["seconds"]))
        needed = 0.0 if self.patience else self.quickest_epoch * (self.epochs - done)
        if self.seconds_left() <= needed:
            raise Ended(
                "stopped",
                f"after {done} of {count(self.epochs, 'epoch')}: the rest takes longer than the minutes allow",
            )
        # Judged once: what is half done is better ended than given up.
        if done == 1 and not self.is_start and self.clock() - self.began + needed > self.most_seconds:
            raise Ended(
                "stopped", f"after {done} of {count(self.epochs, 'epoch')}: it would take too many of the minutes"
            )


def train(
    step: Step, number: int, inputs: Inputs, out: Path, log: WatchedTraining, *, device: str, cards: int
) -> tuple[Trial, TrainSummary | None]:
    """Train a trial into the folder `out`, which is removed unless it finished; the trial and the stage's summary."""
    from meli_tasks.stages.train import run  # brings torch

    out.mkdir(parents=True)
    state: State = "finished"
    summary: TrainSummary | None = None
    reason = ""
    try:
        summary = run(inputs, out, Train.model_validate(step.params), Hooks(log, device=device, gpus=cards))
    except Ended as ended:
        state, reason = ended.state, str(ended)
    except (
        MeliError,
        RuntimeError,
        MemoryError,
    ) as error:  # it diverged, or the memory of machine or card is too small
        passing = isinstance(error, MeliError) and error.retryable
        if passing and not isinstance(error, OutOfMemory):  # this worker has no more memory: a smaller trial may fit
            raise
        state, reason = "failed", next(iter(str(error).strip().splitlines()), type(error).__name__)
    finally:
        if state != "finished" or not summary:
            shutil.rmtree(out, ignore_errors=True)
    accuracy = summary.validation_balanced_accuracy if summary else None
    seconds = log.clock() - log.began
    epochs = len(log.reached)
    return Trial(number, step.params, state, accuracy, seconds, epochs, log.proposals.shares, reason), summary


def already_trained(store: Store, manifest: Manifest, proposals: Proposals, number: int) -> Trial:
    """The trial that a training which stands in the store amounts to."""
    blob = store.read(manifest.file_name("history.json"))
    history = json.loads(blob.data) if blob else []
    for epoch in history:
        proposals.is_poor(int(epoch["epoch"]), int(manifest.params["epochs"]), epoch["validation_balanced_accuracy"])
    summary = manifest.read_summary(TrainSummary)
    accuracy, epochs = summary.validation_balanced_accuracy, summary.epochs_run
    return Trial(number, manifest.params, "finished", accuracy, manifest.seconds, epochs, proposals.shares, known=True)
