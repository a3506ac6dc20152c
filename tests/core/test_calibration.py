"""Reliability and abstention, against cases counted by hand, brute force and scikit-learn."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve

from meli_tasks.core.calibration import (
    ACCURACIES,
    POINTS,
    Bin,
    Point,
    abstention,
    calibration_error,
    reliability,
    threshold_for,
)

PROBABILITIES = np.array([0.9, 0.2, 0.8, 0.4, 0.6, 0.6])
CORRECT = np.array([True, False, True, False, True, False])


def answers(titles: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Probabilities with two decimals, so that many are equal, and answers that are right about as often."""
    random = np.random.default_rng(seed)
    probabilities = random.beta(4, 1, titles).round(2)
    return probabilities, random.random(titles) < probabilities


def test_bins_counted_by_hand() -> None:
    bins = reliability(PROBABILITIES, CORRECT, bins=3)
    assert bins == (
        Bin(0.2, 0.4, pytest.approx(0.3), 0.0, 2),
        Bin(0.6, 0.6, pytest.approx(0.6), 0.5, 2),
        Bin(0.8, 0.9, pytest.approx(0.85), 1.0, 2),
    )
    assert calibration_error(bins) == pytest.approx((0.3 + 0.1 + 0.15) / 3)


@pytest.mark.parametrize("seed", range(3))
def test_bins_are_scikit_learns_if_no_probabilities_are_equal(seed: int) -> None:
    random = np.random.default_rng(seed)
    probabilities = random.random(300)
    correct = random.random(300) < probabilities
    accuracy, mean = calibration_curve(correct, probabilities, n_bins=15, strategy="quantile")
    bins = reliability(probabilities, correct)
    assert [one.titles for one in bins] == [20] * 15
    assert [one.accuracy for one in bins] == pytest.approx(accuracy)
    assert [one.probability for one in bins] == pytest.approx(mean)


@pytest.mark.parametrize("titles", [1, 7, 400])
def test_equal_probabilities_share_a_bin_and_the_order_of_titles_does_not_matter(titles: int) -> None:
    probabilities, correct = answers(titles, seed=titles)
    bins = reliability(probabilities, correct)
    assert sum(one.titles for one in bins) == titles and len(bins) <= 15
    assert all(before.highest < after.lowest for before, after in pairwise(bins))
    order = np.random.default_rng(1).permutation(titles)
    assert reliability(probabilities[order], correct[order]) == bins
    inside = [(probabilities >= one.lowest) & (probabilities <= one.highest) for one in bins]
    difference = [abs(correct[part].mean() - probabilities[part].mean()) * part.sum() for part in inside]
    assert calibration_error(bins) == pytest.approx(sum(difference) / titles)


def test_one_probability_for_all_titles_is_one_bin() -> None:
    assert reliability(np.full(40, 0.7), np.arange(40) < 30) == (Bin(0.7, 0.7, pytest.approx(0.7), 0.75, 40),)


def test_abstention_counted_by_hand() -> None:
    # The two titles of 0.6 are answered together.
    assert abstention(PROBABILITIES, CORRECT) == (
        Point(0.2, 1.0, 3 / 6),
        Point(0.4, 5 / 6, 3 / 5),
        Point(0.6, 4 / 6, 3 / 4),
        Point(0.8, 2 / 6, 1.0),
        Point(0.9, 1 / 6, 1.0),
    )


@pytest.mark.parametrize("seed", range(3))
def test_every_point_is_exact(seed: int) -> None:
    probabilities, correct = answers(2_000, seed)
    points = abstention(probabilities, correct)
    assert POINTS // 2 < len(points) <= POINTS + len(ACCURACIES)
    assert points[0].coverage == 1.0 and points[0].accuracy == correct.mean()
    assert [point.threshold for point in points] == sorted({point.threshold for point in points})
    for point in points:
        answered = probabilities >= point.threshold
        assert point == Point(point.threshold, answered.mean(), correct[answered].mean())


@pytest.mark.parametrize("accuracy", [0.8, 0.9, 0.95, 0.98])
def test_the_threshold_for_an_accuracy_leaves_the_most_titles(accuracy: float) -> None:
    probabilities, correct = answers(2_000, seed=4)
    reached = [
        (probabilities >= threshold).mean()
        for threshold in np.unique(probabilities)
        if correct[probabilities >= threshold].mean() >= accuracy
    ]
    found = threshold_for(probabilities, correct, accuracy)
    assert found is not None and found.coverage == max(reached) and found.accuracy >= accuracy
    if accuracy in ACCURACIES:
        assert found in abstention(probabilities, correct)


def test_an_accuracy_that_no_threshold_reaches() -> None:
    assert threshold_for(np.array([0.9, 0.8]), np.array([False, True]), 0.6) is None


def test_the_threshold_of_32_bits_still_answers_its_title() -> None:
    probabilities = np.array([0.1, 0.7, 0.3], np.float32)
    [first, *_] = abstention(probabilities, np.array([True, True, False]))
    assert (probabilities >= np.float32(first.threshold)).all()
