"""Wilson's interval, against published values, scipy and the coverage that it promises."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from meli_tasks.core.proportions import wilson_interval


@pytest.mark.parametrize(("successes", "titles"), [(0, 1), (1, 1), (0, 8), (3, 8), (8, 8), (45, 50), (999, 1_000)])
def test_the_interval_is_scipys(successes: int, titles: int) -> None:
    low, high = wilson_interval(np.array([successes]), np.array([titles]))
    expected = binomtest(successes, titles).proportion_ci(0.95, method="wilson")
    assert (low[0], high[0]) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("titles", [4, 8, 20, 100])
def test_the_interval_covers_95_percent_on_average(titles: int) -> None:
    successes = np.arange(titles + 1)
    low, high = wilson_interval(successes, np.full(titles + 1, titles))
    fractions = np.linspace(0.005, 0.995, 500)
    inside = (low <= fractions[:, None]) & (fractions[:, None] <= high)
    coverage = (inside * binom.pmf(successes, titles, fractions[:, None])).sum(axis=1)
    assert coverage.mean() == pytest.approx(0.95, abs=0.012)
