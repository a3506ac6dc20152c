"""Logits and gradients of the networks against the same networks written with plain torch.nn on padded titles.

The titles repeat words, some words have a vector of zeros, and the upstream gradient is negative as often as positive:
windows tie for the maximum then, and share its gradient.
"""

from __future__ import annotations

import math
from itertools import chain
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from meli_tasks.core.models.networks import CNN, TitleNetwork
from meli_tasks.core.models.windows import max_pool
from tests.core.models.test_networks import CATEGORIES, NGRAMS, batch_of, network_of

FEW_WORDS = 5
"""So few that titles repeat them; word 2 has a vector of zeros."""

titles_that_repeat_words = st.lists(st.lists(st.integers(1, FEW_WORDS), max_size=9), min_size=1, max_size=6)


class PlainMLP(nn.Module):
    """A mean of embeddings, dense layers with ReLU."""

    def __init__(self, ours: TitleNetwork) -> None:
        super().__init__()
        self.padded = ours.params.mean_over_padding
        self.embedding = embedding_of(ours)
        self.hidden = nn.ModuleList(copy_of(layer) for layer in ours.hidden)
        self.out = copy_of(ours.out)

    def forward(self, titles: list[list[int]]) -> Tensor:
        width = max(*map(len, titles), 1)
        sums = torch.stack([self.embedding(torch.tensor(title, dtype=torch.int64)).sum(0) for title in titles])
        lengths = [width if self.padded else max(len(title), 1) for title in titles]
        values = sums / torch.tensor(lengths)[:, None]
        for layer in self.hidden:
            values = torch.relu(layer(values))
        logits: Tensor = self.out(values)
        return logits


class PlainCNN(nn.Module):
    """Conv1d over padded titles, ReLU, a maximum over all positions, dense layers with ReLU.

    With `max_over_padding` the titles are padded to the longest of the batch; otherwise each only to the filter.
    """

    def __init__(self, ours: TitleNetwork) -> None:
        super().__init__()
        assert isinstance(ours, CNN)
        self.padded = ours.params.max_over_padding
        self.shortest = max(ours.params.filter_lengths)
        self.embedding = embedding_of(ours)
        self.filters = nn.ModuleList(copy_of(convolution) for convolution in ours.convolutions)
        self.hidden = nn.ModuleList(copy_of(layer) for layer in ours.hidden)
        self.out = copy_of(ours.out)

    def forward(self, titles: list[list[int]]) -> Tensor:
        width = max(self.shortest, *map(len, titles))
        pooled = []
        for convolution in self.filters:
            of_titles = []
            for title in titles:
                length = width if self.padded else max(len(title), convolution.kernel_size[0])  # type: ignore[index]
                ids = torch.tensor([title + [0] * (length - len(title))])
                of_titles.append(functional.relu(convolution(self.embedding(ids).transpose(1, 2))).amax(2))
            pooled.append(torch.cat(of_titles))
        values = torch.cat(pooled, dim=1)
        for layer in self.hidden:
            values = torch.relu(layer(values))
        logits: Tensor = self.out(values)
        return logits


def embedding_of(ours: TitleNetwork) -> nn.Embedding:
    trains = ours.params.word_vectors == "trained"
    made: nn.Embedding = nn.Embedding.from_pretrained(ours.words.weight.clone(), freeze=not trains, padding_idx=0)  # type: ignore[no-untyped-call]
    return made


def copy_of(layer: nn.Module) -> nn.Module:
    copied: nn.Module
    if isinstance(layer, nn.Conv1d):
        copied = nn.Conv1d(layer.in_channels, layer.out_channels, layer.kernel_size)  # type: ignore[arg-type]
    else:
        assert isinstance(layer, nn.Linear)
        copied = nn.Linear(layer.in_features, layer.out_features)
    copied.load_state_dict(layer.state_dict())
    return copied


def gradients_of(ours: TitleNetwork) -> dict[str, Tensor]:
    """The gradients by name; that of the word vectors as a table of all rows."""
    found = {name: weight.grad for name, weight in ours.named_parameters() if weight.grad is not None}
    if rows := ours.words.gradient():
        found["embedding.weight"] = torch.zeros_like(ours.words.weight).index_copy(0, *rows)
    return {name.replace("convolutions", "filters"): gradient for name, gradient in found.items()}


def compare(ours: TitleNetwork, plain: nn.Module, titles: list[list[int]], seed: int) -> None:
    upstream = torch.randn(len(titles), CATEGORIES, generator=torch.Generator().manual_seed(seed))
    logits, expected = ours(batch_of(titles)), plain(titles)
    torch.testing.assert_close(logits, expected, atol=1e-6, rtol=1e-5)
    logits.backward(upstream)
    expected.backward(upstream)
    wanted = {name: weight.grad for name, weight in plain.named_parameters() if weight.grad is not None}
    found = gradients_of(ours)
    assert found.keys() == wanted.keys()
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, wanted[name], atol=1e-6, rtol=1e-5)


