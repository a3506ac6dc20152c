"""The loop: it learns, it repeats, it keeps the best, it stops before a step that would break the weights."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from meli_tasks.core.batch import Batch
from meli_tasks.core.encoded_titles import EncodedTitles
from meli_tasks.core.errors import BadData, Diverged
from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.loss import category_weights
from meli_tasks.core.measure import measure
from meli_tasks.core.networks import TitleNetwork
from meli_tasks.core.optimizers import Optimizer, RowAdam
from meli_tasks.core.row_table import RowTable
from meli_tasks.core.schedule import learning_rate_at
from meli_tasks.core.training import Epoch, Progress, Training
from tests.core.small_trainings import WORDS, network_for, params_of, titles_of


def train(
    network: TitleNetwork,
    titles: EncodedTitles,
    validation: EncodedTitles,
    params: Train,
    progress_seconds: float = 0.5,
) -> Iterator[Progress | Epoch]:
    return Training(network, titles, validation, params).run(progress_seconds)


def trained(params: Train, titles: EncodedTitles, validation: EncodedTitles) -> tuple[TitleNetwork, list[Epoch]]:
    network = network_for(params)
    return network, [event for event in train(network, titles, validation, params) if isinstance(event, Epoch)]


TITLES, VALIDATION = titles_of(400, 1), titles_of(200, 2)

SHAPES: list[dict[str, Any]] = [
    {},
    {"word_vectors": "trained", "ngram_dimensions": 8, "ngram_dropout": 0.2, "word_dropout": 0.1, "hidden": ()},
    {"word_vectors": "trained", "optimizer": "adam", "schedule": "constant"},
    {"architecture": "cnn", "filters": 6, "filter_lengths": (1, 7), "word_vectors": "semi_frozen", "trained_words": 20},
    {"architecture": "cnn", "filters": 6, "filter_lengths": (2,), "ngram_dimensions": 8, "gradient_clip": 0.5},
    {"architecture": "cnn", "filters": 6, "filter_lengths": (2,), "ngram_dimensions": 8, "filter_ngrams": True},
]


@pytest.mark.parametrize("values", SHAPES)
def test_same_seed_same_weights_to_the_bit(values: dict[str, Any]) -> None:
    params = params_of(dropout=0.2, **values)
    first, first_epochs = trained(params, TITLES, VALIDATION)
    torch.manual_seed(1234)  # the caller's own random numbers must not matter
    second, second_epochs = trained(params, TITLES, VALIDATION)
    for name, weight in first.state_dict().items():
        assert torch.equal(weight, second.state_dict()[name]), name
    assert [epoch.validation_loss for epoch in first_epochs] == [epoch.validation_loss for epoch in second_epochs]
    other, _ = trained(params.model_copy(update={"seed": 2}), TITLES, VALIDATION)
    assert not torch.equal(other.out.weight, first.out.weight)


@pytest.mark.parametrize("values", SHAPES)
def test_every_shape_learns(values: dict[str, Any]) -> None:
    params = params_of(**values).model_copy(update={"epochs": 12, "word_vectors": "trained"})
    network, epochs = trained(params, TITLES, VALIDATION)
    assert epochs[-1].train_loss < epochs[0].train_loss
    assert max(epoch.validation_balanced_accuracy for epoch in epochs) > 0.6  # chance is 0.25
    assert not network.training


def test_frozen_words_stand_still_and_semi_frozen_ones_only_where_told() -> None:
    frozen, _ = trained(params_of(), TITLES, VALIDATION)
    start = network_for(params_of()).words.weight
    assert torch.equal(frozen.words.weight, start)
    semi, _ = trained(params_of(word_vectors="semi_frozen", trained_words=10), TITLES, VALIDATION)
    changed = (semi.words.weight != start).any(1)
    assert changed[1:12].any() and not changed[12:].any() and not changed[0]


def test_the_network_ends_with_the_best_epoch() -> None:
    params = params_of(epochs=8, learning_rate=0.05, schedule="constant")
    network, epochs = trained(params, TITLES, VALIDATION)
    best = max(epochs, key=lambda epoch: epoch.validation_balanced_accuracy)
    assert measure(network, VALIDATION) == (best.validation_loss, best.validation_balanced_accuracy)
    assert [epoch.best for epoch in epochs].count(True) >= 1
    last, _ = trained(params.model_copy(update={"keep": "last"}), TITLES, VALIDATION)
    assert measure(last, VALIDATION)[0] == epochs[-1].validation_loss


def test_patience_stops_and_ties_go_to_the_earlier_epoch() -> None:
    # A step too small to change any answer: every epoch ties with the first.
    params = params_of(epochs=9, patience=2, learning_rate=1e-12, schedule="constant")
    _, epochs = trained(params, TITLES, VALIDATION)
    assert [epoch.best for epoch in epochs] == [True, False, False]


@pytest.mark.parametrize("poison", ["loss", "gradient"])
def test_non_finite_stops_before_the_step(poison: str) -> None:
    params = params_of(epochs=2, word_vectors="trained")
    network = network_for(params)
    calls = 0

    def spoil(gradient: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == 5:
            before.update({name: value.clone() for name, value in network.state_dict().items()})
            return torch.full_like(gradient, math.nan)
        return gradient

    before: dict[str, torch.Tensor] = {}
    if poison == "gradient":
        network.out.weight.register_hook(spoil)
        with pytest.raises(Diverged, match=r"gradient is not finite at step 5 of 26 \(last good loss: \d"):
            list(train(network, TITLES, VALIDATION, params))
        for name, value in network.state_dict().items():
            assert torch.equal(value, before[name]), name
    else:
        network.out.bias.data[0] = math.inf
        with pytest.raises(Diverged, match=r"loss is not finite at step 1 of 26 \(last good loss: none"):
            list(train(network, TITLES, VALIDATION, params))


def test_nothing_to_train_on_is_bad_data() -> None:
    params = params_of()
    with pytest.raises(BadData, match="0 validation titles"):
        list(train(network_for(params), TITLES, titles_of(0, 3), params))


def test_progress_tells_where_it_is() -> None:
    params = params_of(epochs=1)
    events = list(train(network_for(params), TITLES, VALIDATION, params, progress_seconds=0.0))
    told = [event for event in events if isinstance(event, Progress)]
    assert [event.step for event in told] == list(range(1, 14))
    assert told[-1].steps == 13 and told[-1].seconds_left == 0
    assert all(event.titles_per_second > 0 and math.isfinite(event.loss) for event in told)
    silent = list(train(network_for(params), TITLES, VALIDATION, params, progress_seconds=1e9))
    assert [type(event) for event in silent] == [Epoch]


def test_epochs_shorter_than_the_pause_between_two_reports_are_told_of_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter(range(1_000_000))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock) / 10)
    params = params_of(epochs=50, batch_size=len(TITLES))
    told = [event for event in train(network_for(params), TITLES, VALIDATION, params) if isinstance(event, Progress)]
    assert len(told) >= 20
    assert [event.epoch for event in told] == sorted({event.epoch for event in told})


@given(step=st.integers(0, 99), warmup=st.floats(0, 0.9), schedule=st.sampled_from(["constant", "cosine", "one_cycle"]))
def test_learning_rate_stays_under_its_peak(step: int, warmup: float, schedule: str) -> None:
    params = params_of(schedule=schedule, warmup_share=warmup)
    assert 0 < learning_rate_at(step, 100, params) <= params.learning_rate


def test_one_cycle_climbs_then_falls() -> None:
    params = params_of(schedule="one_cycle", warmup_share=0.2)
    rates = [learning_rate_at(step, 100, params) for step in range(100)]
    assert rates[0] == pytest.approx(params.learning_rate / 25)
    assert rates[:21] == sorted(rates[:21]) and rates[20:] == sorted(rates[20:], reverse=True)
    assert rates[20] == pytest.approx(params.learning_rate) and rates[-1] < 0.001 * params.learning_rate


@given(counts=st.lists(st.integers(0, 30), min_size=2, max_size=6).filter(any))
def test_category_weights_are_by_rarity_and_of_mean_1(counts: list[int]) -> None:
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    for kind in ("none", "sqrt", "balanced"):
        weights = category_weights(labels, len(counts), kind)
        assert float(weights[labels].mean()) == pytest.approx(1, rel=1e-4)
        assert all((weight == 0) == (count == 0) for weight, count in zip(weights.tolist(), counts, strict=True))
    totals = weights * torch.tensor(counts)
    assert float(totals[totals > 0].std(unbiased=False)) == pytest.approx(0, abs=1e-3)


def test_unreliable_titles_of_weight_0_teach_nothing() -> None:
    params = params_of(unreliable_weight=0.0, class_weights="none")
    network, _ = trained(params, TITLES, VALIDATION)
    labels = torch.where(TITLES.reliable, TITLES.labels, 0)
    poisoned = replace(TITLES, labels=labels)
    other, _ = trained(params, poisoned, VALIDATION)
    assert torch.equal(network.out.weight, other.out.weight)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1_000), size=st.integers(1, 50))
def test_batches_are_the_titles_in_that_order(seed: int, size: int) -> None:
    order = torch.randperm(len(VALIDATION), generator=torch.Generator().manual_seed(seed))
    seen: list[list[int]] = []
    phrases: list[list[int]] = []
    ngrams = VALIDATION.ngrams
    assert ngrams is not None
    for rows, batch in VALIDATION.batches(order, size):
        assert len(rows) <= size
        lengths = batch.offsets.diff().tolist()
        assert batch.longest == max(lengths)
        seen += [part.tolist() for part in torch.split(batch.tokens, lengths)]
        bag = batch.ngrams
        assert bag is not None
        phrases += [part.tolist() for part in torch.split(bag.phrases, bag.phrase_offsets.diff().tolist())]
        assert torch.equal(bag.phrase_weights, ngrams.weights[bag.phrases])
        of_word = torch.split(bag.ids, bag.offsets.diff().tolist())
        for token, place in zip(batch.tokens.tolist(), bag.places.tolist(), strict=True):
            assert torch.equal(of_word[place], ngrams.by_word.ids[3 * token : 3 * token + 3].long())
    words = VALIDATION.words
    for position, row in enumerate(order.tolist()):
        assert seen[position] == words.ids[words.offsets[row] : words.offsets[row + 1]].tolist()
        known = ngrams.phrases
        assert phrases[position] == known.ids[known.offsets[row] : known.offsets[row + 1]].tolist()


def test_a_titles_ngrams_have_length_1_were_they_all_different() -> None:
    ngrams, words = VALIDATION.ngrams, VALIDATION.words
    assert ngrams is not None
    for row, scale in enumerate(ngrams.scales.tolist()):
        tokens = words.ids[words.offsets[row] : words.offsets[row + 1]].tolist()
        own = [number for token in tokens for number in ngrams.by_word.ids[3 * token : 3 * token + 3].tolist()]
        own += ngrams.phrases.ids[ngrams.phrases.offsets[row] : ngrams.phrases.offsets[row + 1]].tolist()
        assert (ngrams.weights[own] * scale).square().sum().item() == pytest.approx(1, rel=1e-4)


def test_words_outside_the_vocabulary_are_unknown_but_keep_their_ngrams() -> None:
    by_word = (np.array([0, 1, 2], np.int32), np.array([0, 0, 0, 1, 3]))
    nothing = (np.zeros(0, np.int32), np.zeros(2, np.int64))
    weights = np.ones(3, np.float32)
    titles = EncodedTitles.from_arrays((np.array([2, 3], np.int32), np.array([0, 2])), 3, (by_word, nothing, weights))
    ((_, batch),) = titles.batches(torch.tensor([0]), 1)
    assert batch.tokens.tolist() == [2, 1]
    assert batch.ngrams is not None
    assert (batch.ngrams.places.tolist(), batch.ngrams.ids.tolist()) == ([0, 1], [0, 1, 2])


def test_measure_is_the_mean_recall_of_the_categories_seen() -> None:
    network = network_for(params_of())
    labels = torch.tensor([0, 0, 0, 1])
    titles = EncodedTitles.from_arrays(
        (np.array([1, 2, 3, 4], np.int32), np.arange(5)), WORDS, labels=labels.int().numpy()
    )
    network.out.weight.data.zero_()
    network.out.bias.data = torch.tensor([5.0, 0.0, 0.0, 0.0])
    loss, accuracy = measure(network, titles)
    assert accuracy == 0.5
    expected = torch.nn.functional.cross_entropy(network.out.bias.data.expand(4, -1), labels)
    assert loss == pytest.approx(float(expected))


def words_batch() -> Batch:
    everything = EncodedTitles.from_arrays((np.arange(1, WORDS, dtype=np.int32), np.array([0, WORDS - 1])), WORDS)
    return next(everything.batches(torch.tensor([0]), 1))[1]


def test_a_training_does_not_wait_for_torchs_compiler() -> None:
    code = (
        "import sys; from tests.core.small_trainings import *; from meli_tasks.core.training import Training;"
        "params = params_of(epochs=1); titles = titles_of(50, 1);"
        "list(Training(network_for(params), titles, titles, params).run());"
        "assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_the_labs_adam_moves_every_trained_row_as_torchs_does() -> None:
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


def test_row_adam_divides_by_each_rows_running_size() -> None:
    def step(optimizer: RowAdam, rows: list[int], gradient: list[list[float]]) -> None:
        by_row = torch.tensor(gradient)
        optimizer.move(*optimizer.worked_out(torch.tensor(rows), by_row, by_row.norm(dim=1)), 0.1)

    table = RowTable(3, 2, trained=3)
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
    _, batch = next(TITLES.batches(torch.arange(50), 50))
    network(batch).square().sum().backward()
    norm = optimizer.gradient_norm()
    assert float(norm) > 0.01
    clipped: list[float] = []
    really = RowAdam.worked_out

    def noted(rows: RowAdam, *found: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        if not clipped:  # all are clipped by now, and none is used up yet
            clipped.append(float(optimizer.gradient_norm()))
        return really(rows, *found)

    monkeypatch.setattr(RowAdam, "worked_out", noted)
    optimizer.step(0.01, norm)
    assert clipped == [pytest.approx(0.01, rel=1e-3)]
