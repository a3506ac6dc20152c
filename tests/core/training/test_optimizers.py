"""The optimizers against torch's own, row by row."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from meli_tasks.core.data.batch import Batch
from meli_tasks.core.data.encoded_titles import EncodedTitles
from meli_tasks.core.models.sparse_embedding import SparseEmbedding
from meli_tasks.core.training.optimizers import DenseAdam, Optimizer, RowAdam, RowUpdate
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


def step_rows(optimizer: RowAdam, rows: list[int], gradient: list[list[float]], rate: float = 0.1) -> None:
    by_row = torch.tensor(gradient)
    optimizer.apply(optimizer.prepare(torch.tensor(rows), by_row, by_row.norm(dim=1)), rate)


def test_row_adam_divides_by_the_second_moment_of_each_row() -> None:
    table = SparseEmbedding(3, 2, trained=3)
    optimizer = RowAdam(table, decay=0.0)
    step_rows(optimizer, [1], [[3.0, 4.0]])
    size = math.sqrt(12.5)
    torch.testing.assert_close(table.weight, torch.tensor([[0.0, 0.0], [-0.3 / size, -0.4 / size], [0.0, 0.0]]))
    step_rows(optimizer, [0, 1], [[1.0, 1.0], [0.0, 0.0]])
    torch.testing.assert_close(table.weight[0], torch.tensor([-0.1, -0.1]))  # its first step, whatever the others took
    decaying = RowAdam(table, decay=0.5)
    before = table.weight.clone()
    step_rows(decaying, [1], [[0.0, 0.0]])
    torch.testing.assert_close(table.weight[1], before[1] * 0.95)


@pytest.mark.parametrize("touches", [1, 2, 10])
def test_a_row_first_touched_late_takes_steps_of_one_learning_rate(touches: int) -> None:
    table = SparseEmbedding(2, 1, trained=2)
    optimizer = RowAdam(table, decay=0.0)
    for _ in range(5_000):
        step_rows(optimizer, [0], [[1.0]])
    for _ in range(touches):
        before = float(table.weight[1])
        step_rows(optimizer, [1], [[1.0]])
    assert before - float(table.weight[1]) == pytest.approx(0.1, rel=1e-4)


def test_corrected_by_all_steps_such_a_row_takes_far_longer_ones() -> None:
    table = SparseEmbedding(2, 1, trained=2)
    optimizer = RowAdam(table, decay=0.0, correct_by_all_steps=True)
    moved = []
    for _ in range(5_000):
        step_rows(optimizer, [0], [[1.0]], rate=1.0)
    for _ in range(10):
        before = float(table.weight[1])
        step_rows(optimizer, [1], [[1.0]], rate=1.0)
        moved.append(before - float(table.weight[1]))
    assert (moved[0], moved[9]) == (pytest.approx(31.5, rel=0.01), pytest.approx(10.0, rel=0.05))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 999), decay=st.sampled_from([0.0, 0.1]), last=st.integers(1, 40))
def test_row_adam_is_torchs_adamw_on_each_rows_own_steps(seed: int, decay: float, last: int) -> None:
    """One torch optimizer per row, without momentum; it steps only when a batch touches its row.

    The gradients of a row have one size in all dimensions, so its shared second moment is that of each weight.
    """
    random, rows, dimensions = torch.Generator().manual_seed(seed), 6, 3
    table = SparseEmbedding(rows, dimensions, trained=rows)
    table.weight.normal_(generator=random)
    ours = RowAdam(table, decay)
    plain = [table.weight[row].clone().requires_grad_() for row in range(rows)]
    theirs = [torch.optim.AdamW([row], lr=1.0, betas=(0.0, 0.999), eps=1e-8, weight_decay=decay) for row in plain]
    for step in range(last):
        touched = torch.rand(rows, generator=random) < torch.linspace(0.02, 0.9, rows)
        chosen, rate = touched.nonzero().squeeze(1), 0.1 / (1 + step)
        signs = torch.randint(0, 2, (len(chosen), dimensions), generator=random) * 2.0 - 1
        gradient = signs * torch.randn(len(chosen), 1, generator=random).exp()
        for row, own in zip(chosen.tolist(), gradient, strict=True):
            plain[row].grad = own.clone()
            theirs[row].param_groups[0]["lr"] = rate
            theirs[row].step()
        ours.apply(ours.prepare(chosen, gradient, gradient.norm(dim=1)), rate)
    torch.testing.assert_close(table.weight.detach(), torch.stack(plain).detach(), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_a_training_run_takes_the_steps_of_torchs_optimizer_on_every_dense_weight(optimizer: str) -> None:
    params = params_of(word_vectors="frozen", optimizer=optimizer, weight_decay=0.05, hidden=(6,), epochs=2)
    titles = titles_of(64, 1, with_ngrams=False)
    ours, plain = network_for(params).train(), network_for(params).train()
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[optimizer]
    theirs = kind([weight for weight in plain.parameters() if weight.requires_grad], lr=0.01, weight_decay=0.05)
    own = Optimizer(ours, params)
    for rows, batch in titles.batches(torch.arange(64), 16):
        for network in (ours, plain):
            network.zero_grad()
            torch.nn.functional.cross_entropy(network(batch), titles.labels[rows]).backward()
        own.step(0.01, own.gradient_norm())
        theirs.step()
    for name, value in plain.named_parameters():
        torch.testing.assert_close(ours.get_parameter(name), value, atol=1e-7, rtol=1e-6, msg=name)


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

    def noted(rows: RowAdam, *found: torch.Tensor) -> RowUpdate:
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
