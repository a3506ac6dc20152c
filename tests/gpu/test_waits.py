"""A whole training run, in which the host waits for the GPU only where `host_waits` says so."""

from __future__ import annotations

import pytest
import torch

from tests.core.training.gpu_code_path import SHAPES, no_waits
from tests.gpu.runs import begun, finished


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_run_waits_only_where_it_says_so(device: str, shape: str, precision: str) -> None:
    values = {"dropout": 0.2, "epochs": 2, "precision": precision} | SHAPES[shape]
    training = begun(device, **values)
    with no_waits(device):
        finished(training)
    assert training.step == 26


def test_the_mode_that_forbids_waiting_notices_it(device: str) -> None:
    mask = torch.tensor([True, False], device=device)
    with pytest.raises((RuntimeError, AssertionError)), no_waits(device):
        mask.nonzero()
