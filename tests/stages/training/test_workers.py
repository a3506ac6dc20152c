"""One training run on several GPUs: processes on the CPU stand in for them."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from meli_tasks.core.errors import BadHyperparameters, Unreachable
from meli_tasks.stages import train
from meli_tasks.stages.hooks import Hooks
from meli_tasks.stages.training import workers
from tests.stages.small_titles import Recorded, params_of, prepared


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    return prepared(tmp_path)


def test_two_processes_train_one_network(inputs: dict[str, Path], tmp_path: Path) -> None:
    # There is no GPU here: two processes on the CPU stand in for two GPUs.
    outs = [tmp_path / name for name in ("alone", "together")]
    log = Recorded()
    for out, gpus in zip(outs, (1, 2), strict=True):
        out.mkdir()
        train.run(inputs, out, params_of(ngram_dimensions=4, epochs=3), Hooks(log, device="cpu", gpus=gpus))
    assert any("mlp on 2 x cpu" in line for line in log.lines)
    histories = [json.loads((out / "history.json").read_text()) for out in outs]
    for alone, together in zip(*histories, strict=True):
        assert together["validation_loss"] == pytest.approx(alone["validation_loss"], rel=1e-3)


def test_a_lost_worker_ends_the_others_and_is_reported(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "PROGRAM", [sys.executable, "-c", "raise SystemExit('the GPU fell off the bus')"])
    monkeypatch.setattr(workers, "TIMEOUT", timedelta(seconds=5))
    with pytest.raises(Unreachable, match=r"process 1 of ranks 0 to 1 ended early.*the GPU fell off the bus"):
        train.run(inputs, tmp_path, params_of(), Hooks(device="cpu", gpus=2))


def test_batches_that_the_gpus_cannot_divide_are_rejected(inputs: dict[str, Path], tmp_path: Path) -> None:
    for values, message in (
        ({"batch_size": 15}, "2 GPUs cannot divide batches of 15"),
        ({"mean_over_padding": True}, "trains on one GPU only"),
        ({"architecture": "cnn", "max_over_padding": True}, "max_over_padding, .* trains on one GPU only"),
    ):
        with pytest.raises(BadHyperparameters, match=message):
            train.run(inputs, tmp_path, params_of(**values), Hooks(device="cpu", gpus=2))
