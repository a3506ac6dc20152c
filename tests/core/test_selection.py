"""What a champion's figure owes to luck, by the figures of all models on the same titles."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from meli_tasks.core.selection import MIN_MODELS, UNKNOWN, Luck, luck_of

ERROR = 0.003
OWN = ERROR / 2**0.5


def measured(values: np.ndarray) -> list[tuple[float, int]]:
    return sorted(Counter(np.round(values, 4).tolist()).items())


def figures(models: int, seed: int, true: float = 0.95) -> np.ndarray:
    return true + OWN * np.random.default_rng(seed).normal(size=models)


def test_the_best_of_equal_models_is_as_good_as_the_others() -> None:
    """On average over seeds, as each history is a matter of chance too."""
    left = []
    for seed in range(40):
        values = figures(300, seed)
        left.append(values.max() - luck_of(values.max(), measured(values), ERROR).bias - 0.95)
    assert np.mean([values.max() - 0.95 for values in (figures(300, seed) for seed in range(40))]) > 2.5 * OWN
    assert abs(np.mean(left)) < 0.6 * OWN


def test_a_model_far_above_the_others_is_better_and_not_lucky() -> None:
    values = np.append(figures(300, 1), 0.975)
    assert luck_of(0.975, measured(values), ERROR).bias < 0.1 * OWN


def test_models_of_other_quality_do_not_matter() -> None:
    values = figures(200, 3)
    alone = luck_of(values.max(), measured(values), ERROR)
    among = luck_of(values.max(), [(0.0016, 150), (0.61, 40), *measured(values)], ERROR)
    assert alone.bias > OWN
    assert among.bias == pytest.approx(alone.bias, abs=0.35 * OWN)


def test_a_figure_below_what_is_expected_is_not_raised() -> None:
    values = figures(200, 4)
    assert luck_of(float(values.min()), measured(values), ERROR) == Luck(bias=0, unknown=1, known=True)


def test_few_models_tell_nothing() -> None:
    values = figures(MIN_MODELS - 1, 5)
    assert luck_of(values.max(), measured(values), ERROR) == UNKNOWN
    assert luck_of(0.96, measured(figures(50, 5)), 0.0) == UNKNOWN


def test_what_is_unknown_of_the_luck_shrinks_with_the_history() -> None:
    short, long = (luck_of(0.955, measured(figures(models, 6)), ERROR).unknown for models in (10, 1_000))
    assert long < short <= 1
