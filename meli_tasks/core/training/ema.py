"""The exponential moving average (EMA) of the weights over the steps: steadier than the weights of any one step."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from meli_tasks.core.training.optimizers import Optimizer

ROWS_AT_ONCE = 65_536
WARMUP = 10
"""The decay starts at (1 + step) / (WARMUP + step), so that the random initial weights are soon forgotten."""


class EMA:
    """average = decay * average + (1 - decay) * weights after every step, for every weight that trains.

    The rows of a sparse embedding are averaged lazily, just before a step changes them: until then their weights were
    constant, so the steps in between can be applied together.
    """

    def __init__(self, optimizer: Optimizer, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.dense = optimizer.dense
        self.tables = [rows.table for rows in optimizer.rows]
        self.averages = [weight.detach().clone() for weight in self.dense]
        self.row_averages = [table.weight[: table.trained].detach().clone() for table in self.tables]
        # The step up to which each row's average is complete.
        self.row_steps = [average.new_zeros(len(average), dtype=torch.int64) for average in self.row_averages]
        # The last step whose decay the warm-up determines; a million and more for a decay near 1.
        self._warmup_steps = max(0, math.floor((WARMUP * decay - 1) / (1 - decay)))

    @torch.no_grad()
    def update_rows(self, table: int, rows: Tensor) -> None:
        """Update the averages of these distinct rows of a table, before a step changes the rows."""
        average, weight = self.row_averages[table], self.tables[table].weight
        kept = self._decay_since(self.row_steps[table][rows])[:, None]
        constant = weight.index_select(0, rows)
        average.index_copy_(0, rows, torch.lerp(constant, average.index_select(0, rows), kept))
        self.row_steps[table].index_fill_(0, rows, self.steps)

    @torch.no_grad()
    def after_step(self) -> None:
        """Update the averages of the dense weights after a step."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (WARMUP + self.steps))
        for average, weight in zip(self.averages, self.dense, strict=True):
            average.lerp_(weight.detach(), 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Inside this context the network's weights are the averages."""
        self._update_all_rows()
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def take_over(self) -> None:
        """Make the averages the network's weights for good, at the end of its training."""
        self._update_all_rows()
        self._swap()

    def tensors(self) -> dict[str, Tensor]:
        """The state by name, for `load`."""
        named = {f"dense.{place}": value for place, value in enumerate(self.averages)}
        named |= {f"rows.{place}": value for place, value in enumerate(self.row_averages)}
        return named | {f"steps.{place}": value for place, value in enumerate(self.row_steps)}

    def load(self, tensors: dict[str, Tensor], steps: int) -> None:
        """Restore the state that `tensors` returned after `steps` steps."""
        for name, value in tensors.items():
            kind, place = name.split(".")
            {"dense": self.averages, "rows": self.row_averages, "steps": self.row_steps}[kind][int(place)].copy_(value)
        self.steps = steps

    def _decay_since(self, steps: Tensor) -> Tensor:
        """The product of the decays after each of these steps: (n,) float32."""
        now = torch.full((), self.steps, dtype=torch.int64, device=steps.device)  # torch.tensor would be copied there
        return (self._log_until(now) - self._log_until(steps)).exp().float()

    def _log_until(self, steps: Tensor) -> Tensor:
        """The sum of the logarithms of the decays of all steps up to each of these.

        In the warm-up it is the logarithm of the product of (1 + s) / (WARMUP + s) over s = 1 .. t, of which all but
        the ends cancel: WARMUP! / ((t + 2) ... (t + WARMUP)). Afterwards it grows linearly.
        """
        in_warmup = steps.clamp(max=self._warmup_steps)
        ends = torch.arange(2, WARMUP + 1, dtype=torch.float64, device=steps.device)
        product = (in_warmup.double()[..., None] + ends).log().sum(-1)
        return math.lgamma(WARMUP + 1) - product + (steps - in_warmup).double() * math.log(self.decay)

    def _update_all_rows(self) -> None:
        for table, average in enumerate(self.row_averages):
            for rows in torch.split(torch.arange(len(average), device=average.device), ROWS_AT_ONCE):
                self.update_rows(table, rows)

    @torch.no_grad()
    def _swap(self) -> None:
        weights = [weight.detach() for weight in self.dense]
        weights += [table.weight[: table.trained] for table in self.tables]
        for weight, average in zip(weights, self.averages + self.row_averages, strict=True):
            held = weight.clone()
            weight.copy_(average)
            average.copy_(held)
        for table in self.tables:
            table.weight_changed()
