"""A sparse embedding: its gradients against dense ones, its rounded copy against its weights."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from meli_tasks.core.data.batch import Batch
from meli_tasks.core.models.sparse_embedding import SparseEmbedding
from meli_tasks.core.training.optimizers import Optimizer
from meli_tasks.core.training.trainer import Training
from tests.core.training.small_trainings import network_for, params_of, titles_of

WORDS, DIMENSIONS = 20, 5


@settings(max_examples=30, deadline=None)
@given(ids=st.lists(st.integers(0, WORDS - 1), min_size=1, max_size=30), trained=st.integers(1, WORDS))
def test_row_gradients_equal_the_dense_ones(ids: list[int], trained: int) -> None:
    table = SparseEmbedding(WORDS, DIMENSIONS, trained=trained, padding=True).train()
    table.weight.copy_(torch.randn(WORDS, DIMENSIONS, generator=torch.Generator().manual_seed(1)))
    pull = torch.randn(len(ids), DIMENSIONS, generator=torch.Generator().manual_seed(2))
    local, vectors = table.lookup(torch.tensor(ids))
    ((functional.embedding(local, vectors) ** 2) * pull).sum().backward()
    found = table.gradient()
    assert found is not None
    rows, gradient = found
    seen = torch.zeros(WORDS, DIMENSIONS)
    seen[rows] = gradient

    dense = table.weight.detach().clone().requires_grad_()
    ((functional.embedding(torch.tensor(ids), dense) ** 2) * pull).sum().backward()
    assert dense.grad is not None
    expected = dense.grad.clone()
    expected[0] = 0
    expected[trained:] = 0
    torch.testing.assert_close(seen, expected)


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])  # every row by torch's fused step, touched rows by RowAdam
def test_the_rounded_copy_is_renewed_after_a_step(optimizer: str) -> None:
    params = params_of(architecture="cnn", filters=4, word_vectors="trained", optimizer=optimizer)
    network = network_for(params).train()
    before = network.words.rounded(torch.bfloat16).clone()
    ours = Optimizer(network, params)
    network(Batch(torch.tensor([2, 3, 4]), torch.tensor([0, 2, 3]), 2)).square().sum().backward()
    ours.step(0.1, ours.gradient_norm())
    rounded = network.eval().words.rounded(torch.bfloat16)
    assert torch.equal(rounded, network.words.weight.bfloat16()) and not torch.equal(rounded, before)


def test_the_rounded_copy_is_kept_until_the_weights_change() -> None:
    table = SparseEmbedding(4, 3, trained=0)
    first = table.rounded(torch.bfloat16)
    assert table.rounded(torch.bfloat16) is first
    table.load_state_dict({"weight": torch.full((4, 3), 2.0)})
    assert table.rounded(torch.bfloat16).tolist() == [[2.0, 2.0, 2.0]] * 4
    table.weight[1] = 3.0
    table.weight_changed()
    assert table.rounded(torch.bfloat16)[1].tolist() == [3.0, 3.0, 3.0]
    assert table.rounded(torch.float16).dtype == torch.float16


def test_the_rounded_copy_follows_the_averaged_weights() -> None:
    params = params_of(architecture="cnn", filters=4, word_vectors="trained", ema_decay=0.9)
    network = network_for(params)
    training = Training(network, titles_of(60, 1), titles_of(20, 2), params)
    next(training.run(progress_seconds=0))
    assert training.ema is not None
    outside = network.eval().words.rounded(torch.bfloat16)
    with training.ema.in_place():
        assert torch.equal(network.words.rounded(torch.bfloat16), network.words.weight.bfloat16())
    assert torch.equal(network.words.rounded(torch.bfloat16), outside)
