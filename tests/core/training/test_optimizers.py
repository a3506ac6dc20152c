"""The optimizers against torch's own, row by row."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from meli_tasks.core.data.batch import Batch
from meli_tasks.core.data.encoded_titles import EncodedTitles
from meli_tasks.core.models.sparse_embedding import SparseEmbedding
from meli_tasks.core.training.optimizers import DenseAdam, Optimizer, RowAdam
from tests.core.training.small_trainings import WORDS, network_for, params_of, titles_of


def words_batch() -> Batch:
    everything = EncodedTitles.from_arrays((np.arange(1, WORDS, dtype=np.int32), np.array([0, WORDS - 1])), WORDS)
    return next(everything.batches(torch.tensor([0]), 1))[1]


def test_the_labs_adam_updates_every_trained_row_like_torchs() -> None:
    params = params_of(word_vectors="semi_frozen", trained_words=20, optimizer="adam", weight_decay=0.01, hidden=())
    network = network_for(params).train()
    reference = network.words.weight.detach().clone()[1:22].requires_grad_()
    theirs = torch.optim.Adam([reference], lr=0.01, weight_decay=0.01)
    ours = Optimizer(network, params)
    before = network.words.weight.clone()
    for _ in range(5):
        ours.zero_grad()
        network(words_batch())[0, 1].backward()
        found = network.words.gradient()
        assert found is not None
        reference.grad = found[1].clone()
        ours.step(0.01, ours.gradient_norm())
        theirs.step()
    torch.testing.assert_close(network.words.weight[1:22], reference.detach())
    assert torch.equal(network.words.weight[22:], before[22:])
    assert not torch.equal(network.words.weight[1:22], before[1:22])


def test_row_adam_divides_by_the_second_moment_of_each_row() -> None:
    def step(optimizer: RowAdam, rows: list[int], gradient: list[list[float]]) -> None:
        by_row = torch.tensor(gradient)
        optimizer.apply(optimizer.prepare(torch.tensor(rows), by_row, by_row.norm(dim=1)), 0.1)

    table = SparseEmbedding(3, 2, trained=3)
    optimizer = RowAdam(table, decay=0.0)
    step(optimizer, [1], [[3.0, 4.0]])
    size = math.sqrt(12.5)
    torch.testing.assert_close(table.weight, torch.tensor([[0.0, 0.0], [-0.3 / size, -0.4 / size], [0.0, 0.0]]))
    step(optimizer, [0, 1], [[1.0, 1.0], [0.0, 0.0]])
    # The row's size is young: 1 of 2 steps, so the divisor is a mean that counts a step without it as 0.
    expected = 0.1 / math.sqrt(0.001 / (1 - 0.999**2))
    torch.testing.assert_close(table.weight[0], torch.tensor([-expected, -expected]))
    decaying = RowAdam(table, decay=0.5)
    before = table.weight.clone()
    step(decaying, [1], [[0.0, 0.0]])
    torch.testing.assert_close(table.weight[1], before[1] * 0.95)


def test_gradient_clip_bounds_the_norm(monkeypatch: pytest.MonkeyPatch) -> None:
    params = params_of(word_vectors="trained", ngram_dimensions=4, gradient_clip=0.01)
    network = network_for(params).train()
    optimizer = Optimizer(network, params)
    _, batch = next(titles_of(50, 1).batches(torch.arange(50), 50))
    network(batch).square().sum().backward()
    norm = optimizer.gradient_norm()
    assert float(norm) > 0.01
    clipped: list[float] = []
    really = RowAdam.prepare

    def noted(rows: RowAdam, *found: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        if not clipped:  # all are clipped by now, and none is used up yet
            clipped.append(float(optimizer.gradient_norm()))
        return really(rows, *found)

    monkeypatch.setattr(RowAdam, "prepare", noted)
    optimizer.step(0.01, norm)
    assert clipped == [pytest.approx(0.01, rel=1e-3)]


@pytest.mark.parametrize(("kind", "decoupled"), [(torch.optim.Adam, False), (torch.optim.AdamW, True)])
def test_dense_adam_takes_the_step_of_torchs_class_to_the_bit(kind: type[torch.optim.Adam], decoupled: bool) -> None:
    random = torch.Generator().manual_seed(1)
    start = [torch.randn(size, generator=random) for size in ((7, 5), (5,))]
    ours, theirs = ([nn.Parameter(value.clone()) for value in start] for _ in range(2))
    adam = DenseAdam(ours, 0.1, decoupled=decoupled)
    reference = kind(theirs, lr=1.0, weight_decay=0.1, fused=True)
    for rate in (0.03, 0.01, 0.003):
        for own, other in zip(ours, theirs, strict=True):
            own.grad = torch.randn(own.shape, generator=random)
            other.grad = own.grad.clone()
        reference.param_groups[0]["lr"] = rate
        adam.step(rate, None)
        reference.step()
    for own, other in zip(ours, theirs, strict=True):
        assert torch.equal(own, other)
