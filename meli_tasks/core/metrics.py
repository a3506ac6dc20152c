"""How good a model is on the test titles, how certain that is, and whether another model is better.

Everything is computed from arrays of length n with one entry per test title: the true category as an integer, and the
predicted category (or only whether it is correct).

The paired bootstrap is our own, because scikit-learn has none, and scipy's draws titles one by one. Balanced accuracy
is a mean over a fixed list of categories, so titles are drawn within each category; since it depends only on how many
of them have which outcome, these counts (a multinomial) are drawn instead of the titles. From n titles of a category
n - 1 are drawn: their mean then has the variance s^2 / n, with s^2 the unbiased estimate, where n draws would give the
fraction (n - 1) / n of it, which is half with two titles (J. N. K. Rao and C. F. J. Wu, "Resampling inference with
complex survey data", 1988). A category of a single title shows no variance of its own: all of these are drawn from
together, the collapsed strata of survey sampling. A bootstrap over all titles at the same time, which may miss a
category, gives intervals that are 22 % too narrow if every category has one title, and some that exclude their own
estimate.
The counts come from `recalls`, which scikit-learn's `recall_score` does not return (and it takes 34 ms instead of 4 for
100,000 titles of 632 categories). The mean of these recalls is scikit-learn's balanced accuracy, as the tests check.
"""

from __future__ import annotations

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
    return _middle(_drawn_means(outcomes, np.array([0, 1]), samples, seed))


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
    drawn = _drawn_means(outcomes, np.array([0, -1, 1]), samples, seed)
    gain = float((after.values - before.values).mean())
    return Comparison(gain=gain, interval=_middle(drawn), probability=float((drawn > _ROUNDING).mean()))


def _drawn_means(outcomes: NDArray[np.int64], values: NDArray[np.int64], samples: int, seed: int) -> Floats:
    """Bootstrap samples of the mean over the categories of their titles' mean value, shape (samples,).

    `outcomes` (categories, outcomes) counts the titles, `values` (outcomes,) says what each outcome is worth.
    """
    within, between = np.random.default_rng(seed).spawn(2)
    titles = outcomes.sum(axis=1)
    alone = outcomes[titles == 1]
    # A category whose titles all have one outcome has the same mean in every sample: most of them, if models agree.
    mixed = outcomes[(outcomes > 0).sum(axis=1) > 1]
    constant = (outcomes @ values / titles).sum() - (mixed @ values / mixed.sum(axis=1)).sum()
    drawn = np.full(samples, constant, np.float64)
    at_once = max(1, _COUNTS_AT_ONCE // max(1, mixed.size))
    for start in range(0, samples if len(mixed) else 0, at_once):
        part = drawn[start : start + at_once]
        draws = mixed.sum(axis=1) - 1
        counts = within.multinomial(draws, mixed / (draws + 1)[:, None], size=(len(part), len(mixed)))
        part += (counts @ values / draws).sum(axis=1)
    if len(alone) > 1:
        drawn += _drawn_between(alone.sum(axis=0), values, samples, between) * len(alone)
    elif len(alone):
        drawn += _drawn_alone(outcomes.sum(axis=0), values, samples, between)
    occurring = values[outcomes.any(axis=0)]
    return np.clip(drawn / len(outcomes), occurring.min(), occurring.max())


def _drawn_between(
    counts: NDArray[np.int64], values: NDArray[np.int64], samples: int, random: np.random.Generator
) -> Floats:
    """By how much the mean value of several categories of one title differs from the observed one, shape (samples,)."""
    titles = int(counts.sum())
    drawn = random.multinomial(titles - 1, counts / titles, size=samples)
    return np.asarray(drawn @ values / (titles - 1) - counts @ values / titles, np.float64)


def _drawn_alone(
    counts: NDArray[np.int64], values: NDArray[np.int64], samples: int, random: np.random.Generator
) -> Floats:
    """By how much the value of the only category of one title differs from the observed one, shape (samples,).

    It has nothing to be compared with, so it varies as all titles do: the difference of two of them has twice the
    variance of one.
    """
    first, second = (random.multinomial(1, counts / counts.sum(), size=samples) @ values for _ in range(2))
    return np.asarray((first - second) / np.sqrt(2), np.float64)


def _middle(drawn: Floats) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)
