"""A running average of the weights over the steps: steadier than the weights of any one step."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import functional

from meli_tasks.core.training.optimizers import Optimizer

ROWS_AT_ONCE = 65_536
YOUNG = 10
"""The decay starts small, (1 + step) / (10 + step), so that the first weights, which are random, are soon forgotten."""


class EMA:
    """average = decay * average + (1 - decay) * weights after every step, for every weight that trains.

    A table's rows are averaged only when a step is about to move them: until then all their weights were the same.
    """

    def __init__(self, optimizer: Optimizer, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.dense = optimizer.dense
        self.tables = [rows.table for rows in optimizer.rows]
        self.averages = [weight.detach().clone() for weight in self.dense]
        self.row_averages = [table.weight[: table.trained].detach().clone() for table in self.tables]
        # Up to which step each row's average counts.
        self.row_steps = [mean.new_zeros(len(mean), dtype=torch.int64) for mean in self.row_averages]
        # The sum of log(decay) up to each step for as long as the decay grows; from then on it grows evenly.
        young = torch.arange(1, math.ceil((YOUNG * decay - 1) / (1 - decay)) + 1, dtype=torch.float64)
        logs = ((1 + young) / (YOUNG + young)).clamp(max=decay).log().cumsum(0)
        self._logs = functional.pad(logs, (1, 0)).to(optimizer.device)

    @torch.no_grad()
    def before_rows_move(self, place: int, rows: Tensor) -> None:
        """Counts the steps in which these distinct rows of the table at `place` stood still."""
        average, weight = self.row_averages[place], self.tables[place].weight
        kept = self._decays_since(self.row_steps[place][rows])[:, None]
        still = weight.index_select(0, rows)
        average.index_copy_(0, rows, torch.lerp(still, average.index_select(0, rows), kept))
        self.row_steps[place][rows] = self.steps

    @torch.no_grad()
    def after_step(self) -> None:
        """Counts the step that was taken."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (YOUNG + self.steps))
        torch._foreach_lerp_(self.averages, [weight.detach() for weight in self.dense], 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The network has the averages for weights inside."""
        self._settle()
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def take_over(self) -> None:
        """Gives the network the averages for good, once its training has ended."""
        self._settle()
        self._swap()

    def tensors(self) -> dict[str, Tensor]:
        """What `load` takes, by name."""
        named = {f"dense.{place}": value for place, value in enumerate(self.averages)}
        named |= {f"rows.{place}": value for place, value in enumerate(self.row_averages)}
        return named | {f"steps.{place}": value for place, value in enumerate(self.row_steps)}

    def load(self, tensors: dict[str, Tensor], steps: int) -> None:
        """Takes over what `tensors` told after `steps` steps."""
        for name, value in tensors.items():
            kind, place = name.split(".")
            {"dense": self.averages, "rows": self.row_averages, "steps": self.row_steps}[kind][int(place)].copy_(value)
        self.steps = steps

    def _decays_since(self, steps: Tensor) -> Tensor:
        """The product of the decays after each of these steps: (n,) float32."""
        return (self._log_until(torch.tensor(self.steps, device=steps.device)) - self._log_until(steps)).exp().float()

    def _log_until(self, steps: Tensor) -> Tensor:
        young = steps.clamp(max=len(self._logs) - 1)
        return self._logs[young] + (steps - young).double() * math.log(self.decay)

    def _settle(self) -> None:
        for place, average in enumerate(self.row_averages):
            for rows in torch.split(torch.arange(len(average), device=average.device), ROWS_AT_ONCE):
                self.before_rows_move(place, rows)

    @torch.no_grad()
    def _swap(self) -> None:
        weights = [weight.detach() for weight in self.dense]
        weights += [table.weight[: table.trained] for table in self.tables]
        for weight, average in zip(weights, self.averages + self.row_averages, strict=True):
            held = weight.clone()
            weight.copy_(average)
            average.copy_(held)
