"""The learning-rate schedule, a pure function of the step."""

from __future__ import annotations

import math

from meli_tasks.core.hyperparameters import Train

INITIAL_FRACTION = 1 / 25
"""one_cycle starts at this fraction of the peak learning rate."""


def learning_rate_at(step: int, steps: int, params: Train) -> float:
    """The learning rate of a step, from 0 to steps - 1."""
    peak = params.learning_rate
    if params.schedule == "constant":
        return peak
    if params.schedule == "cosine":
        return peak * 0.5 * (1 + math.cos(math.pi * step / steps))
    warmup = params.warmup_fraction * steps
    if step < warmup:
        fraction = 0.5 * (1 - math.cos(math.pi * step / warmup))
        return peak * (INITIAL_FRACTION + (1 - INITIAL_FRACTION) * fraction)
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(steps - warmup, 1)))