def with_a_word_of_zeros(**values: Any) -> TitleNetwork:
    network = network_of(**values).train()
    network.words.weight[2] = 0
    network.words.weight_changed()
    return network


@settings(max_examples=25, deadline=None)
@given(titles=titles_that_repeat_words, seed=st.integers(0, 99))
@pytest.mark.parametrize("mean_over_padding", [False, True])
@pytest.mark.parametrize("word_vectors", ["frozen", "trained"])
def test_the_mlp(word_vectors: str, mean_over_padding: bool, titles: list[list[int]], seed: int) -> None:
    ours = with_a_word_of_zeros(word_vectors=word_vectors, mean_over_padding=mean_over_padding)
    compare(ours, PlainMLP(ours), titles, seed)


@settings(max_examples=25, deadline=None)
@given(titles=titles_that_repeat_words, seed=st.integers(0, 99))
@pytest.mark.parametrize("projects", [False, True])
@pytest.mark.parametrize("max_over_padding", [False, True])
@pytest.mark.parametrize("word_vectors", ["frozen", "trained"])
def test_the_cnn(word_vectors: str, max_over_padding: bool, projects: bool, titles: list[list[int]], seed: int) -> None:
    # A word of zeros equals the padding. Where both have the maximum, the gradient of either is right, and torch takes
    # the mean of the two, so there is nothing to compare with.
    made = (lambda **values: network_of(**values).train()) if max_over_padding else with_a_word_of_zeros
    ours = made(
        architecture="cnn", filters=6, filter_lengths=(1, 2, 4), word_vectors=word_vectors,
        max_over_padding=max_over_padding,
    )  # fmt: skip
    ours._projects = lambda *_: projects  # type: ignore[assignment]
    compare(ours, PlainCNN(ours), titles, seed)


@settings(max_examples=25, deadline=None)
@given(titles=titles_that_repeat_words, seed=st.integers(0, 99))
def test_the_bag_of_ngrams(titles: list[list[int]], seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    word_ngrams = [torch.randint(0, NGRAMS, (len(title) // 2,), generator=random).tolist() for title in titles]
    ours = network_of(ngram_dimensions=6).train()
    assert ours.ngrams is not None
    plain = nn.EmbeddingBag.from_pretrained(ours.ngrams.table.weight.clone(), freeze=False, mode="sum")  # type: ignore[no-untyped-call]
    upstream = torch.randn(len(titles), 6, generator=random)
    bag, _ = ours.ngrams(batch_of(titles, word_ngrams))
    rows = [
        [ngram for word in title for ngram in (word, word + 1)] + own
        for title, own in zip(titles, word_ngrams, strict=True)
    ]
    flat, sizes = torch.tensor(list(chain(*rows)), dtype=torch.int64), torch.tensor([0, *map(len, rows)]).cumsum(0)[:-1]
    expected = torch.relu(plain(flat, sizes) / 2)
    torch.testing.assert_close(bag, expected, atol=1e-6, rtol=1e-5)
    bag.backward(upstream)
    expected.backward(upstream)
    found = ours.ngrams.table.gradient()
    assert found is not None
    table = torch.zeros_like(plain.weight).index_copy(0, *found)
    torch.testing.assert_close(table, plain.weight.grad, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_tied_windows_share_the_gradient_evenly(sign: float) -> None:
    responses = torch.tensor([[5.0], [2.0], [5.0], [7.0]], requires_grad=True)
    convolution = nn.Conv1d(1, 1, 1)
    nn.init.ones_(convolution.bias)  # type: ignore[arg-type]
    pooled = max_pool(responses, torch.tensor([3, 1]), convolution)
    assert pooled.tolist() == [[6.0], [8.0]]
    pooled.backward(torch.full((2, 1), sign))
    assert responses.grad is not None
    assert responses.grad[:, 0].tolist() == [sign / 2, 0.0, sign / 2, sign]


@settings(max_examples=50, deadline=None)
@given(sizes=st.lists(st.integers(1, 6), min_size=1, max_size=6), seed=st.integers(0, 99))
def test_the_maximum_of_ragged_rows_is_scatter_reduces_to_the_bit(sizes: list[int], seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    counts = torch.tensor(sizes)
    values = torch.randint(-2, 3, (sum(sizes), 4), generator=random).float()
    upstream = torch.randn(len(sizes), 4, generator=random)
    convolution = nn.Conv1d(1, 4, 1)
    gradients = []
    for ours in (True, False):
        responses = values.clone().requires_grad_()
        title = torch.repeat_interleave(torch.arange(len(sizes)), counts)[:, None].expand_as(responses)
        least = responses.new_full((len(sizes), 4), -math.inf)  # its backward pass counts these among the ties
        if ours:
            pooled = max_pool(responses, counts, convolution)
        else:
            largest = least.scatter_reduce(0, title, responses, "amax", include_self=False)
            pooled = torch.relu(largest + convolution.bias)
        pooled.backward(upstream)
        gradients.append(responses.grad)
    assert gradients[0] is not None and gradients[1] is not None
    assert torch.equal(*gradients)
