"""The networks against plain definitions of what they compute."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from meli_tasks.core.data.batch import Batch, BatchNgrams
from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.models import networks
from meli_tasks.core.models.networks import CNN, TitleNetwork, build
from meli_tasks.core.models.windows import number_of_windows, windows_of

WORDS, DIMENSIONS, NGRAMS, CATEGORIES = 20, 5, 30, 4


def network_of(**values: Any) -> TitleNetwork:
    params = Train.model_validate({"architecture": "mlp", "hidden": (8,), "dropout": 0.0} | values)
    network = build(params, (WORDS, DIMENSIONS), NGRAMS, CATEGORIES)
    generator = torch.Generator().manual_seed(0)
    network.words.weight[1:] = torch.randn(WORDS - 1, DIMENSIONS, generator=generator)
    network.seed(1, torch.device("cpu"))
    return network


def flat(rows: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Ids and offsets of ragged rows."""
    offsets = torch.tensor([0, *[len(row) for row in rows]]).cumsum(0)
    return torch.tensor([value for row in rows for value in row], dtype=torch.int64), offsets


def batch_of(titles: list[list[int]], word_ngrams: list[list[int]] | None = None) -> Batch:
    """Word w has the n-grams w and w + 1 of weight 0.5; a word_ngram has weight 0.5; the scale is 1."""
    tokens, offsets = flat(titles)
    longest = max(len(title) for title in titles)
    if word_ngrams is None:
        return Batch(tokens, offsets, longest)
    words, places = torch.unique(tokens, return_inverse=True)
    ids, word_offsets = flat([[word, word + 1] for word in words.tolist()])
    of_titles, word_ngram_offsets = flat(word_ngrams)
    half = torch.full((len(ids),), 0.5)
    ngrams = BatchNgrams(
        places, ids, word_offsets, half, of_titles, word_ngram_offsets, torch.full((len(of_titles),), 0.5),
        torch.ones(len(titles)),
    )  # fmt: skip
    return Batch(tokens, offsets, longest, ngrams)


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
def test_the_cnn_pools_over_existing_windows_only(titles: list[list[int]]) -> None:
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


