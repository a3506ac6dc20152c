"""The running average of the weights, against one kept in the plain way."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from meli_tasks.core.training.ema import WARMUP
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
