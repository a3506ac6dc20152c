"""No step is taken on a loss or gradient that is not finite, and the error says which step it was."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from meli_tasks.core.errors import Diverged
from meli_tasks.core.hyperparameters import Train


class FiniteGuard:
    """Looks at every step on the CPU. On a card a look would make the host wait, so it looks every `every` steps.

    Until then the card itself skips the bad step and every one after it, and keeps which was the first and the last
    good loss.
    """

    def __init__(self, device: torch.device, params: Train, every: int) -> None:
        self.params = params
        self.every = every
        self.last_good = math.nan
        self._bad = torch.zeros((), device=device)  # 1 once a step was not finite
        self._facts = torch.tensor([math.nan, math.nan, math.nan], dtype=torch.float64, device=device)

    def admit(self, loss: Tensor, norm: Tensor, step: int, steps: int) -> Tensor | None:
        """What the optimiser is to skip the step by, on the device: 1 for skip; None: it is fine, take it.

        Raises Diverged, at once on the CPU, else when it looks.
        """
        if self.every == 1:
            if not bool(torch.isfinite(loss + norm)):
                self._refuse(loss, step, steps)
            self.last_good = float(loss)
            return None
        fine = torch.isfinite(loss + norm)
        first = ~fine & (self._bad == 0)
        seen = torch.stack([torch.full_like(loss, step), loss, self._facts[2].to(loss.dtype)]).double()
        self._facts[:2] = torch.where(first, seen[:2], self._facts[:2])
        self._bad = torch.maximum(self._bad, (~fine).float())
        self._facts[2] = torch.where(self._bad == 0, loss.double(), self._facts[2])
        if (step + 1) % self.every == 0:
            self.look(steps)
        return self._bad

    def look(self, steps: int) -> None:
        """Has the host read what the card kept. Raises Diverged when a step since the last look was not finite."""
        if self.every == 1:
            return
        step, loss, good = self._facts.tolist()
        self.last_good = good
        if bool(self._bad):
            self._refuse(torch.tensor(loss), int(step), steps)

    def _refuse(self, loss: Tensor, step: int, steps: int) -> None:
        what = "gradient" if bool(torch.isfinite(loss)) else "loss"
        good = "none, it was the first step" if math.isnan(self.last_good) else f"{self.last_good:.6g}"
        raise Diverged(
            f"the {what} is not finite at step {step + 1} of {steps} (last good loss: {good}); "
            f"the step was not taken. A smaller learning_rate (now {self.params.learning_rate:g}) or a "
            f"gradient_clip (now {self.params.gradient_clip:g}) helps"
        )
