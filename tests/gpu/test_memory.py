"""A full GPU halves the batch for real, and the memory that a run takes is the one that the formula predicts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from benchmarks.gpu.formulas import memory_of
from benchmarks.gpu.workloads import Workload, training_of
from meli_tasks.core.errors import OutOfMemory
from meli_tasks.core.models.networks import build
from meli_tasks.core.training.memory import MIN_BATCH_SIZE
from meli_tasks.core.training.trainer import Training
from tests.core.training.small_trainings import NGRAMS, WORDS, params_of, titles_of
from tests.gpu.runs import finished, moved, set_words

MANY_CATEGORIES = 20_000
SMALL = Workload("mlp", titles=3_000, vocabulary=2_000, ngrams=4_000, seed=1)
GPU_WORKLOADS = [
    Workload("mlp_1", titles=200_000),
    Workload("cnn_1", titles=100_000),
    *(Workload("mlp", titles=100_000, batch_size=size) for size in (512, 4_096)),
    Workload("mlp", titles=100_000, vocabulary=500_000, ngrams=1_000_000),
    Workload("cnn", titles=100_000),
]
STATIC, PEAK = 1.05, 2.0
"""How far the measured memory may be from the formula: weights and titles, and at the peak of a step."""


@pytest.fixture
def small_gpu(gpu: str) -> Iterator[str]:
    """A GPU of which this process may use 2 GB more than now."""
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, (torch.cuda.memory_reserved() + 2e9) / total))
    yield gpu
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()


def run_with(categories: int, device: str, **values: Any) -> Training:
    params = params_of(word_vectors="trained", ngram_dimensions=8, hidden=(), epochs=1, **values)
    network = build(params, (WORDS, 8), NGRAMS, categories)
    set_words(network, 7)
    titles = titles_of(20_000, 1)
    return Training(network.to(device), moved(titles, device), moved(titles_of(500, 2), device), params)


def test_a_full_gpu_halves_the_batch_and_uses_every_title_a_single_time(small_gpu: str) -> None:
    training = run_with(MANY_CATEGORIES, small_gpu, batch_size=16_384)
    seen: list[torch.Tensor] = []
    real = training.optimizer.step

    def noted(*arguments: Any) -> None:
        real(*arguments)
        seen.append(rows_of_step[-1])

    rows_of_step: list[torch.Tensor] = []
    real_loss = training.loss.of

    def of(logits: torch.Tensor, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        rows_of_step.append(rows)
        return real_loss(logits, rows)

    training.loss.of = of  # type: ignore[method-assign]
    training.optimizer.step = noted  # type: ignore[method-assign]
    finished(training)
    assert MIN_BATCH_SIZE < training.batch_size < 16_384
    assert sorted(torch.cat(seen).tolist()) == list(range(20_000))
    assert all(bool(torch.isfinite(weight).all()) for weight in training.network.parameters())


def fill(device: str) -> list[torch.Tensor]:
    """Take all memory that this process may use, and return it as blocks."""
    blocks: list[torch.Tensor] = []
    for size in (2**26, 2**20):
        while True:
            try:
                blocks.append(torch.empty(size, dtype=torch.uint8, device=device))
            except torch.OutOfMemoryError:
                break
    return blocks


def test_a_gpu_too_small_for_the_smallest_batch_is_an_error(small_gpu: str) -> None:
    training = run_with(MANY_CATEGORIES, small_gpu, batch_size=64)
    blocks = fill(small_gpu)
    with pytest.raises(OutOfMemory, match="the GPU's memory is full even with 16 titles per step"):
        finished(training)
    assert training.step == 0 and blocks


def test_the_formula_counts_the_weights_and_the_titles(device: str) -> None:
    training, _ = training_of(SMALL, device)
    predicted = memory_of(training)
    held = {id(weight): weight.nbytes for weight in training.network.parameters()}
    assert predicted.weights == sum(held.values())
    optimizer = sum(value.nbytes for value in training.optimizer.tensors().values())
    assert predicted.optimizer == pytest.approx(optimizer, rel=0.01)


@pytest.mark.parametrize("workload", GPU_WORKLOADS, ids=str)
def test_a_run_takes_the_memory_of_the_formula(
    gpu: str, workload: Workload, record_property: pytest.RecordProperty
) -> None:
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    training, _ = training_of(workload, gpu)
    torch.cuda.synchronize()
    static = torch.cuda.memory_allocated() - before
    torch.cuda.reset_peak_memory_stats()
    for _, _ in zip(training.run(progress_seconds=0), range(70), strict=False):
        pass
    peak = torch.cuda.max_memory_allocated() - before
    predicted = memory_of(training)
    record_property("static bytes", f"{static:,} (formula {predicted.static:,})")
    record_property("peak bytes", f"{peak:,} (formula {predicted.peak:,})")
    assert predicted.static / STATIC <= static <= predicted.static * STATIC + 2**20
    assert predicted.peak / PEAK <= peak <= predicted.peak * PEAK
