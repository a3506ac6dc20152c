"""The networks against plain definitions of what they compute."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from meli_tasks.core.batch import Batch
from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.networks import TitleNetwork, build, windows_of
from meli_tasks.core.row_table import RowTable

WORDS, DIMENSIONS, NGRAMS, CATEGORIES = 20, 5, 30, 4


def network_of(**values: Any) -> TitleNetwork:
    params = Train.model_validate({"architecture": "mlp", "hidden": (8,), "dropout": 0.0} | values)
    network = build(params, (WORDS, DIMENSIONS), NGRAMS, CATEGORIES)
    generator = torch.Generator().manual_seed(0)
    network.words.weight[1:] = torch.randn(WORDS - 1, DIMENSIONS, generator=generator)
    network.seed(1, torch.device("cpu"))
    return network


def batch_of(titles: list[list[int]], ngrams: list[list[int]] | None = None) -> Batch:
    def flat(rows: list[list[int]]) -> tuple[Tensor, Tensor]:
        offsets = torch.tensor([0, *[len(row) for row in rows]]).cumsum(0)
        return torch.tensor([value for row in rows for value in row], dtype=torch.int64), offsets

    tokens, offsets = flat(titles)
    longest = max(len(title) for title in titles)
    if ngrams is None:
        return Batch(tokens, offsets, longest)
    ids, ngram_offsets = flat(ngrams)
    return Batch(tokens, offsets, longest, ids, ngram_offsets, torch.full((len(ids),), 0.5))


titles_of_any_length = st.lists(st.lists(st.integers(1, WORDS - 1), max_size=7), min_size=1, max_size=6)


@settings(max_examples=30, deadline=None)
@given(titles=titles_of_any_length)
def test_mlp_is_a_mean_then_dense_layers(titles: list[list[int]]) -> None:
    network = network_of().eval()
    means = torch.stack([network.words.weight[title].mean(0) if title else torch.zeros(DIMENSIONS) for title in titles])
    expected = network.out(torch.relu(network.hidden[0](means)))
    torch.testing.assert_close(network(batch_of(titles)), expected)


@settings(max_examples=30, deadline=None)
@given(titles=titles_of_any_length)
def test_cnn_takes_the_maximum_over_real_windows(titles: list[list[int]]) -> None:
    network = network_of(architecture="cnn", filters=3, filter_lengths=(2, 3)).eval()
    pooled = []
    for title in titles:
        parts = []
        for convolution in network.convolutions:  # type: ignore[union-attr]
            width = convolution.kernel_size[0]
            ids = title + [0] * (width - len(title))
            signal = network.words.weight[ids].T[None]
            parts.append(torch.relu(convolution(signal)).amax(2)[0])
        pooled.append(torch.cat(parts))
    expected = network.out(torch.relu(network.hidden[0](torch.stack(pooled))))
    torch.testing.assert_close(network(batch_of(titles)), expected)


@pytest.mark.parametrize("architecture", ["mlp", "cnn"])
def test_a_titles_answer_does_not_depend_on_its_neighbours(architecture: str) -> None:
    network = network_of(architecture=architecture, ngram_dimensions=6).eval()
    alone = network(batch_of([[3, 4, 5]], [[1, 2]]))
    together = network(batch_of([[3, 4, 5], [], [9] * 12], [[1, 2], [], [7]]))
    torch.testing.assert_close(alone[0], together[0])


def test_the_labs_mean_counts_the_batchs_padding() -> None:
    network = network_of(mean_over_padding=True).eval()
    pooled = network.pooled(batch_of([[3], [4, 5]]))
    torch.testing.assert_close(pooled[0], network.words.weight[3] / 2)


def test_the_labs_sigmoid_keeps_logits_between_0_and_1_and_the_order() -> None:
    plain, squashed = network_of(), network_of(sigmoid_before_loss=True)
    squashed.load_state_dict(plain.state_dict())
    batch = batch_of([[3, 4], [5]])
    torch.testing.assert_close(squashed(batch), torch.sigmoid(plain(batch)))


def test_dropout_stops_at_evaluation_unless_told_as_in_the_lab() -> None:
    batch = batch_of([[3, 4], [5]])
    network = network_of(dropout=0.5).eval()
    assert torch.equal(network(batch), network(batch))
    lab = network_of(dropout=0.5, dropout_at_evaluation=True).eval()
    assert not torch.equal(lab(batch), lab(batch))


def test_dropout_keeps_the_mean_and_repeats_with_its_seed() -> None:
    network = network_of(dropout=0.3)
    values = torch.ones(200_000)
    network.seed(5, torch.device("cpu"))
    first = network.dropout(values)
    network.seed(5, torch.device("cpu"))
    torch.manual_seed(99)
    assert torch.equal(first, network.dropout(values))
    assert abs(float(first.mean()) - 1) < 0.01
    assert abs(float((first == 0).float().mean()) - 0.3) < 0.01


def test_ngram_bag_is_a_weighted_sum() -> None:
    network = network_of(ngram_dimensions=6).eval()
    assert network.ngrams is not None
    bag = network.ngrams(batch_of([[1], [1]], [[4, 9], []]))
    weight = network.ngrams.table.weight
    torch.testing.assert_close(bag[0], torch.relu(0.5 * weight[4] + 0.5 * weight[9]))
    torch.testing.assert_close(bag[1], torch.zeros(6))


def test_ngram_dropout_drops_its_share_and_keeps_the_mean() -> None:
    network = network_of(ngram_dimensions=1, ngram_dropout=0.4).train()
    assert network.ngrams is not None
    network.ngrams.table.weight.fill_(1.0)
    sums = network.ngrams(batch_of([[1]] * 200, [list(range(NGRAMS))] * 200)).detach()
    assert abs(float(sums.mean()) - NGRAMS / 2) < 0.5
    assert float(sums.std()) > 0.5


@settings(max_examples=30, deadline=None)
@given(ids=st.lists(st.integers(0, WORDS - 1), min_size=1, max_size=30), trained=st.integers(1, WORDS))
def test_row_gradients_equal_the_dense_ones(ids: list[int], trained: int) -> None:
    table = RowTable(WORDS, DIMENSIONS, trained=trained, padding=True).train()
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


def test_semi_frozen_words_sleep_until_their_epoch() -> None:
    network = network_of(word_vectors="semi_frozen", trained_words=3, unfreeze_epoch=2).train()
    batch = batch_of([[2, 4, 5, 19]])
    network.set_epoch(1)
    network(batch).sum().backward()
    assert network.words.gradient() is None
    network.set_epoch(2)
    network(batch).sum().backward()
    found = network.words.gradient()
    assert found is not None
    assert found[0].tolist() == [2, 4]


def test_windows_stay_inside_their_title() -> None:
    batch = batch_of([[7, 8, 9], [], [5]])
    positions, counts = windows_of(batch.offsets, 2, 4)
    assert positions.tolist() == [[0, 1], [1, 2], [4, 4], [3, 4]]
    assert counts.tolist() == [2, 1, 1]


def test_weights_come_from_the_seed_alone() -> None:
    torch.manual_seed(1)
    first = network_of(seed=3)
    torch.manual_seed(2)
    second, other = network_of(seed=3), network_of(seed=4)
    assert torch.equal(first.out.weight, second.out.weight)
    assert not torch.equal(first.out.weight, other.out.weight)
