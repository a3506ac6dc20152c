"""By how much the figure of a champion is too high because it was selected by it, on titles that are used again.

A champion is the winner of many comparisons on the same test titles, so part of its figure is luck, and after a year of
nights it is half a point to a point too high (the winner's curse). What it owes to luck can be told from the figures of
all models ever measured on these titles: they are the models' true figures with an error of known size. The
distribution of the true figures is estimated without an assumption on its form (nonparametric maximum likelihood:
J. Kiefer and J. Wolfowitz, 1956; as in R. Koenker and I. Mizera, "Convex optimization, shape constraints, and compound
decisions", 2014), and the champion's expected true figure follows from it by Bayes' rule. Since no form is assumed, a
history with models of chance level, or of several families, says nothing wrong about the best of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from meli_tasks.core.metrics import Floats

RESOLUTION = 1e-4
"""Figures are counted in cells of this width; their error is five times as large even with 50,000 titles."""
MIN_MODELS = 8
"""Models that must have been measured on the titles before anything is said of luck."""
_SPACING = 0.5
"""Distance of the possible true figures, in errors."""
_MAX_POINTS = 2_000
_ROUNDS = 100
_SUPPORT = 0.25
"""Models that a possible true figure must explain: otherwise the luckiest ones would make theirs possible."""


@dataclass(frozen=True)
class Luck:
    """What a figure owes to luck, and how much of that is unknown: the variance of the true figure over the error's.

    `known` is false if nothing can be said of it.
    """

    bias: float = 0.0
    unknown: float = 1.0
    known: bool = True


UNKNOWN = Luck(known=False)
"""Nothing can be said: the figure counts as it was measured."""


def luck_of(figure: float, measured: Sequence[tuple[float, int]], error: float) -> Luck:
    """What a figure owes to luck, by the figures of all models on the same titles.

    Args:
        figure: The champion's, on the titles that it was selected on.
        measured: All figures on these titles, the champion's among them, each with the number of models that have it.
        error: Standard deviation of the difference of two models on these titles if they are equally good.
    """
    models = sum(number for _, number in measured)
    if error <= 0 or models < MIN_MODELS:
        return UNKNOWN
    own = error / np.sqrt(2)  # of one model, apart from what all models have in common
    mean, variance = _posterior(figure, measured, own)
    if mean >= figure:
        return Luck()  # it is no better than was to be expected, so it owes nothing to luck
    return Luck(figure - mean, min(1.0, variance / own**2 + 1 / models))


def _posterior(figure: float, measured: Sequence[tuple[float, int]], error: float) -> tuple[float, float]:
    """Mean and variance of the true figure, with the distribution of true figures that fits the measured ones best."""
    values = np.array([value for value, _ in measured])
    counts = np.array([number for _, number in measured], np.float64)
    near = np.abs(values - figure) < _MAX_POINTS * _SPACING * error / 2  # others tell nothing of this one
    values, counts = values[near], counts[near]
    low, high = min(float(values.min()), figure), max(float(values.max()), figure)
    grid = np.linspace(low, high, max(2, int((high - low) / error / _SPACING) + 1))
    likelihood = np.exp(-0.5 * np.square((values[:, None] - grid) / error))
    prior = _fitted(likelihood, counts)
    posterior = prior * np.exp(-0.5 * np.square((figure - grid) / error))
    posterior /= posterior.sum()
    mean = float(posterior @ grid)
    return mean, float(posterior @ np.square(grid - mean))


def _fitted(likelihood: Floats, counts: Floats) -> Floats:
    """The probabilities of the points of the grid that make the observed figures most likely, by expectation
    maximization. In the second half of the rounds, points that too few figures support lose their probability.
    """
    prior = np.full(likelihood.shape[1], 1 / likelihood.shape[1])
    for number in range(_ROUNDS):
        support = prior * (counts @ (likelihood / (likelihood @ prior)[:, None]))
        if number >= _ROUNDS // 2:
            support = np.maximum(support - min(_SUPPORT, support.max() / 2), 0)
        prior = np.maximum(support / support.sum(), 1e-300)
    return prior
