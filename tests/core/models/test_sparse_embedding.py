"""A table of rows: its gradients against dense ones, its rounded copy against its weights."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from meli_tasks.core.data.batch import Batch
from meli_tasks.core.models.sparse_embedding import SparseEmbedding
from meli_tasks.core.training.optimizers import Optimizer
from tests.core.training.small_trainings import network_for, params_of

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


def test_a_rounded_table_is_made_again_after_torchs_fused_step() -> None:
    params = params_of(architecture="cnn", filters=4, word_vectors="trained", optimizer="adam")
    network = network_for(params).train()
    network.words.rounded(torch.bfloat16)
    optimizer = Optimizer(network, params)
    network(Batch(torch.tensor([2, 3, 4]), torch.tensor([0, 2, 3]), 2)).square().sum().backward()
    optimizer.step(0.1, optimizer.gradient_norm())
    assert torch.equal(network.words.rounded(torch.bfloat16), network.words.weight.bfloat16())


def test_a_rounded_table_is_made_again_when_it_has_changed() -> None:
    table = SparseEmbedding(4, 3, trained=0)
    first = table.rounded(torch.bfloat16)
    assert table.rounded(torch.bfloat16) is first
    table.weight[1] = 2.0
    assert table.rounded(torch.bfloat16)[1].tolist() == [2.0, 2.0, 2.0]
