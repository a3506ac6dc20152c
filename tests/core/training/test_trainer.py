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
from hypothesis import given
from hypothesis import strategies as st

from meli_tasks.core.data.encoded_titles import EncodedTitles
from meli_tasks.core.errors import BadData, Diverged
from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.models.networks import TitleNetwork
from meli_tasks.core.training import validation
from meli_tasks.core.training.loss import category_weights
from meli_tasks.core.training.pooled_titles import AnyBatch
from meli_tasks.core.training.progress import Epoch, Progress
from meli_tasks.core.training.schedule import learning_rate_at
from meli_tasks.core.training.trainer import Training
from meli_tasks.core.training.validation import trains_in_bfloat16, validate, validates_in_bfloat16
from tests.core.training.small_trainings import WORDS, network_for, params_of, titles_of


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
def test_the_same_seed_gives_bit_identical_weights(values: dict[str, Any]) -> None:
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
def test_every_architecture_learns(values: dict[str, Any]) -> None:
    params = params_of(**values).model_copy(update={"epochs": 12, "word_vectors": "trained"})
    network, epochs = trained(params, TITLES, VALIDATION)
    assert epochs[-1].train_loss < epochs[0].train_loss
    assert max(epoch.validation_balanced_accuracy for epoch in epochs) > 0.6  # chance is 0.25
    assert not network.training


def test_frozen_words_do_not_change_and_semi_frozen_ones_only_as_configured() -> None:
    frozen, _ = trained(params_of(), TITLES, VALIDATION)
    start = network_for(params_of()).words.weight
    assert torch.equal(frozen.words.weight, start)
    semi, _ = trained(params_of(word_vectors="semi_frozen", trained_words=10), TITLES, VALIDATION)
    changed = (semi.words.weight != start).any(1)
    assert changed[1:12].any() and not changed[12:].any() and not changed[0]


def test_the_network_ends_with_the_kept_epoch() -> None:
    params = params_of(epochs=8, learning_rate=0.05, schedule="constant")
    network, epochs = trained(params, TITLES, VALIDATION)
    best = max(epochs, key=lambda epoch: epoch.validation_balanced_accuracy)
    assert validate(network, VALIDATION) == (best.validation_loss, best.validation_balanced_accuracy)
    assert [epoch.best for epoch in epochs].count(True) >= 1
    last, _ = trained(params.model_copy(update={"keep": "last"}), TITLES, VALIDATION)
    assert validate(last, VALIDATION)[0] == epochs[-1].validation_loss


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"margin": 5.0, "label_smoothing": 0.1},
        {"class_weights": "balanced", "unreliable_weight": 0.3, "logit_adjustment": 1.0},
    ],
)
def test_training_and_validation_record_the_same_quantity(values: dict[str, Any]) -> None:
    # Without dropout, and with steps too small to change an answer, the training titles are validated as they pass.
    params = params_of(epochs=2, learning_rate=1e-12, schedule="constant", dropout=0.0, **values)
    network, epochs = trained(params, TITLES, VALIDATION)
    wanted, _ = validate(network, TITLES)
    assert [epoch.train_cross_entropy for epoch in epochs] == [pytest.approx(wanted, rel=1e-5)] * 2
    assert (epochs[0].train_loss == pytest.approx(wanted, rel=1e-5)) is (not values)


def test_patience_stops_and_ties_go_to_the_earlier_epoch() -> None:
    # A step too small to change any answer: every epoch ties with the first.
    params = params_of(epochs=9, patience=2, learning_rate=1e-12, schedule="constant")
    _, epochs = trained(params, TITLES, VALIDATION)
    assert [epoch.best for epoch in epochs] == [True, False, False]


@pytest.mark.parametrize("poison", ["loss", "gradient"])
def test_a_loss_that_is_not_finite_stops_before_the_step(poison: str) -> None:
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


def test_no_titles_to_train_on_are_bad_data() -> None:
    params = params_of()
    with pytest.raises(BadData, match="0 validation titles"):
        list(train(network_for(params), TITLES, titles_of(0, 3), params))


def test_progress_reports_every_step() -> None:
    params = params_of(epochs=1)
    events = list(train(network_for(params), TITLES, VALIDATION, params, progress_seconds=0.0))
    reports = [event for event in events if isinstance(event, Progress)]
    assert [event.step for event in reports] == list(range(1, 14))
    assert reports[-1].steps == 13 and reports[-1].seconds_left == 0
    assert all(event.titles_per_second > 0 and math.isfinite(event.loss) for event in reports)
    silent = list(train(network_for(params), TITLES, VALIDATION, params, progress_seconds=1e9))
    assert [type(event) for event in silent] == [Epoch]


def test_progress_is_reported_even_if_epochs_are_shorter_than_its_interval(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter(range(1_000_000))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock) / 10)
    params = params_of(epochs=50, batch_size=len(TITLES))
    reports = [event for event in train(network_for(params), TITLES, VALIDATION, params) if isinstance(event, Progress)]
    assert len(reports) >= 20
    assert [event.epoch for event in reports] == sorted({event.epoch for event in reports})


