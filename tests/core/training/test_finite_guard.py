"""The guard as on a GPU, simulated on the CPU: it checks only every few steps, and still no bad step is taken."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from meli_tasks.core.errors import Diverged
from meli_tasks.core.training.trainer import Training
from tests.core.training.small_trainings import network_for, params_of, titles_of


def begun(every: int, **values: Any) -> Training:
    params = params_of(epochs=2, ngram_dimensions=4, word_vectors="trained", hidden=(8,), **values)
    training = Training(network_for(params), titles_of(400, 1), titles_of(60, 2), params)
    training.guard.interval = every
    return training


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_rare_checks_train_the_same_weights(optimizer: str) -> None:
    networks = []
    for every in (1, 8):
        training = begun(every, optimizer=optimizer, gradient_clip=0.5)
        for _ in training.run():
            pass
        networks.append(training.network.state_dict())
    for name, value in networks[0].items():
        assert torch.equal(value, networks[1][name]), name


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_the_bad_step_and_those_after_it_change_nothing_until_the_host_checks(optimizer: str, what: str) -> None:
    training = begun(8, optimizer=optimizer)
    network = training.network
    before: dict[str, torch.Tensor] = {}
    good: list[float] = []
    real = training.loss.of

    def spoiled(logits: torch.Tensor, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        total, weight = real(logits, rows)
        if training.step < 10:
            good.append(float((total / weight).detach()))
        if training.step == 10:
            before.update({name: value.clone() for name, value in network.state_dict().items()})
            if what == "loss":
                return total * math.nan, weight
            total.register_hook(lambda gradient: gradient * math.inf)
        return total, weight

    training.loss.of = spoiled  # type: ignore[method-assign]
    with pytest.raises(Diverged, match=rf"the {what} is not finite at step 11 of 26 \(last good loss: ") as caught:
        for _ in training.run(progress_seconds=1e9):
            pass
    assert f"last good loss: {good[-1]:.6g})" in str(caught.value)
    assert training.step == 13  # the end of the epoch, where the host looked in any case
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_a_bad_first_step_has_no_good_loss_before_it() -> None:
    training = begun(8)
    training.network.out.bias.data[0] = math.inf
    with pytest.raises(Diverged, match=r"step 1 of 26 \(last good loss: none, it was the first step\)"):
        for _ in training.run():
            pass
