"""What a training run reports while it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far a training run is. Reported several times a second at most."""

    epoch: int
    epochs: int
    step: int
    steps: int
    titles_per_second: float
    loss: float
    seconds_left: float


@dataclass(frozen=True)
class Epoch:
    """The results of one epoch. `best`: better than all before. Only `seconds` differs between repeated runs."""

    epoch: int
    train_loss: float
    validation_loss: float
    validation_balanced_accuracy: float
    learning_rate: float
    seconds: float
    best: bool
