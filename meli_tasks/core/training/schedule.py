"""The learning rate's course over the steps, a pure function of the step."""

from __future__ import annotations

import math

from meli_tasks.core.hyperparameters import Train

FIRST_SHARE = 1 / 25
"""one_cycle starts at this share of the peak."""


def learning_rate_at(step: int, steps: int, params: Train) -> float:
    """The learning rate of step 0 ... steps - 1."""
    peak = params.learning_rate
    if params.schedule == "constant":
        return peak
    if params.schedule == "cosine":
        return peak * 0.5 * (1 + math.cos(math.pi * step / steps))
    climb = params.warmup_share * steps
    if step < climb:
        share = 0.5 * (1 - math.cos(math.pi * step / climb))
        return peak * (FIRST_SHARE + (1 - FIRST_SHARE) * share)
    return peak * 0.5 * (1 + math.cos(math.pi * (step - climb) / max(steps - climb, 1)))
