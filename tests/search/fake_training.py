"""A stage `train` that learns nothing: epochs, an accuracy made from the parameters, and the files of a model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.training.distributed import check_divisible
from meli_tasks.stages.hooks import Hooks, Inputs
from meli_tasks.stages.summaries import TrainSummary

Accuracy = Callable[[Train], float]


class FakeTraining:
    """Stands in for `meli_tasks.stages.train.run`; `accuracy` may raise what a training raises."""

    def __init__(self, accuracy: Accuracy) -> None:
        self.accuracy = accuracy
        self.trained: list[Train] = []
        self.devices: list[int] = []
        self.before_each_epoch: Callable[[], None] = lambda: None
        self.seconds = 0.0  # what an epoch says that it took

    def __call__(self, inputs: Inputs, out: Path, train: Train, hooks: Hooks) -> TrainSummary:
        self.trained.append(train)
        self.devices.append(hooks.devices)
        check_divisible(train, hooks.devices)
        reached = self.accuracy(train)
        history = []
        for epoch in range(1, train.epochs + 1):
            self.before_each_epoch()
            share = epoch / train.epochs
            history.append({"epoch": epoch, "validation_balanced_accuracy": reached * share, "seconds": self.seconds})
            hooks.log.progress(epoch=epoch, epochs=train.epochs)
            hooks.log.epoch(history[-1])
        (out / "history.json").write_text(json.dumps(history))
        (out / "model.json").write_text(train.model_dump_json())
        return TrainSummary(validation_balanced_accuracy=reached, epochs_run=train.epochs)
