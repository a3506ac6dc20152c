"""Running totals over the titles of the current epoch, from which its training losses are calculated."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from meli_tasks.core.data.host_waits import host_waits

NAMES = ("loss_total", "weight_total", "cross_entropy_total", "title_total")


class EpochTotals:
    """The totals, on the training device. They are updated at every step, so nothing here waits for the device.

    `loss_total` and `weight_total` are of the loss that is minimized, with margin, label smoothing, logit adjustment
    and weights. `cross_entropy_total` and `title_total` are of the plain cross-entropy, the quantity that validation
    reports, so that the two can be compared.
    """

    def __init__(self, device: torch.device) -> None:
        self._totals = {name: torch.zeros((), dtype=torch.float64, device=device) for name in NAMES}

    def reset(self) -> None:
        """Begin an epoch."""
        for total in self._totals.values():
            total.zero_()

    def add(self, loss: Tensor, weight: Tensor, cross_entropy: Tensor, titles: Tensor) -> None:
        """Add the sums of one batch."""
        for total, value in zip(self._totals.values(), (loss, weight, cross_entropy, titles), strict=True):
            total.add_(value)

    @property
    def loss(self) -> float:
        """The weighted mean of the loss that is minimized."""
        with host_waits("once per epoch: its losses"):
            return float(self._totals["loss_total"] / self._totals["weight_total"])

    @property
    def cross_entropy(self) -> float | None:
        """The mean plain cross-entropy; None if part of the epoch was trained by a version that did not add it up."""
        with host_waits("once per epoch: its losses"):
            mean = float(self._totals["cross_entropy_total"] / self._totals["title_total"])
        return None if math.isnan(mean) else mean  # NaN marks such an epoch: see `load`

    def tensors(self) -> dict[str, Tensor]:
        """The totals, for a checkpoint."""
        return dict(self._totals)

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Continue from the totals of a checkpoint. Checkpoints up to 0.1.0 have no cross-entropy."""
        for name, total in self._totals.items():
            if name in tensors:
                total.copy_(tensors[name])
            else:
                total.fill_(torch.nan)
