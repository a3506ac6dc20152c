"""A stage `train` that learns nothing: epochs, an accuracy made from the parameters, and the files of a model."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.training.distributed import check_shared

Accuracy = Callable[[Train], float]


class FakeTraining:
    """Stands in for `meli_tasks.stages.train.run`; `accuracy` may raise what a training raises."""

    def __init__(self, accuracy: Accuracy) -> None:
        self.accuracy = accuracy
        self.trained: list[Train] = []
        self.cards: list[int] = []
        self.before_each_epoch: Callable[[], None] = lambda: None
        self.seconds = 0.0  # what an epoch says that it took

    def __call__(
        self,
        inputs: Mapping[str, Path],
        out: Path,
        params: Mapping[str, Any],
        log: Any,
        *,
        cards: int = 1,
        **rest: Any,
    ) -> dict[str, Any]:
        train = Train.model_validate(dict(params))
        self.trained.append(train)
        self.cards.append(cards)
        check_shared(train, cards)
        reached = self.accuracy(train)
        history = []
        for epoch in range(1, train.epochs + 1):
            self.before_each_epoch()
            share = epoch / train.epochs
            history.append({"epoch": epoch, "validation_balanced_accuracy": reached * share, "seconds": self.seconds})
            log.progress(epoch=epoch, epochs=train.epochs)
            log.epoch(history[-1])
        (out / "history.json").write_text(json.dumps(history))
        (out / "model.json").write_text(json.dumps(dict(params)))
        return {"validation_balanced_accuracy": reached, "epochs_run": train.epochs}