@given(step=st.integers(0, 99), warmup=st.floats(0, 0.9), schedule=st.sampled_from(["constant", "cosine", "one_cycle"]))
def test_the_learning_rate_stays_below_its_peak(step: int, warmup: float, schedule: str) -> None:
    params = params_of(schedule=schedule, warmup_fraction=warmup)
    assert 0 < learning_rate_at(step, 100, params) <= params.learning_rate


def test_one_cycle_rises_then_falls() -> None:
    params = params_of(schedule="one_cycle", warmup_fraction=0.2)
    rates = [learning_rate_at(step, 100, params) for step in range(100)]
    assert rates[0] == pytest.approx(params.learning_rate / 25)
    assert rates[:21] == sorted(rates[:21]) and rates[20:] == sorted(rates[20:], reverse=True)
    assert rates[20] == pytest.approx(params.learning_rate) and rates[-1] < 0.001 * params.learning_rate


@given(counts=st.lists(st.integers(0, 30), min_size=2, max_size=6).filter(any))
def test_category_weights_grow_with_rarity_and_have_mean_1(counts: list[int]) -> None:
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    for kind in ("none", "sqrt", "balanced"):
        weights = category_weights(labels, len(counts), kind)
        assert float(weights[labels].mean()) == pytest.approx(1, rel=1e-4)
        assert all((weight == 0) == (count == 0) for weight, count in zip(weights.tolist(), counts, strict=True))
    totals = weights * torch.tensor(counts)
    assert float(totals[totals > 0].std(unbiased=False)) == pytest.approx(0, abs=1e-3)


def test_unreliable_titles_of_weight_0_change_nothing() -> None:
    params = params_of(unreliable_weight=0.0, class_weights="none")
    network, _ = trained(params, TITLES, VALIDATION)
    labels = torch.where(TITLES.reliable, TITLES.labels, 0)
    poisoned = replace(TITLES, labels=labels)
    other, _ = trained(params, poisoned, VALIDATION)
    assert torch.equal(network.out.weight, other.out.weight)


def test_validate_returns_the_mean_recall_of_the_categories_present() -> None:
    network = network_for(params_of())
    labels = torch.tensor([0, 0, 0, 1])
    titles = EncodedTitles.from_arrays(
        (np.array([1, 2, 3, 4], np.int32), np.arange(5)), WORDS, labels=labels.int().numpy()
    )
    network.out.weight.data.zero_()
    network.out.bias.data = torch.tensor([5.0, 0.0, 0.0, 0.0])
    loss, accuracy = validate(network, titles)
    assert accuracy == 0.5
    expected = torch.nn.functional.cross_entropy(network.out.bias.data.expand(4, -1), labels)
    assert loss == pytest.approx(float(expected))


def test_training_does_not_import_torchs_compiler() -> None:
    code = (
        "import sys; from tests.core.training.small_trainings import *;"
        "from meli_tasks.core.training.trainer import Training;"
        "params = params_of(epochs=1); titles = titles_of(50, 1);"
        "list(Training(network_for(params), titles, titles, params).run());"
        "assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "auto"])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_float32_set_is_validated_in_float32_on_a_gpu_too(precision: str, device: str) -> None:
    params, on = params_of(precision=precision), torch.device(device)
    assert trains_in_bfloat16(params, on) is (precision == "bfloat16" or (precision, device) == ("auto", "cuda"))
    assert validates_in_bfloat16(params, on) is (device == "cuda" and precision != "float32")


@pytest.mark.parametrize("reduced", [False, True])
def test_validation_computes_in_the_precision_that_the_run_chose(
    reduced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "validates_in_bfloat16", lambda *_: reduced)
    seen = []
    network = network_for(params_of())
    real = network.forward

    def noted(batch: AnyBatch) -> torch.Tensor:
        seen.append(torch.is_autocast_enabled("cpu"))
        return real(batch)

    network.forward = noted  # type: ignore[method-assign]
    validation.validate_within_memory(network, VALIDATION, 64)
    assert set(seen) == {reduced}


def test_what_sees_padding_is_validated_in_batches_of_the_training_size_and_then_padded_alike() -> None:
    params = params_of(architecture="cnn", filters=6, max_over_padding=True, batch_size=16, keep="last")
    network = network_for(params)
    training = Training(network, TITLES, VALIDATION, params)
    assert training.validation_batch_size == 16
    for _ in training.run():
        assert network.padded_to is None
    lengths = TITLES.words.offsets.diff()
    assert network.padded_to == int(lengths.max())  # most batches of 16 have a title of 5 words
    assert validate(network, VALIDATION, 16)[0] == pytest.approx(validate(network, VALIDATION, 64)[0])
    network.padded_to = None
    assert validate(network, VALIDATION, 16)[0] == training.epochs[-1].validation_loss