@pytest.mark.parametrize("word_vectors", ["frozen", "trained", "semi_frozen"])
@pytest.mark.parametrize("optimizer", ["adamw", "adam"])
def test_projecting_distinct_words_gives_the_same_logits_and_gradients(
    word_vectors: str, optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = torch.Generator().manual_seed(4)
    sizes = torch.randint(0, 7, (40,), generator=random).tolist()
    batch = batch_of([torch.randint(1, WORDS, (size,), generator=random).tolist() for size in sizes])
    seen = []
    for projects in (False, True):
        monkeypatch.setattr(CNN, "_projects", lambda *_, answer=projects: answer)
        monkeypatch.setattr(networks, "LARGE_BATCH_WORDS", 0)
        network = network_of(
            architecture="cnn", filters=3, filter_lengths=(1, 2, 4), word_vectors=word_vectors, trained_words=9,
            optimizer=optimizer,
        ).train()  # fmt: skip
        logits = network(batch)
        (logits * torch.arange(CATEGORIES)).sum().backward()
        found = network.words.gradient()
        assert (found is None) == (word_vectors == "frozen")
        weights = {name: weight.grad for name, weight in network.named_parameters() if weight.requires_grad}
        seen.append((logits, weights, found))
    torch.testing.assert_close(seen[1], seen[0])


def test_repeated_words_are_projected_if_that_is_less_work() -> None:
    network = network_of(architecture="cnn", filters=3, filter_lengths=(2, 3))
    assert isinstance(network, CNN)
    calls = []
    real = network._projected
    network._projected = lambda *given: calls.append(len(given[1])) or real(*given)  # type: ignore[method-assign]
    network(batch_of([[1, 2, 3, 4, 5]] * 3))  # a small batch is not even looked at
    assert calls == []
    network(batch_of([[1, 2, 3, 4, 5]] * (networks.LARGE_BATCH_WORDS // 5 + 1)))
    assert calls == [6, 6]  # five words and the padding, for each filter length


@pytest.mark.parametrize("architecture", ["mlp", "cnn"])
def test_the_logits_of_a_title_do_not_depend_on_its_batch(architecture: str) -> None:
    network = network_of(architecture=architecture, ngram_dimensions=6).eval()
    alone = network(batch_of([[3, 4, 5]], [[1, 2]]))
    together = network(batch_of([[3, 4, 5], [], [9] * 12], [[1, 2], [], [7]]))
    torch.testing.assert_close(alone[0], together[0])


def test_the_labs_mean_includes_the_padding_of_the_batch() -> None:
    network = network_of(mean_over_padding=True).eval()
    pooled = network.pooled(batch_of([[3], [4, 5]]))
    torch.testing.assert_close(pooled[0], network.words.weight[3] / 2)


def test_the_labs_sigmoid_keeps_logits_between_0_and_1_and_the_order() -> None:
    plain, squashed = network_of(), network_of(sigmoid_before_loss=True)
    squashed.load_state_dict(plain.state_dict())
    batch = batch_of([[3, 4], [5]])
    torch.testing.assert_close(squashed(batch), torch.sigmoid(plain(batch)))


def test_dropout_is_off_at_evaluation_except_in_the_labs_way() -> None:
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
    bag, words = network.ngrams(batch_of([[1, 3, 1], []], [[9], []]))
    weight = network.ngrams.table.weight
    torch.testing.assert_close(words, torch.stack([weight[1] + weight[2], weight[3] + weight[4]]) / 2)
    torch.testing.assert_close(bag[0], torch.relu(2 * words[0] + words[1] + 0.5 * weight[9]))
    torch.testing.assert_close(bag[1], torch.zeros(6))


def test_the_filters_see_each_words_vector_and_its_normalised_ngrams() -> None:
    network = network_of(architecture="cnn", filters=3, filter_lengths=(2,), ngram_dimensions=6, filter_ngrams=True)
    batch = batch_of([[3, 4, 3], [7]], [[9], []])
    network.eval()
    assert network.ngrams is not None
    _, sums = network.ngrams(batch)
    weight = network.ngrams.table.weight
    convolution = network.convolutions[0]  # type: ignore[index]

    def signal(words: list[int]) -> Tensor:
        letters = torch.stack([functional.normalize(weight[word] + weight[word + 1], dim=0) for word in words])
        return torch.cat([network.words.weight[words], letters], dim=1).T[None]

    padded = functional.pad(signal([7]), (0, 1))
    expected = [torch.relu(convolution(seen)).amax(2)[0] for seen in (signal([3, 4, 3]), padded)]
    torch.testing.assert_close(network.pooled(batch, sums), torch.stack(expected))


@pytest.mark.parametrize("lengths", [(1,), (2, 3)])
def test_a_precomputed_cnn_gives_the_same_logits(lengths: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    network = network_of(architecture="cnn", filters=3, filter_lengths=lengths).eval()
    batch = batch_of([[3, 4, 3], [], [7], [19, 1, 2, 2, 5]])
    expected = network(batch)
    network.precompute()
    assert network.precomputed is not None
    network.words.weight.zero_()  # it is not read any more
    torch.testing.assert_close(network(batch), expected)
    monkeypatch.setattr("meli_tasks.core.models.networks.MAX_PRECOMPUTED_BYTES", 100)
    large = network_of(architecture="cnn", filters=3, filter_lengths=lengths)
    large.precompute()
    assert large.precomputed is None


def test_precomputed_words_give_the_same_bag() -> None:
    network = network_of(ngram_dimensions=6).eval()
    bag = network.ngrams
    assert bag is not None
    expected, _ = bag(batch_of([[1, 3, 1], [5, 2]], [[9], []]))
    ids, offsets = flat([[], [1, 2], [2, 3], [3, 4]])  # words 0 to 3 are the vocabulary, 5 is new
    bag.precompute(ids, offsets, torch.full((len(ids),), 0.5))
    new, new_offsets = flat([[5, 6]])
    word_ngrams, word_ngram_offsets = flat([[9], []])
    ngrams = BatchNgrams(
        torch.tensor([1, 3, 1, 4, 2]), new, new_offsets, torch.full((2,), 0.5), word_ngrams, word_ngram_offsets,
        torch.full((1,), 0.5), torch.ones(2),
    )  # fmt: skip
    batch = Batch(torch.tensor([1, 3, 1, 1, 2]), torch.tensor([0, 3, 5]), 3, ngrams)
    torch.testing.assert_close(bag(batch)[0], expected)
    torch.testing.assert_close(bag(batch)[0], expected)  # the table behind it is overwritten each time


@pytest.mark.parametrize("dropped", [{"ngram_dropout": 0.4}, {"word_dropout": 0.4}])
def test_dropped_ngrams_and_words_keep_the_mean(dropped: dict[str, float]) -> None:
    network = network_of(ngram_dimensions=1, **dropped).train()
    assert network.ngrams is not None
    network.ngrams.table.weight.fill_(1.0)
    batch = batch_of(
        [list(range(1, 11))], [list(range(10))]
    )  # ten words of two n-grams, ten word n-grams: 30 times 0.5
    sums = torch.cat([network.ngrams(batch)[0].detach() for _ in range(400)])
    assert abs(float(sums.mean()) - 15) < 1
    assert float(sums.std()) > 1
    torch.testing.assert_close(network.eval().ngrams(batch)[0], torch.tensor([[15.0]]))


def test_dropped_ngrams_are_not_updated() -> None:
    network = network_of(ngram_dimensions=1, ngram_dropout=0.5).train()
    assert network.ngrams is not None
    network.ngrams.table.weight.fill_(1.0)
    batch = batch_of([[1, 2, 3]], [list(range(10))])
    network.ngrams(batch)[0].sum().backward()
    found = network.ngrams.table.gradient()
    assert found is not None
    rows, gradient = found
    assert 0 < len(rows) < 10
    assert (gradient != 0).all()


def test_semi_frozen_words_train_from_their_epoch_on() -> None:
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


def test_titles_have_one_window_of_padding_only() -> None:
    batch = batch_of([[7, 8, 9], [], [5]])
    widths = torch.tensor([5, 5, 5])
    positions, counts = windows_of(batch.offsets, 2, 4, widths)
    assert positions.tolist() == [[0, 1], [1, 2], [2, 4], [4, 4], [4, 4], [3, 4], [4, 4]]
    assert counts.tolist() == [4, 1, 2]
    assert number_of_windows(np.array([3, 0, 1]), 2, widths.numpy()) == 7
    assert windows_of(batch.offsets, 2, 4, torch.tensor([3, 3, 3]))[1].tolist() == [2, 1, 2]


def test_a_step_copies_neither_the_filters_nor_their_gradient() -> None:
    network = network_of(architecture="cnn", filters=3, filter_lengths=(2, 3)).train()
    network.load_state_dict({name: value.contiguous() for name, value in network.state_dict().items()})
    network(batch_of([[1, 2, 3, 4, 5]] * (networks.LARGE_BATCH_WORDS // 5 + 1))).sum().backward()
    for convolution in network.convolutions:  # type: ignore[union-attr]
        weight = convolution.weight
        assert weight.permute(2, 0, 1).is_contiguous()  # what `_parts` flattens is then a view
        assert weight.grad.stride() == weight.stride()


def test_weights_come_from_the_seed_alone() -> None:
    torch.manual_seed(1)
    first = network_of(seed=3)
    torch.manual_seed(2)
    second, other = network_of(seed=3), network_of(seed=4)
    assert torch.equal(first.out.weight, second.out.weight)
    assert not torch.equal(first.out.weight, other.out.weight)


@pytest.mark.parametrize("projects", [False, True])
@pytest.mark.parametrize("word_vectors", ["frozen", "trained"])
def test_bfloat16_gives_the_same_logits_within_its_precision(
    projects: bool, word_vectors: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CNN, "_projects", lambda *_: projects)
    network = network_of(architecture="cnn", filters=3, filter_lengths=(1, 3), word_vectors=word_vectors).train()
    batch = batch_of([[1, 2, 3, 4], [5], [], [6, 7, 8]] * 7)
    exact = network(batch)
    exact.square().sum().backward()
    gradient = network.convolutions[1].weight.grad.clone()  # type: ignore[union-attr,operator,index]
    network.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        coarse = network(batch).float()
    coarse.square().sum().backward()
    torch.testing.assert_close(coarse, exact, atol=0.03, rtol=0.03)
    found = network.convolutions[1].weight.grad  # type: ignore[union-attr,operator,index]
    torch.testing.assert_close(found, gradient, atol=0.1, rtol=0.1)


@pytest.mark.parametrize("values", [{"mean_over_padding": True}, {"architecture": "cnn", "max_over_padding": True}])
def test_a_network_that_sees_padding_pads_each_title_alone_once_it_is_trained(values: dict[str, Any]) -> None:
    network = network_of(filter_lengths=(1, 3), **values).eval()
    title, batch = [3, 4, 5], batch_of([[3, 4, 5], [], [9] * 12])
    in_its_batch = network(batch)[0]
    assert not torch.allclose(in_its_batch, network(batch_of([title]))[0])
    network.padded_to = 12
    torch.testing.assert_close(network(batch_of([title]))[0], in_its_batch)
    torch.testing.assert_close(network(batch)[0], in_its_batch)
    network.padded_to = 2  # shorter than the title, which is not padded then
    alone = network(batch_of([title]))[0]
    torch.testing.assert_close(network(batch)[0], alone)
