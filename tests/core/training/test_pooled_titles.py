"""Frozen words pooled once: the same training as when they are pooled with every batch."""

from __future__ import annotations

import pytest
import torch

from meli_tasks.core.data.encoded_titles import EncodedTitles
from meli_tasks.core.training import pooled_titles
from meli_tasks.core.training.pooled_titles import PooledTitles, pool_if_frozen
from meli_tasks.core.training.trainer import Training
from tests.core.training.small_trainings import network_for, params_of, titles_of

TITLES, VALIDATION = titles_of(300, 1), titles_of(90, 2)


@pytest.mark.parametrize("mean_over_padding", [False, True])
def test_pooled_titles_train_bit_identical_weights(mean_over_padding: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    params = params_of(dropout=0.2, mean_over_padding=mean_over_padding)
    weights, losses = [], []
    for most in (pooled_titles.MAX_BYTES["cpu"], 0):
        monkeypatch.setitem(pooled_titles.MAX_BYTES, "cpu", most)
        network = network_for(params)
        training = Training(network, TITLES, VALIDATION, params)
        assert isinstance(training.titles, PooledTitles if most else EncodedTitles)
        for _ in training.run():
            pass
        weights.append(network.state_dict())
        losses.append([epoch.validation_loss for epoch in training.epochs])
    assert losses[0] == losses[1]
    for name, value in weights[0].items():
        assert torch.equal(value, weights[1][name]), name


@pytest.mark.parametrize(
    "values",
    [{"word_vectors": "trained"}, {"ngram_dimensions": 4}, {"architecture": "cnn"}, {"word_vectors": "semi_frozen"}],
)
def test_networks_that_need_the_words_get_them(values: dict[str, str | int]) -> None:
    network = network_for(params_of(**values))
    assert pool_if_frozen(network, TITLES) is TITLES
