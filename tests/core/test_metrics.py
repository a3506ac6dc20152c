"""The metrics against scikit-learn and a plain bootstrap, and their invariants."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binom
from sklearn.metrics import balanced_accuracy_score

from meli_tasks.core import metrics
from meli_tasks.core.metrics import (
    bootstrap_interval,
    macro_f1,
    probability_better,
    recalls,
)

titles = st.integers(1, 60)


def accuracy(labels: np.ndarray, predictions: np.ndarray) -> float:
    """The balanced accuracy."""
    return float(recalls(labels, labels == predictions).values.mean())


@st.composite
def answers(draw: st.DrawFn, models: int = 1) -> tuple[np.ndarray, ...]:
    """True categories and, for each model, predicted ones; some predictions are of categories that never occur."""
    n = draw(titles)
    labels = draw(arrays(np.int64, n, elements=st.integers(0, 5)))
    return labels, *(draw(arrays(np.int64, n, elements=st.integers(-1, 7))) for _ in range(models))


@given(answers())
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true:UserWarning")
@pytest.mark.filterwarnings("ignore:A single label was found:UserWarning")
def test_the_mean_recall_is_scikit_learns_balanced_accuracy(data: tuple[np.ndarray, ...]) -> None:
    labels, predictions = data
    assert recalls(labels, labels == predictions).values.mean() == balanced_accuracy_score(labels, predictions)


@given(answers())
def test_macro_f1_is_the_mean_over_true_and_predicted_categories(data: tuple[np.ndarray, ...]) -> None:
    labels, predictions = data
    scores = []
    for category in np.union1d(labels, predictions):
        true, predicted = labels == category, predictions == category
        scores.append(2 * (true & predicted).sum() / (true.sum() + predicted.sum()))
    assert macro_f1(labels, predictions) == pytest.approx(np.mean(scores))


@given(answers())
def test_interval_lies_within_zero_and_one_and_repeats(data: tuple[np.ndarray, ...]) -> None:
    labels, predictions = data
    low, high = bootstrap_interval(labels, labels == predictions, samples=100, seed=3)
    assert 0 <= low <= high <= 1
    assert (low, high) == bootstrap_interval(labels, labels == predictions, samples=100, seed=3)


@given(answers(models=2))
def test_the_gain_is_antisymmetric_and_ties_count_for_nobody(data: tuple[np.ndarray, ...]) -> None:
    labels, first, second = data
    a, b = labels == first, labels == second
    forth = probability_better(labels, a, b, samples=200, seed=1)
    back = probability_better(labels, b, a, samples=200, seed=1)
    assert forth.gain == pytest.approx(-back.gain)
    assert forth.gain == pytest.approx(accuracy(labels, second) - accuracy(labels, first))
    assert forth.probability + back.probability <= 1.15  # two draws of 200, so a little above 1 is chance
    assert probability_better(labels, a, a, samples=200, seed=1).probability == 0


@given(answers())
def test_a_perfect_challenger_is_never_worse(data: tuple[np.ndarray, ...]) -> None:
    labels, predictions = data
    correct = labels == predictions
    perfect = np.ones(len(labels), bool)
    assert probability_better(labels, correct, perfect, samples=100, seed=1).interval[0] >= 0


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1_000))
def test_interval_agrees_with_a_bootstrap_that_draws_titles(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 20, 400)
    correct = random.random(400) < 0.8
    drawn = []
    for _ in range(2_000):
        rows = random.integers(0, 400, 400)
        drawn.append(recalls(labels[rows], correct[rows]).values.mean())
    expected = np.quantile(drawn, [0.025, 0.975])
    assert bootstrap_interval(labels, correct, samples=2_000, seed=1) == pytest.approx(expected, abs=0.008)


def test_probability_grows_with_evidence() -> None:
    labels = np.repeat(np.arange(10), 40)
    random = np.random.default_rng(0)
    champion = random.random(400) < 0.8
    wrong = np.flatnonzero(~champion)
    little, much = champion.copy(), champion.copy()
    little[wrong[:1]] = True
    much[wrong[:25]] = True
    few = probability_better(labels, champion, little, samples=1_000, seed=1)
    many = probability_better(labels, champion, much, samples=1_000, seed=1)
    assert few.probability < 0.8  # one title more is drawn in only 63 % of the resamplings
    assert many.probability > 0.99
    assert many.interval[0] > 0


def test_no_titles_is_an_error() -> None:
    with pytest.raises(ValueError, match="0 labels"):
        recalls(np.array([], np.int64), np.array([], bool))


def test_a_prediction_too_few_is_an_error() -> None:
    with pytest.raises(ValueError, match="3 labels and 2 predictions"):
        recalls(np.array([0, 1, 1]), np.array([True, False]))


def test_recalls_count_titles_as_integers_also_where_none_is_correct() -> None:
    found = recalls(np.array([7, 3, 7, 9, 9], np.int32), np.array([True, True, False, False, False]))
    assert (found.categories.tolist(), found.titles.tolist(), found.correct.tolist()) == (
        [3, 7, 9],
        [1, 2, 2],
        [1, 1, 0],
    )
    assert {array.dtype for array in (found.categories, found.titles, found.correct)} == {np.dtype(np.int64)}
    assert found.values.tolist() == [1, 0.5, 0]


def test_the_interval_is_the_middle_95_percent() -> None:
    # Right on 50 of 100 titles of one category: a sample's accuracy is binomial, of 99 draws.
    half = np.arange(100) < 50
    one_category = np.zeros(100, np.int64)
    expected = tuple(binom.ppf([0.025, 0.975], 99, 0.5) / 99)
    assert bootstrap_interval(one_category, half, samples=4_000, seed=1) == pytest.approx(expected)
    # Every title changes hands with one of the other model: a sample's gain is twice as wide, around 0.
    comparison = probability_better(one_category, half, ~half, samples=4_000, seed=1)
    assert comparison.interval == pytest.approx(tuple(2 * quantile - 1 for quantile in expected), abs=0.021)
    assert comparison.probability == pytest.approx(0.5, abs=0.02)


def test_categories_of_one_title_are_drawn_from_together() -> None:
    # Of two titles, a sample draws the first (gain 1) or the second (gain 0), which stands for both.
    labels, none, first = np.array([0, 1]), np.array([False, False]), np.array([True, False])
    comparison = probability_better(labels, none, first, samples=20_000, seed=1)
    assert comparison.gain == 0.5
    assert comparison.interval == (0.0, 1.0)
    assert comparison.probability == pytest.approx(0.5, abs=0.02)
    assert bootstrap_interval(labels, first, samples=4_000, seed=1) == (0.0, 1.0)


def test_the_only_category_of_one_title_is_as_uncertain_as_a_title_of_the_others() -> None:
    labels = np.array([0, 0, 0, 0, 1])
    correct = np.array([True, True, False, False, True])
    # The others: three draws of which half are right; none is, in one of 8 samples. The single title: it differs by -1,
    # 0 or 1 times the root of 1/2, by -1 in a quarter of the samples.
    low, high = bootstrap_interval(labels, correct, samples=40_000, seed=1)
    assert (low, high) == (pytest.approx((1 - 0.5**0.5) / 2), 1.0)
    assert bootstrap_interval(labels[4:], correct[4:], samples=100, seed=1) == (1.0, 1.0)


SIZES = {
    "one title each": [1] * 2_000,
    "two titles each": [2] * 500,
    "one to five": [1, 2, 3, 4, 5] * 30,
    "twenty each": [20] * 15,
}


@pytest.mark.parametrize("rate", [0.95, 0.5, 0.05])
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_the_interval_is_as_wide_as_the_accuracy_varies(sizes: list[int], rate: float) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    variance = (rate * (1 - rate) / np.array(sizes)).sum() / len(sizes) ** 2
    widths = []
    for seed in range(30):
        correct = np.random.default_rng(seed).random(len(labels)) < rate
        low, high = bootstrap_interval(labels, correct, samples=1_000, seed=1)
        assert low <= recalls(labels, correct).values.mean() <= high
        widths.append(high - low)
    assert np.mean(widths) == pytest.approx(2 * 1.96 * np.sqrt(variance), rel=0.08)


@given(answers())
def test_no_interval_excludes_its_own_estimate(data: tuple[np.ndarray, ...]) -> None:
    labels, predictions = data
    low, high = bootstrap_interval(labels, labels == predictions, samples=400, seed=1)
    assert low - 1e-12 <= accuracy(labels, predictions) <= high + 1e-12


def test_few_right_titles_in_small_categories_stay_inside_their_interval() -> None:
    # One title right, in the smallest of sixty categories: a bootstrap that misses categories gave 0.0200 to 0.0256.
    labels = np.concatenate([np.repeat(np.arange(59), 8), [59]])
    correct = labels == 59
    low, high = bootstrap_interval(labels, correct, samples=4_000, seed=1)
    assert low <= 1 / 60 <= high


def test_a_title_that_one_model_loses_weighs_as_much_as_one_that_it_wins() -> None:
    # One title of four lost, two won: the odds of more wins than losses among three draws, counted one by one.
    champion = np.array([True, False, False, True])
    challenger = np.array([False, True, True, True])
    draws = np.stack(np.meshgrid(*[[-1, 1, 1, 0]] * 3), axis=-1).reshape(-1, 3)
    comparison = probability_better(np.zeros(4, np.int64), champion, challenger, samples=8_000, seed=1)
    assert comparison.gain == 0.25
    assert comparison.probability == pytest.approx((draws.sum(axis=1) > 0).mean(), abs=0.015)


def test_samples_drawn_in_small_parts_are_the_same_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    labels, first, second = random.integers(0, 5, 50), random.random(50) < 0.6, random.random(50) < 0.7
    interval = bootstrap_interval(labels, first, samples=105, seed=1)
    comparison = probability_better(labels, first, second, samples=105, seed=1)
    for counts in (1, 40, 150):  # fewer than one sample has, a few samples, a number that leaves a part
        monkeypatch.setattr(metrics, "_COUNTS_AT_ONCE", counts)
        assert bootstrap_interval(labels, first, samples=105, seed=1) == interval
        assert probability_better(labels, first, second, samples=105, seed=1) == comparison


def test_a_single_sample_is_drawn() -> None:
    low, high = bootstrap_interval(np.arange(10), np.arange(10) < 5, samples=1, seed=1)
    assert low == high


def test_another_seed_draws_other_samples() -> None:
    labels, correct = np.repeat(np.arange(5), 20), np.arange(100) % 3 > 0
    intervals = {bootstrap_interval(labels, correct, samples=101, seed=seed) for seed in range(5)}
    assert len(intervals) > 1


def test_macro_f1_of_a_category_never_predicted_is_zero_without_a_warning() -> None:
    assert macro_f1(np.array([0, 0, 1]), np.array([0, 0, 0])) == pytest.approx(0.4)
