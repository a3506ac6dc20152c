"""Two and four processes (gloo on the CPU, for want of GPUs) train the same network as a single process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from meli_tasks.core.training.trainer import Training
from tests.core.training.small_trainings import network_for, params_of, titles_of

ROOT = Path(__file__).parents[3]
# No dropout, which each process draws for its own titles. 403 titles: two processes share the last batch, of 19,
# unevenly.
VALUES = {"batch_size": 32, "epochs": 3, "dropout": 0.0}


def trained_by(count: int, folder: Path, values: dict[str, Any]) -> list[dict[str, Any]]:
    program = [sys.executable, "-m", "tests.core.training.worker_process"]
    processes = [
        subprocess.Popen([*program, str(number), str(count), str(folder), json.dumps(values)], cwd=ROOT)
        for number in range(count)
    ]
    try:
        assert [process.wait(timeout=600) for process in processes] == [0] * count
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return [torch.load(folder / f"{number}.pt", weights_only=True) for number in range(count)]


def trained_alone(values: dict[str, Any]) -> Training:
    params = params_of(**values)
    training = Training(network_for(params), titles_of(403, 1), titles_of(200, 2), params)
    for _ in training.run():
        pass
    return training


@pytest.mark.parametrize(
    "values",
    [
        {"ngram_dimensions": 6, "word_vectors": "trained", "class_weights": "sqrt", "unreliable_weight": 0.5}
        | {"ema_decay": 0.9, "gradient_clip": 0.5},
        {"architecture": "cnn", "filters": 5, "optimizer": "adam", "word_vectors": "semi_frozen", "trained_words": 12}
        | {"unfreeze_epoch": 2, "keep": "last"},
    ],
)
def test_two_processes_train_the_same_network_as_one(values: dict[str, Any], tmp_path: Path) -> None:
    values = VALUES | values
    both = trained_by(2, tmp_path, values)
    training = trained_alone(values)
    for name, value in training.network.state_dict().items():
        assert torch.equal(both[0]["weights"][name], both[1]["weights"][name]), name
        # Sums in another order, three epochs long.
        torch.testing.assert_close(both[0]["weights"][name], value, atol=1e-4, rtol=1e-3, msg=name)
    for ours, theirs in zip(both[0]["losses"], training.epochs, strict=True):
        assert ours == pytest.approx([theirs.train_loss, theirs.train_cross_entropy, theirs.validation_loss], rel=1e-4)


def test_all_processes_stop_at_the_same_step(tmp_path: Path) -> None:
    both = trained_by(2, tmp_path, VALUES | {"stop_after": 215})  # in the second epoch, of 13 steps each
    assert both[0]["step"] == both[1]["step"] == 17
    assert len(both[0]["losses"]) == 2
    for name, value in both[0]["weights"].items():
        assert torch.equal(value, both[1]["weights"][name]), name


def test_four_processes_are_equal_to_the_bit_though_a_gpu_adds_in_any_order(tmp_path: Path) -> None:
    # Of two parts the sum does not depend on their order, of four it does.
    values = VALUES | {"ngram_dimensions": 6, "word_vectors": "trained", "epochs": 2, "ema_decay": 0.9}
    trained = trained_by(4, tmp_path, values | {"unordered": True})
    alone = trained_alone(values)
    for name, value in trained[0]["weights"].items():
        for other in trained[1:]:
            assert torch.equal(value, other["weights"][name]), name
        torch.testing.assert_close(value, alone.network.state_dict()[name], atol=1e-4, rtol=1e-3, msg=name)
