"""The promotion gate's rates on few simulated nights. Tolerances are four standard errors of the simulation."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from benchmarks.bench_gate import blocks, promotions, years
from benchmarks.gate_world import ACCURACY, OWN_ERRORS, World, sizes_of_all_titles, sizes_of_test_split


def error(rate: float, repetitions: int) -> float:
    return sqrt(rate * (1 - rate) / repetitions)


def test_the_sizes_are_those_of_the_real_titles() -> None:
    assert (sizes_of_test_split().sum(), len(sizes_of_test_split())) == (2_583, 619)
    assert (sizes_of_all_titles().sum(), len(sizes_of_all_titles())) == (50_939, 632)


@pytest.mark.parametrize(("kind", "spread"), [("similar", 0.0030), ("unlike", 0.0070)])
def test_models_differ_as_much_as_they_should(kind: str, spread: float) -> None:
    random = np.random.default_rng(1)
    gains = []
    for _ in range(200):
        world = World(sizes_of_test_split(), OWN_ERRORS[kind], random)
        gains.append(world.balanced(world.model()) - world.balanced(world.model()))
    assert np.std(gains) == pytest.approx(spread, rel=4 / sqrt(2 * len(gains)))


@pytest.mark.parametrize("number", [1, 8])
@pytest.mark.parametrize("kind", ["similar", "unlike"])
def test_equal_models_are_promoted_in_at_most_one_night_of_twenty(kind: str, number: int) -> None:
    found = promotions(OWN_ERRORS[kind], number, ACCURACY, False, 150, 7)
    assert np.mean(found) <= 0.05 + 4 * error(0.05, len(found))


@pytest.mark.parametrize(("kind", "power"), [("similar", 0.9), ("unlike", 0.4)])
def test_a_better_model_is_promoted(kind: str, power: float) -> None:
    found = promotions(OWN_ERRORS[kind], 1, ACCURACY + 0.01, False, 100, 8)
    assert np.mean(found) >= power - 4 * error(power, len(found))


def test_with_folds_half_a_point_is_enough() -> None:
    found = promotions(OWN_ERRORS["similar"], 1, ACCURACY + 0.005, True, 5, 9)
    assert all(found)


def test_months_of_nights_do_not_inflate_the_figure_of_the_champion() -> None:
    found = years(OWN_ERRORS["unlike"], 3, 60, 4, 10)
    shown, measured = (np.array([getattr(year, name) for year in found]) for name in ("shown", "measured"))
    assert measured.mean() > 0.004
    assert abs(shown.mean()) < 0.002 + 4 * 0.0022 / sqrt(len(found))
    assert shown.mean() < measured.mean() / 2
    assert np.mean([year.promoted for year in found]) <= 0.05 + 4 * error(0.05, 240)


def test_lost_categories_are_blocked_and_others_are_not() -> None:
    assert all(blocks(OWN_ERRORS["similar"], 0.0, 6, 8, 20, 11))
    assert all(blocks(OWN_ERRORS["unlike"], 0.0, 12, 12, 20, 12))
    false = blocks(OWN_ERRORS["between"], 0.3, 0, 0, 100, 13)
    assert np.mean(false) <= 0.01 + 4 * error(0.01, len(false))
