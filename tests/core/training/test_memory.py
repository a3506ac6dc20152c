"""A full memory leads to smaller batches (there is no GPU here, so a patched network reports that it is full), and a
training process reuses the memory that it freed instead of requesting new pages at each step.
"""

from __future__ import annotations

import platform
import subprocess
import sys
from typing import Any

import pytest
import torch

from meli_tasks.core.errors import OutOfMemory
from meli_tasks.core.models.networks import Batch, PooledBatch
from meli_tasks.core.training.memory import MIN_BATCH_SIZE
from meli_tasks.core.training.progress import Epoch
from meli_tasks.core.training.trainer import Training
from meli_tasks.core.training.validation import validate
from tests.core.training.small_trainings import network_for, params_of, titles_of

ROOM = 40

FAULTS = """
import resource, torch
from meli_tasks.core.training.memory import keep_freed_memory
{first}
for _ in range(20):
    torch.ones(16 * 2**20)  # 64 MB: more than glibc ever keeps of its own accord
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


def begun(room: int, full_from_step: int = 0, **values: Any) -> Training:
    """A training run on a GPU that can hold `room` titles at the same time, from some step on."""
    params = params_of(epochs=2, batch_size=128, ngram_dimensions=4, word_vectors="trained", **values)
    training = Training(network_for(params), titles_of(400, 1), titles_of(60, 2), params)
    real = training.network.forward

    def forward(batch: Batch | PooledBatch) -> torch.Tensor:
        logits = real(batch)
        if training.step >= full_from_step and len(logits) > room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3.00 GiB.\nGPU 0 has ...")
        return logits

    training.network.forward = forward  # type: ignore[method-assign]
    return training


def test_batches_are_halved_until_they_fit_and_every_title_is_used_a_single_time() -> None:
    training = begun(ROOM)
    seen: list[int] = []
    real = training.loss.of

    def noted(logits: torch.Tensor, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        seen.extend(rows.tolist())
        return real(logits, rows)

    training.loss.of = noted  # type: ignore[method-assign]
    epochs = [event for event in training.run() if isinstance(event, Epoch)]
    assert training.batch_size == 32
    assert training.step == training.steps == 2 * 13
    assert sorted(seen) == sorted([*range(400), *range(400)])
    assert training.validation_batch_size == 32
    training.network.forward = type(training.network).forward.__get__(training.network)  # type: ignore[method-assign]
    best = max(epochs, key=lambda epoch: epoch.validation_balanced_accuracy)
    assert validate(training.network, training.validation, 32)[1] == best.validation_balanced_accuracy


def test_halving_in_mid_epoch_repeats_no_title_and_continues_the_schedule() -> None:
    training = begun(ROOM, full_from_step=2)
    rates: list[float] = []
    real = training.optimizer.step

    def noted(rate: float, *others: Any) -> None:
        rates.append(rate)
        real(rate, *others)

    training.optimizer.step = noted  # type: ignore[method-assign]
    first = next(event for event in training.run() if isinstance(event, Epoch))
    assert (first.epoch, training.titles_done, training.batch_size) == (1, 0, 32)
    assert len(rates) == 2 + 5  # 256 titles in two steps, 144 in five
    undisturbed = begun(1_000).params
    assert rates[2] < undisturbed.learning_rate and training.step == 13


def test_a_state_with_smaller_batches_continues_with_them() -> None:
    training = begun(ROOM)
    next(training.run(progress_seconds=0))
    state = training.state()
    resumed = begun(ROOM)
    resumed.resume(state)
    assert resumed.batch_size == 32


def test_a_gpu_too_small_for_the_smallest_batch_is_an_error() -> None:
    training = begun(MIN_BATCH_SIZE - 1)
    before = {name: value.clone() for name, value in training.network.state_dict().items()}
    with pytest.raises(OutOfMemory, match=r"full even with 16 titles per step \(CUDA out of memory\. Tried"):
        for _ in training.run():
            pass
    for name, value in training.network.state_dict().items():
        assert torch.equal(value, before[name]), name


def faults(first: str) -> int:
    """Pages that the system had to fill while a large tensor came and went 20 times."""
    done = subprocess.run(
        [sys.executable, "-c", FAULTS.format(first=first)], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told to keep its memory")
def test_freed_memory_is_reused() -> None:
    assert faults("keep_freed_memory()") + 10 * 2**26 // 4096 < faults("")
