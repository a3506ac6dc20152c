"""Whether a challenger loses a category: an exact test of how many of its titles are lost, also if there are few.

A title is lost if the champion is right and the challenger wrong. Any two models lose some, more in difficult
categories than in others. So the number that is lost of a category's titles is compared with a beta-binomial
distribution: its mean is the rate at which the challenger loses titles of the other categories, and its spread between
categories is that of the titles won, which a collapsed category does not change. The result is corrected for the number
of categories (Bonferroni), so the chance that any category of an equally good model is taken for lost is at most the
level of the test.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, gammaln

from meli_tasks.core.metrics import Booleans, Floats, Integers

MIN_SPREAD, MAX_SPREAD = 0.01, 0.5
"""Limits of the correlation of two titles of a category: few titles tell little of it, and it is never quite 0."""

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Loss:
    """The category that is most clearly lost: `lost` of the `titles` that the champion classifies correctly.

    `probability` is that of a loss as large in any category by chance.
    """

    category: int
    lost: int
    titles: int
    probability: float


def clearest_loss(labels: Integers, champion: Booleans, challenger: Booleans, level: float) -> Loss | None:
    """The category whose loss is the least likely by chance.

    `labels` (n,) are the categories of n titles. None if no category has so many titles that the loss of all of them
    would be below `level`: then the test could not find anything.
    """
    categories = int((np.bincount(labels) > 0).sum())
    right, lost = np.bincount(labels[champion]), np.bincount(labels[champion & ~challenger])
    lost = np.pad(lost, (0, len(right) - len(lost)))
    rates = _rates_elsewhere(lost, right)
    spread = _spread(labels, champion, challenger)
    largest = right == right.max(initial=1)
    if not largest.any() or categories * _tails(right[largest], right[largest], rates[largest], spread).min() > level:
        return None
    chances = categories * _tails(lost, right, rates, spread)
    found = int(chances.argmin())
    return Loss(found, int(lost[found]), int(right[found]), min(1.0, float(chances[found])))


def chances_of_losses(labels: Integers, champion: Booleans, challenger: Booleans) -> Floats:
    """For each category up to the largest in `labels`, the probability of a loss as large in any category by chance.

    With the models exchanged it is that of what the challenger wins.
    """
    titles = np.bincount(labels)
    right = np.bincount(labels[champion], minlength=len(titles))
    lost = np.bincount(labels[champion & ~challenger], minlength=len(titles))
    tails = _tails(lost, right, _rates_elsewhere(lost, right), _spread(labels, champion, challenger))
    return np.asarray(np.minimum(1.0, (titles > 0).sum() * tails), np.float64)


def _rates_elsewhere(lost: Counts, right: Counts) -> Floats:
    """The rate of lost titles in all other categories, for each. A title more of each kind keeps it from being 0."""
    return np.asarray((lost.sum() - lost + 1) / (right.sum() - right + 2), np.float64)


def _spread(labels: Integers, champion: Booleans, challenger: Booleans) -> float:
    """The correlation of two titles of a category in being won, by the method of moments, less one standard error."""
    right, won = np.bincount(labels[challenger]), np.bincount(labels[challenger & ~champion])
    won = np.pad(won, (0, len(right) - len(won)))
    pairs = float((right * (right - 1)).sum())
    rate = (won.sum() + 1) / (right.sum() + 2)
    variance = rate * (1 - rate)
    excess = float((np.square(won - right * rate) - right * variance).sum())
    found = excess / (variance * pairs) - np.sqrt(2 / pairs) if pairs else 0.0
    return float(np.clip(found, MIN_SPREAD, MAX_SPREAD))


def _tails(lost: Counts, titles: Counts, rates: Floats, spread: float) -> Floats:
    """The probabilities that beta-binomial variables of these means and this spread are at least `lost`."""
    found = np.ones(len(lost))
    some = np.flatnonzero(lost)
    if not len(some):
        return found
    least, most, rate = lost[some, None], titles[some, None], rates[some, None]
    hits = np.minimum(least + np.arange(int((most - least).max()) + 1), most)
    first, second = rate * (1 / spread - 1), (1 - rate) * (1 / spread - 1)
    ways = gammaln(most + 1) - gammaln(hits + 1) - gammaln(most - hits + 1)
    each = np.exp(ways + betaln(hits + first, most - hits + second) - betaln(first, second))
    found[some] = np.where(least + np.arange(hits.shape[1]) <= most, each, 0).sum(axis=1)
    return found
