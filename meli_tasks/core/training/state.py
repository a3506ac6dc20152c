"""The state of a training run between two steps."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from meli_tasks.core.training.progress import Epoch


@dataclass(frozen=True)
class Metadata:
    """The part of a state that is plain numbers and text.

    `row_steps` are the steps that each sparse embedding has taken; `last_good_loss` is None before the first step.
    """

    step: int
    epoch: int
    titles_done: int
    batch_size: int
    epochs: tuple[Epoch, ...]
    best_accuracy: float
    epochs_without_improvement: int
    last_good_loss: float | None
    titles: int
    row_steps: tuple[int, ...]
    ema_steps: int
    device: str
    stopped: bool
    cut_short: bool


@dataclass(frozen=True)
class State:
    """Everything that another process needs to continue a training run as if it had not been interrupted.

    `tensors` share memory with the run: write them before it continues.
    """

    metadata: Metadata
    tensors: dict[str, Tensor]

    def under(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin with `prefix`, by the rest of the name."""
        return {name.removeprefix(prefix): value for name, value in self.tensors.items() if name.startswith(prefix)}
