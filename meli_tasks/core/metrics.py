"""How good a model is on the test titles, how certain that is, and whether another model is better.

Everything is computed from arrays of length n with one entry per test title: the true category as an integer, and the
predicted category (or only whether it is correct).

The paired bootstrap is our own, because scikit-learn has none, and scipy's draws titles one by one. It draws n titles
with replacement; since balanced accuracy depends only on how many titles of each category have which outcome, it draws
these counts (a multinomial) instead of the titles, so that its cost depends on the number of categories but not on n.
The counts come from `recalls`, which scikit-learn's `recall_score` does not return (and it takes 34 ms instead of 4 for
100,000 titles of 632 categories). The mean of these recalls is scikit-learn's balanced accuracy, as the tests check.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.integer]
Booleans = NDArray[np.bool_]
Floats = NDArray[np.float64]

CONFIDENCE = 0.95
# Counts held in memory at the same time: 32 MB of int64.
_COUNTS_AT_ONCE = 4_000_000
# A sum of differences that should be 0 may be computed as 1e-17; a real gain is never this small.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Recalls:
    """The recall of each category among the true ones; the arrays have one entry per category."""

    categories: NDArray[np.int64]
    titles: NDArray[np.int64]
    correct: NDArray[np.int64]

    @property
    def values(self) -> Floats:
        """The fraction of each category's titles that is predicted correctly."""
        return self.correct / self.titles


@dataclass(frozen=True)
class Comparison:
    """The gain in balanced accuracy of a challenger over a champion on the same titles.

    `interval` is the middle 95 % of the gain over the bootstrap samples, `probability` the fraction of samples in which
    the challenger is better.
    """

    gain: float
    interval: tuple[float, float]
    probability: float


@dataclass(frozen=True)
class Drop:
    """The category with the largest loss of recall, from `before` to `after`, over `titles` test titles."""

    category: int
    before: float
    after: float
    titles: int

    @property
    def size(self) -> float:
        """The loss of recall; negative if even this category gained."""
        return self.before - self.after


def recalls(labels: Integers, correct: Booleans) -> Recalls:
    """Count the titles and the correct predictions of every category in `labels` (n,).

    Raises:
        ValueError: there are no titles, or the arrays have different lengths.
    """
    if len(labels) == 0 or len(labels) != len(correct):
        raise ValueError(f"{len(labels)} labels and {len(correct)} predictions: need the same number, at least one")
    categories, positions = np.unique(labels, return_inverse=True)
    titles = np.bincount(positions)
    hits = np.bincount(positions[correct], minlength=len(categories))
    return Recalls(categories.astype(np.int64), titles.astype(np.int64), hits.astype(np.int64))


def macro_f1(labels: Integers, predictions: Integers) -> float:
    """The mean F1 score of the categories in `labels` (n,) or `predictions` (n,)."""
    from sklearn.metrics import f1_score  # 1.5 CPU-seconds, which the tasks that need only the bootstrap save

    return float(f1_score(labels, predictions, average="macro", zero_division=0))


def bootstrap_interval(labels: Integers, correct: Booleans, *, samples: int, seed: int) -> tuple[float, float]:
    """The middle 95 % of the balanced accuracy over `samples` bootstrap samples of the titles."""
    observed = recalls(labels, correct)
    outcomes = np.stack([observed.titles - observed.correct, observed.correct], axis=1)
    drawn = np.concatenate([_mean_rate(c[:, :, 1], c.sum(axis=2)) for c in _resampled(outcomes, samples, seed)])
    return _middle(drawn)


def probability_better(
    labels: Integers, champion: Booleans, challenger: Booleans, *, samples: int, seed: int
) -> Comparison:
    """Paired bootstrap: the probability that the challenger has a higher balanced accuracy, and its gain.

    `champion` and `challenger` (n,) are true for the titles that each predicts correctly. Both are resampled together,
    so titles that are hard for both cancel out. A sample in which they tie does not count as better.
    """
    before, after = recalls(labels, champion), recalls(labels, challenger)
    both = recalls(labels, champion & challenger).correct
    lost, won = before.correct - both, after.correct - both
    outcomes = np.stack([before.titles - lost - won, lost, won], axis=1)
    drawn = np.concatenate(
        [_mean_rate(c[:, :, 2] - c[:, :, 1], c.sum(axis=2)) for c in _resampled(outcomes, samples, seed)]
    )
    gain = float((after.values - before.values).mean())
    return Comparison(gain=gain, interval=_middle(drawn), probability=float((drawn > _ROUNDING).mean()))


def largest_drop(labels: Integers, champion: Booleans, challenger: Booleans, *, min_titles: int) -> Drop | None:
    """The category of at least `min_titles` test titles that loses most recall; None if no category has as many."""
    before, after = recalls(labels, champion), recalls(labels, challenger)
    counts = before.titles >= min_titles
    if not counts.any():
        return None
    drops = np.where(counts, before.values - after.values, -np.inf)
    worst = int(drops.argmax())
    return Drop(
        category=int(before.categories[worst]),
        before=float(before.values[worst]),
        after=float(after.values[worst]),
        titles=int(before.titles[worst]),
    )


def _resampled(outcomes: NDArray[np.int64], samples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Bootstrap samples of `outcomes` (categories, outcomes) as counts (some samples, categories, outcomes)."""
    random = np.random.default_rng(seed)
    titles = int(outcomes.sum())
    # Empty cells are never drawn: skipping them halves the work if most predictions agree.
    cells = np.flatnonzero(outcomes)
    probabilities = outcomes.ravel()[cells] / titles
    at_once = max(1, _COUNTS_AT_ONCE // outcomes.size)
    for start in range(0, samples, at_once):
        size = min(at_once, samples - start)
        counts = np.zeros((size, outcomes.size), np.int64)
        counts[:, cells] = random.multinomial(titles, probabilities, size=size)
        yield counts.reshape(size, *outcomes.shape)


def _mean_rate(hits: NDArray[np.int64], titles: NDArray[np.int64]) -> Floats:
    """The mean of hits / titles over the categories that were drawn: (samples, categories) -> (samples,)."""
    rates = np.divide(hits, titles, out=np.zeros(hits.shape), where=titles > 0)
    return np.asarray(rates.sum(axis=1) / (titles > 0).sum(axis=1), np.float64)


def _middle(drawn: Floats) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)
