"""The tests of accuracy and macro F1 by exchanging answers: their figures, and how often they are wrong."""

from __future__ import annotations

import numpy as np
import pytest

from meli_tasks.core.category_losses import chances_of_losses, clearest_loss
from meli_tasks.core.exchanges import accuracy_gain, f1_gain, macro_f1_of
from meli_tasks.core.metrics import macro_f1

LABELS = np.repeat(np.arange(20), 15)


def answers(seed: int, wrong: float) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.where(random.random(len(LABELS)) < wrong, random.integers(0, 20, len(LABELS)), LABELS)


def test_the_f1_score_is_that_of_the_evaluation() -> None:
    predicted = answers(1, 0.3)
    assert macro_f1_of(LABELS, predicted) == pytest.approx(macro_f1(LABELS, predicted))
    few = LABELS < 5  # some categories occur only among the predictions
    assert macro_f1_of(LABELS[few], predicted[few]) == pytest.approx(macro_f1(LABELS[few], predicted[few]))


def test_a_gain_is_the_difference_of_the_scores_and_its_interval_is_around_it() -> None:
    one, other = answers(1, 0.3), answers(2, 0.05)
    found = f1_gain(LABELS, one, other)
    assert found.gain == pytest.approx(macro_f1_of(LABELS, other) - macro_f1_of(LABELS, one))
    assert 0 < found.interval[0] < found.gain < found.interval[1]
    assert found.probability == pytest.approx(1.0)
    accuracy = accuracy_gain(one == LABELS, other == LABELS)
    assert accuracy.gain == pytest.approx((other == LABELS).mean() - (one == LABELS).mean())
    assert accuracy.interval[0] > 0
    assert f1_gain(LABELS, one, one).interval == (0.0, 0.0)


def test_the_interval_is_as_wide_as_exchanges_at_random_make_it() -> None:
    one, other = answers(1, 0.2), answers(2, 0.2)
    random = np.random.default_rng(0)
    drawn = []
    for _ in range(1_000):
        swapped = random.random(len(LABELS)) < 0.5
        mixed, rest = np.where(swapped, other, one), np.where(swapped, one, other)
        drawn.append(macro_f1_of(LABELS, rest) - macro_f1_of(LABELS, mixed))
    low, high = f1_gain(LABELS, one, other).interval
    assert high - low == pytest.approx(2 * 1.96 * np.std(drawn), rel=0.1)


def test_of_equal_models_about_one_in_twenty_seems_to_differ() -> None:
    found = [f1_gain(LABELS, answers(seed, 0.2), answers(1_000 + seed, 0.2)).interval for seed in range(200)]
    excluded = sum(low > 0 or high < 0 for low, high in found)
    assert excluded <= 19  # 5 % of 200, and three standard errors


def test_the_clearest_loss_is_the_least_of_all_chances() -> None:
    champion, challenger = answers(1, 0.05) == LABELS, answers(2, 0.05) == LABELS
    challenger[:15] = False
    chances = chances_of_losses(LABELS, champion, challenger)
    clearest = clearest_loss(LABELS, champion, challenger, 0.01)
    assert clearest is not None
    assert (clearest.category, clearest.probability) == (int(chances.argmin()), pytest.approx(chances.min()))
    assert len(chances) == 20
    assert (chances[1:] > 0.05).all()
