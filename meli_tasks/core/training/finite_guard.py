"""Takes no step on a loss or gradient that is not finite, and says which step it was."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from meli_tasks.core.data.host_waits import host_waits
from meli_tasks.core.errors import Diverged
from meli_tasks.core.hyperparameters import Train


class FiniteGuard:
    """Checks that the loss and the gradient of every step are finite.

    On the CPU it checks every step immediately. On a GPU a check would make the host wait for the device, so the host
    checks only every `interval` steps; until then the device itself skips the bad step and all after it, and remembers
    the first bad step and the last good loss.
    """

    def __init__(self, device: torch.device, params: Train, interval: int) -> None:
        self.params = params
        self.interval = interval
        self.last_good_loss: float | None = None
        self._bad = torch.zeros((), device=device)  # 1 from the first step on that was not finite
        # Step and loss of the first bad step, and the last good loss.
        self._record = torch.full((3,), math.nan, dtype=torch.float64, device=device)

    def admit(self, loss: Tensor, norm: Tensor, step: int, steps: int) -> Tensor | None:
        """Check a step before it is taken.

        Returns:
            None if the step may be taken, otherwise a number on the device that is 1 if the optimizer must skip it.

        Raises:
            Diverged: the loss or the gradient is not finite. Raised immediately on the CPU, at the next check on a GPU.
        """
        if self.interval == 1:
            value = float(loss)
            if not math.isfinite(value + float(norm)):  # on the host: half of the time of a kernel that says so
                self._fail(loss, step, steps)
            self.last_good_loss = value
            return None
        finite = torch.isfinite(loss + norm)
        first = ~finite & (self._bad == 0)
        current = torch.stack([torch.full_like(loss, step), loss, self._record[2].to(loss.dtype)]).double()
        self._record[:2] = torch.where(first, current[:2], self._record[:2])
        self._bad = torch.maximum(self._bad, (~finite).float())
        self._record[2] = torch.where(self._bad == 0, loss.double(), self._record[2])
        if (step + 1) % self.interval == 0:
            self.check(steps)
        return self._bad

    def check(self, steps: int) -> None:
        """Read what the device recorded since the last check.

        Raises:
            Diverged: one of these steps was not finite.
        """
        if self.interval == 1:
            return
        with host_waits("once per `interval` steps: whether they were finite"):
            (step, loss, last_good), bad = self._record.tolist(), bool(self._bad)
        self.last_good_loss = None if math.isnan(last_good) else last_good
        if bad:
            self._fail(torch.tensor(loss), int(step), steps)

    def _fail(self, loss: Tensor, step: int, steps: int) -> None:
        what = "gradient" if bool(torch.isfinite(loss)) else "loss"
        good = "none, it was the first step" if self.last_good_loss is None else f"{self.last_good_loss:.6g}"
        raise Diverged(
            f"the {what} is not finite at step {step + 1} of {steps} (last good loss: {good}); "
            f"the step was not taken. Try a smaller train.learning_rate (now {self.params.learning_rate:g}) or a "
            f"train.gradient_clip (now {self.params.gradient_clip:g})"
        )
