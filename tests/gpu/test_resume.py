"""A run that was killed resumes on the GPU; a checkpoint moves between CPU and GPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from meli_tasks.core.training.state import State
from meli_tasks.core.training.trainer import Training
from meli_tasks.stages.training.setup import read_state, write_state
from tests.core.training.gpu_code_path import SHAPES, WITHOUT_DROPOUT
from tests.gpu.runs import begun, finished, largest_distance, plain, weights

VALUES: dict[str, Any] = {"epochs": 3, "dropout": 0.2}


def killed_at(training: Training, event: int, folder: Path) -> State:
    """The state after some events, as another process reads it."""
    for count, _ in enumerate(training.run(progress_seconds=0), 1):
        if count == event:
            break
    write_state(folder / "checkpoint", training.state())
    return read_state(folder / "checkpoint")


@pytest.mark.parametrize("event", [4, 14])  # within an epoch, and at its end
@pytest.mark.parametrize("shape", ["lab's mlp", "mlp", "cnn", "ema"])
def test_a_killed_run_resumes_with_the_same_dropout(device: str, shape: str, event: int, tmp_path: Path) -> None:
    values = VALUES | SHAPES[shape]
    undisturbed = finished(begun(device, **values))
    state = killed_at(begun(device, **values), event, tmp_path)
    assert state.metadata.device == device
    resumed = begun(device, **values)
    resumed.resume(state)
    finished(resumed)
    assert resumed.step == undisturbed.step
    apart = largest_distance(weights(resumed.network), weights(undisturbed.network))
    assert apart == 0 if device == "cpu" else apart < 1e-3
    losses = [epoch.validation_loss for epoch in resumed.epochs]
    assert losses == pytest.approx([epoch.validation_loss for epoch in undisturbed.epochs], rel=1e-3)


@pytest.mark.parametrize("start", ["cpu", "device"])
@pytest.mark.parametrize("shape", ["lab's cnn", "mlp", "ema"])
def test_a_checkpoint_continues_on_the_other_kind_of_device(
    device: str, shape: str, start: str, tmp_path: Path
) -> None:
    values = VALUES | SHAPES[shape] | WITHOUT_DROPOUT | {"precision": "float32"}
    undisturbed = finished(plain(**values))
    first, second = (plain(**values), begun(device, **values)) if start == "cpu" else (
        begun(device, **values), plain(**values)
    )  # fmt: skip
    second.resume(killed_at(first, 7, tmp_path))
    finished(second)
    assert second.step == undisturbed.step and len(second.epochs) == 3
    apart = largest_distance(weights(second.network), weights(undisturbed.network))
    assert apart <= (1e-5 if device == "cpu" else 2e-2)


def test_dropout_of_another_kind_of_device_is_drawn_anew(gpu: str, tmp_path: Path) -> None:
    values = VALUES | SHAPES["mlp"]
    resumed = begun(gpu, **values)
    resumed.resume(killed_at(plain(**values), 4, tmp_path))
    assert resumed.network.generator.device.type == "cuda"
    assert torch.isfinite(torch.tensor(finished(resumed).epochs[-1].validation_loss))
