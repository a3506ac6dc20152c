"""How good a model is on the test titles, how sure we are of it, and whether another one is better.

Everything is computed from two arrays of the same length n, one entry a test title: the true category as an integer,
and the predicted one (or only whether it was right). The bootstrap draws n titles with replacement; since balanced
accuracy depends only on how many titles of each category came out how, those counts are drawn instead of the titles (a
multinomial), and the cost depends on the number of categories but not on n.
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
# Counts held in memory at once: 32 MB of int64.
_COUNTS_AT_ONCE = 4_000_000
# A sum of per-category differences that should be 0 may come out as 1e-17; a true gain is never this small.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Recalls:
    """Recall of each category that occurs among the true ones; the arrays have one entry a category."""

    categories: NDArray[np.int64]
    titles: NDArray[np.int64]
    right: NDArray[np.int64]

    @property
    def values(self) -> Floats:
        """Share of each category's titles that were predicted right."""
        return self.right / self.titles


@dataclass(frozen=True)
class Comparison:
    """What a challenger gains in balanced accuracy over a champion on the same titles."""

    gain: float
    interval: tuple[float, float]
    probability: float


@dataclass(frozen=True)
class Drop:
    """The category that loses most recall: from `before` to `after`, over `titles` test titles."""

    category: int
    before: float
    after: float
    titles: int

    @property
    def size(self) -> float:
        """Recall lost; negative when even the worst category gained."""
        return self.before - self.after


def recalls(labels: Integers, correct: Booleans) -> Recalls:
    """Count titles and right answers of every category present in `labels` (n,), `correct` (n,).

    Raises:
        ValueError: no titles, or arrays of different lengths.
    """
    if len(labels) == 0 or len(labels) != len(correct):
        raise ValueError(f"{len(labels)} labels and {len(correct)} answers: at least one, and as many, are needed")
    categories, positions = np.unique(labels, return_inverse=True)
    titles = np.bincount(positions)
    right = np.bincount(positions[np.asarray(correct, bool)], minlength=len(categories))
    return Recalls(categories.astype(np.int64), titles.astype(np.int64), right.astype(np.int64))


def balanced_accuracy(labels: Integers, predictions: Integers) -> float:
    """Mean recall over the categories present in `labels` (n,); equals scikit-learn's."""
    return float(recalls(labels, np.equal(labels, predictions)).values.mean())


def macro_f1(labels: Integers, predictions: Integers) -> float:
    """Mean F1 over the categories present in `labels` (n,) or `predictions` (n,); equals scikit-learn's default."""
    categories, positions = np.unique(np.concatenate([labels, predictions]), return_inverse=True)
    true, predicted = positions[: len(labels)], positions[len(labels) :]
    count = len(categories)
    right = np.bincount(true[true == predicted], minlength=count)
    seen = np.bincount(true, minlength=count) + np.bincount(predicted, minlength=count)
    return float((2 * right / seen).mean())


def bootstrap_interval(labels: Integers, correct: Booleans, *, samples: int, seed: int) -> tuple[float, float]:
    """The middle 95 % of the balanced accuracy over `samples` resamplings of the titles."""
    seen = recalls(labels, correct)
    outcomes = np.stack([seen.titles - seen.right, seen.right], axis=1)
    drawn = np.concatenate([_mean_rate(c[:, :, 1], c.sum(axis=2)) for c in _resampled(outcomes, samples, seed)])
    return _middle(drawn)


def probability_better(
    labels: Integers, champion: Booleans, challenger: Booleans, *, samples: int, seed: int
) -> Comparison:
    """Paired bootstrap: how probably the challenger's balanced accuracy is above the champion's, and by how much.

    `champion` and `challenger` (n,) say which titles each predicts right. Both are resampled together, so titles that
    are hard for both cancel out. A resampling in which they tie does not count as better.
    """
    before, after = recalls(labels, champion), recalls(labels, challenger)
    both = recalls(labels, champion & challenger).right
    lost, won = before.right - both, after.right - both
    outcomes = np.stack([before.titles - lost - won, lost, won], axis=1)
    drawn = np.concatenate(
        [_mean_rate(c[:, :, 2] - c[:, :, 1], c.sum(axis=2)) for c in _resampled(outcomes, samples, seed)]
    )
    gain = float((after.values - before.values).mean())
    return Comparison(gain=gain, interval=_middle(drawn), probability=float((drawn > _ROUNDING).mean()))


def largest_drop(labels: Integers, champion: Booleans, challenger: Booleans, *, min_titles: int) -> Drop | None:
    """The category of at least `min_titles` test titles whose recall falls most; None if no category has as many."""
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
    """Counts (some samples, categories, outcomes), as if the titles behind `outcomes` were drawn with replacement."""
    random = np.random.default_rng(seed)
    titles = int(outcomes.sum())
    # Cells that hold nothing are never drawn: leaving them out halves the work where most predictions agree.
    held = np.flatnonzero(outcomes)
    shares = outcomes.ravel()[held] / titles
    at_once = max(1, _COUNTS_AT_ONCE // outcomes.size)
    for start in range(0, samples, at_once):
        size = min(at_once, samples - start)
        counts = np.zeros((size, outcomes.size), np.int64)
        counts[:, held] = random.multinomial(titles, shares, size=size)
        yield counts.reshape(size, *outcomes.shape)


def _mean_rate(hits: NDArray[np.int64], titles: NDArray[np.int64]) -> Floats:
    """Mean of hits / titles over the categories that were drawn at all; (samples, categories) -> (samples,)."""
    rates = np.divide(hits, titles, out=np.zeros(hits.shape), where=titles > 0)
    return np.asarray(rates.sum(axis=1) / (titles > 0).sum(axis=1), np.float64)


def _middle(drawn: Floats) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)
