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
    """The results of one epoch. Only `seconds` differs between repeated runs.

    Args:
        epoch: Its number, from 1.
        train_loss: The mean of the loss that is minimized, with margin, smoothing, logit adjustment and weights.
        validation_loss: The mean cross-entropy on the validation titles, without any of these.
        validation_balanced_accuracy: The mean recall of the categories.
        learning_rate: Of the last step.
        seconds: With validation.
        best: Whether it is better than all before.
        train_cross_entropy: The mean cross-entropy on the training titles, the same quantity as `validation_loss`,
            but with dropout and while the weights changed. None if part of the epoch was trained by a version that did
            not record it.
    """

    epoch: int
    train_loss: float
    validation_loss: float
    validation_balanced_accuracy: float
    learning_rate: float
    seconds: float
    best: bool
    train_cross_entropy: float | None = None
