"""A loss or gradient that is not finite: no weight changes from that step on, and the error names the step."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from meli_tasks.core.errors import Diverged
from tests.core.training.gpu_code_path import INTERVAL, SHAPES
from tests.gpu.runs import begun, weights

BAD_STEP = 10


@pytest.mark.parametrize("what", ["loss", "gradient"])
@pytest.mark.parametrize("shape", ["lab's mlp", "mlp", "cnn"])
def test_no_weight_changes_from_the_bad_step_on(device: str, shape: str, what: str) -> None:
    training = begun(device, epochs=2, **SHAPES[shape])
    training.guard.interval = INTERVAL
    before: dict[str, torch.Tensor] = {}
    real = training.loss.of

    def spoiled(logits: torch.Tensor, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        total, weight = real(logits, rows)
        if training.step == BAD_STEP:
            before.update({name: value.clone() for name, value in weights(training.network).items()})
            if what == "loss":
                return total * math.nan, weight
            total.register_hook(lambda gradient: gradient * math.inf)
        return total, weight

    training.loss.of = spoiled  # type: ignore[method-assign]
    with pytest.raises(Diverged, match=rf"the {what} is not finite at step {BAD_STEP + 1} of 26 \(last good loss: \d"):
        for _ in training.run(progress_seconds=1e9):
            pass
    assert training.step == 13  # the end of the epoch, where the host looked in any case
    for name, value in weights(training.network).items():
        assert torch.equal(value, before[name]), name


def test_the_mode_without_bad_steps_trains(device: str) -> None:
    values: dict[str, Any] = {"epochs": 2} | SHAPES["mlp"]
    training = begun(device, **values)
    list(training.run())
    assert training.guard.last_good_loss is not None and math.isfinite(training.guard.last_good_loss)
