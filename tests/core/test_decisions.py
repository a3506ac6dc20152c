"""The comparison of two models on the same titles: the sign test, and the correction for the champion's luck."""

from __future__ import annotations

from itertools import product
from math import erf, sqrt

import numpy as np
import pytest

from meli_tasks.core.decisions import Correction, comparison, difference
from meli_tasks.core.metrics import recalls
from meli_tasks.core.selection import Luck

LABELS = np.repeat(np.arange(20), np.arange(1, 21))


def answers(seed: int, wrong: float = 0.2) -> np.ndarray:
    return np.random.default_rng(seed).random(len(LABELS)) >= wrong


def test_the_gain_is_that_of_the_balanced_accuracies() -> None:
    one, other = answers(1), answers(2)
    expected = recalls(LABELS, other).values.mean() - recalls(LABELS, one).values.mean()
    assert difference(LABELS, one, other).gain == pytest.approx(expected)
    assert comparison(difference(LABELS, one, other)).gain == pytest.approx(expected)


def test_categories_without_titles_do_not_count() -> None:
    one, other = answers(1), answers(2)
    assert difference(LABELS * 3, one, other).gain == pytest.approx(difference(LABELS, one, other).gain)


def test_few_titles_are_counted_exactly() -> None:
    labels = np.array([0, 1, 1, 2, 2, 2])
    one, other = np.zeros(6, bool), np.array([1, 1, 0, 1, 0, 0], bool)
    one[4] = True  # won: a title each of categories of 1, 2 and 3 titles; lost: one of 3
    weights = np.array([1, 1 / 2, 1 / 3, -1 / 3]) / 3
    outcomes = [np.dot(signs, np.abs(weights)) for signs in product((-1, 1), repeat=4)]
    expected = np.mean(np.array(outcomes) < weights.sum() - 1e-12)
    assert comparison(difference(labels, one, other)).probability == expected


def test_one_title_is_as_likely_won_as_lost() -> None:
    one, other = answers(1), answers(1)
    other[5] = not other[5]
    found = comparison(difference(LABELS, one, other))
    assert found.probability == (0.5 if other[5] else 0.0)


def test_models_that_agree_on_every_title_are_not_better() -> None:
    found = comparison(difference(LABELS, answers(1), answers(1)))
    assert (found.gain, found.probability, found.interval) == (0, 0, (0, 0))
    lucky = Correction(Luck(bias=0.5, unknown=0.0), usual_error=0.1)
    assert comparison(difference(LABELS, answers(1), answers(1)), lucky).probability == 0


def test_many_titles_follow_the_normal_with_the_correction_of_mcnemar() -> None:
    """Categories of one size are McNemar's test; the binomial distribution is its exact form."""
    labels, titles = np.repeat(np.arange(50), 4), 200
    one, other = np.ones(titles, bool), np.ones(titles, bool)
    one[:26] = False
    other[180:194] = False  # 26 won, 14 lost
    exact = sum(np.prod([(40 - i) / (i + 1) for i in range(k)]) for k in range(26)) / 2**40
    found = comparison(difference(labels, one, other)).probability
    assert found == pytest.approx(exact, abs=0.002)
    assert found == pytest.approx(0.5 * (1 + erf((12 - 1) / sqrt(40) / sqrt(2))))


def test_luck_that_is_known_counts_for_the_challenger_and_is_no_longer_uncertain() -> None:
    found = difference(LABELS, answers(1), answers(2))
    corrected = comparison(found, Correction(Luck(bias=0.01, unknown=0.0), usual_error=found.error))
    assert corrected.gain == pytest.approx(found.gain + 0.01)
    low, high = corrected.interval
    assert (high - low) / 2 == pytest.approx(1.96 * found.error / sqrt(2), rel=1e-3)


def test_only_luck_on_titles_that_are_still_used_counts() -> None:
    found = difference(LABELS, answers(1), answers(2))
    half = comparison(found, Correction(Luck(bias=0.01, unknown=0.0), shared=0.5, usual_error=found.error))
    assert half.gain == pytest.approx(found.gain + 0.005)
    none = comparison(found, Correction(Luck(bias=0.01, unknown=0.0), shared=0.0, usual_error=found.error))
    assert none == comparison(found)


def test_a_challenger_that_resembles_the_champion_shares_its_luck() -> None:
    found = difference(LABELS, answers(1), answers(2))
    alike = comparison(found, Correction(Luck(bias=0.01, unknown=0.0), usual_error=2 * found.error))
    assert alike.gain == pytest.approx(found.gain + 0.01 / 4)
    nothing = comparison(found)
    assert alike.interval[1] - alike.interval[0] < nothing.interval[1] - nothing.interval[0]


def test_equal_models_are_promoted_in_at_most_one_night_of_twenty() -> None:
    random, repetitions, promoted = np.random.default_rng(5), 1_000, 0
    for _ in range(repetitions):
        difficult = random.random(len(LABELS)) < 0.4
        one, other = (~difficult | (random.random(len(LABELS)) < 0.5) for _ in range(2))
        promoted += comparison(difference(LABELS, one, other)).probability >= 0.95
    assert promoted / repetitions <= 0.05 + 3 * sqrt(0.05 * 0.95 / repetitions)
