"""The running average of the weights, against one kept in the plain way."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from meli_tasks.core.training.ema import EMA, WARMUP
from meli_tasks.core.training.optimizers import Optimizer
from meli_tasks.core.training.progress import Epoch, Progress
from meli_tasks.core.training.trainer import Training
from meli_tasks.core.training.validation import validate
from tests.core.training.small_trainings import network_for, params_of, titles_of


@pytest.mark.parametrize("decay", [0.05, 0.5, 0.97])
@pytest.mark.parametrize(
    "values",
    [
        {"word_vectors": "trained", "ngram_dimensions": 6},
        {"word_vectors": "semi_frozen", "trained_words": 12, "unfreeze_epoch": 2},
        {"word_vectors": "trained", "optimizer": "adam"},
    ],
)
def test_the_model_is_the_average_of_the_weights_after_every_step(decay: float, values: dict[str, Any]) -> None:
    params = params_of(epochs=3, keep="last", ema_decay=decay, **values)
    network = network_for(params)
    average = {name: value.clone().double() for name, value in network.state_dict().items()}
    training = Training(network, titles_of(150, 1), titles_of(60, 2), params)
    for event in training.run(progress_seconds=0):
        if isinstance(event, Progress):
            kept = min(decay, (1 + event.step) / (WARMUP + event.step))
            for name, value in network.state_dict().items():
                average[name].mul_(kept).add_(value.double(), alpha=1 - kept)
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value.double(), average[name], atol=1e-5, rtol=1e-4, msg=name)


def test_the_average_is_validated_and_kept_while_the_weights_continue_to_train() -> None:
    params = params_of(epochs=4, ema_decay=0.9, word_vectors="trained", ngram_dimensions=6)
    plain = params.model_copy(update={"ema_decay": 0.0})
    validation = titles_of(60, 2)
    losses = {}
    for wanted in (params, plain):
        network = network_for(wanted)
        training = Training(network, titles_of(150, 1), validation, wanted)
        losses[wanted.ema_decay] = [event.train_loss for event in training.run() if isinstance(event, Epoch)]
        best = max(training.epochs, key=lambda epoch: epoch.validation_balanced_accuracy)
        assert validate(network, validation) == (best.validation_loss, best.validation_balanced_accuracy)
    assert losses[0.9] == losses[0.0]


@pytest.mark.parametrize("decay", [0.999999999, 1 - 2**-53, 5e-324])
def test_any_decay_below_1_needs_no_more_memory_than_another(decay: float) -> None:
    params = params_of(ema_decay=decay, word_vectors="trained", keep="last", epochs=1)
    training = Training(network_for(params), titles_of(150, 1), titles_of(60, 2), params)
    for _ in training.run():
        pass
    assert training.ema is not None
    assert sum(value.numel() for value in vars(training.ema).values() if isinstance(value, torch.Tensor)) == 0
    assert all(value.isfinite().all() for value in training.network.state_dict().values())


@settings(max_examples=200, deadline=None)
@given(decay=st.floats(0.001, 0.9999), since=st.integers(0, 200_000), steps=st.integers(0, 200_000))
def test_the_decay_over_many_steps_is_the_product_of_the_decays_of_each(decay: float, since: int, steps: int) -> None:
    params = params_of(ema_decay=decay, word_vectors="trained")
    ema = EMA(Optimizer(network_for(params), params), decay)
    ema.steps = since + steps
    taken = torch.arange(since + 1, ema.steps + 1, dtype=torch.float64)
    expected = float(((1 + taken) / (WARMUP + taken)).clamp(max=decay).log().sum().exp())
    assert float(ema._decay_since(torch.tensor([since]))) == pytest.approx(expected, rel=1e-5, abs=1e-30)
