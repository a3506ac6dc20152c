"""What a training tells of itself while it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Where a training is, several times a second at most."""

    epoch: int
    epochs: int
    step: int
    steps: int
    titles_per_second: float
    loss: float
    seconds_left: float


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to. `best`: better than every epoch before. The seconds are the clock's, the rest repeats."""

    epoch: int
    train_loss: float
    validation_loss: float
    validation_balanced_accuracy: float
    learning_rate: float
    seconds: float
    best: bool
