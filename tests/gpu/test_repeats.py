"""The same seed again, two runs at the same time, and the precision of validation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from meli_tasks.core.training import validation
from tests.core.training.gpu_code_path import SHAPES
from tests.gpu.runs import begun, distance, finished, largest_distance, plain, weights, without_clock

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_seed_trains_the_same_network(device: str, shape: str, record_property: pytest.RecordProperty) -> None:
    # docs/operating.md promises the same bits on the CPU only.
    values = {"dropout": 0.2, "epochs": 2} | SHAPES[shape]
    first, second = finished(begun(device, **values)), finished(begun(device, **values))
    apart = largest_distance(weights(first.network), weights(second.network))
    record_property("distance of two runs", apart)
    if device == "cpu":
        assert apart == 0 and without_clock(first) == without_clock(second)
    assert apart <= 1e-2
    other = finished(begun(device, seed=2, **values))
    assert distance(other.network.out.weight, first.network.out.weight) > 0.1


def test_what_the_seed_alone_decides_is_equal_on_every_device(device: str) -> None:
    ours, theirs = begun(device, **SHAPES["mlp"]), plain(**SHAPES["mlp"])
    assert all(torch.equal(value, weights(theirs.network)[name]) for name, value in weights(ours.network).items())
    orders = [torch.randperm(100, generator=training.order) for training in (ours, theirs)]
    assert torch.equal(*orders)


def test_two_runs_side_by_side_do_not_disturb_each_other(device: str) -> None:
    values = [{"dropout": 0.2, "epochs": 2} | SHAPES[shape] for shape in ("mlp", "cnn")]
    alone = [finished(begun(device, **each)) for each in values]
    together = [begun(device, **each) for each in values]
    for _ in zip(*(training.run(progress_seconds=0) for training in together), strict=True):
        pass
    for one, other in zip(alone, together, strict=True):
        apart = largest_distance(weights(other.network), weights(one.network))
        assert apart == 0 if device == "cpu" else apart <= 1e-2


def test_two_processes_train_on_one_gpu_at_the_same_time(gpu: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.gpu.one_run", gpu]
    processes = [subprocess.Popen([*command, shape, str(tmp_path / shape)], cwd=ROOT) for shape in ("mlp", "cnn")]
    try:
        assert [process.wait(timeout=280) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    for shape in ("mlp", "cnn"):
        alone = weights(finished(begun(gpu, epochs=2, **SHAPES[shape])).network)
        assert largest_distance(load_file(tmp_path / shape), alone) <= 1e-2


@pytest.mark.parametrize(("precision", "reduced"), [("float32", False), ("bfloat16", True), ("auto", True)])
def test_validation_on_a_gpu_computes_in_the_precision_of_the_set(gpu: str, precision: str, reduced: bool) -> None:
    training = begun(gpu, epochs=1, precision=precision, **SHAPES["mlp"])
    kinds: set[torch.dtype] = set()
    training.network.out.register_forward_hook(lambda module, given, logits: kinds.add(logits.dtype))
    validation.validate_within_memory(training.network, training.validation, 64)
    assert kinds == {torch.bfloat16 if reduced else torch.float32}
