"""How far a model's probabilities can be trusted, and what is gained if it abstains where it is not sure.

Everything is computed from arrays with one entry per title: the probability of the prediction, and whether it is right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Booleans = NDArray[np.bool_]
Floats = NDArray[np.floating]

BINS = 15
"""As in C. Guo et al., "On calibration of modern neural networks" (2017)."""
POINTS = 40
ACCURACIES = (0.9, 0.95, 0.98, 0.99, 0.995)
"""The points of abstention include, for each of these, the threshold that reaches it."""


@dataclass(frozen=True)
class Bin:
    """Predictions of about the same probability, from `lowest` to `highest`; `probability` is their mean."""

    lowest: float
    highest: float
    probability: float
    accuracy: float
    titles: int


@dataclass(frozen=True)
class Point:
    """If the model abstains below `threshold`: the fraction of titles that it answers, and its accuracy on these."""

    threshold: float
    coverage: float
    accuracy: float


def reliability(probabilities: Floats, correct: Booleans, bins: int = BINS) -> tuple[Bin, ...]:
    """At most `bins` bins of about the same number of titles (n), from the least to the most probable.

    Bins of equal width would leave nearly all titles of an accurate model in the last one (J. Nixon et al., "Measuring
    calibration in deep learning", 2019). Equal probabilities are in the same bin, so the order of titles never matters.
    """
    order = np.argsort(probabilities, kind="stable")
    ordered, right = probabilities[order].astype(np.float64), correct[order]
    wanted = ordered[np.arange(1, bins) * len(ordered) // bins]
    ends = np.unique([*np.searchsorted(ordered, wanted, "left"), len(ordered)])
    starts = np.concatenate([[0], ends[:-1]])
    return tuple(
        Bin(
            lowest=float(ordered[start]),
            highest=float(ordered[end - 1]),
            probability=float(ordered[start:end].mean()),
            accuracy=float(right[start:end].mean()),
            titles=int(end - start),
        )
        for start, end in zip(starts, ends, strict=True)
        if start < end
    )


def calibration_error(bins: tuple[Bin, ...]) -> float:
    """Expected calibration error: the mean over the titles of |accuracy - probability| of their bin.

    M. P. Naeini et al., "Obtaining well calibrated probabilities using Bayesian binning" (2015). Few titles raise it,
    because the accuracy of a small bin differs from its probability by chance.
    """
    titles = np.array([one.titles for one in bins])
    differences = np.array([abs(one.accuracy - one.probability) for one in bins])
    return float(titles @ differences / titles.sum())


def abstention(probabilities: Floats, correct: Booleans) -> tuple[Point, ...]:
    """Points by rising threshold, from all titles (n) answered to few: POINTS of even coverage, and one per ACCURACIES.

    Each is exact: a threshold is the probability of a title, which is still answered.
    """
    curve = _Curve.of(probabilities, correct)
    last = len(curve.thresholds) - 1
    coverages = np.arange(POINTS, 0, -1) / POINTS
    places = set(np.minimum(np.searchsorted(curve.coverage, coverages - 1e-12), last).tolist())
    places |= {place for accuracy in ACCURACIES if (place := curve.reaching(accuracy)) is not None}
    return tuple(curve.point(place) for place in sorted(places, reverse=True))


def threshold_for(probabilities: Floats, correct: Booleans, accuracy: float) -> Point | None:
    """The point of the largest coverage whose accuracy is at least this one; None if no threshold reaches it."""
    curve = _Curve.of(probabilities, correct)
    place = curve.reaching(accuracy)
    return None if place is None else curve.point(place)


@dataclass(frozen=True)
class _Curve:
    """Coverage and accuracy at every distinct threshold, from the highest threshold to the lowest."""

    thresholds: NDArray[np.float64]
    coverage: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    @classmethod
    def of(cls, probabilities: Floats, correct: Booleans) -> _Curve:
        order = np.argsort(-probabilities, kind="stable")
        ordered, right = probabilities[order].astype(np.float64), np.cumsum(correct[order])
        # Titles of the same probability are answered together.
        lasts = np.flatnonzero(np.append(ordered[1:] < ordered[:-1], True))
        answered = lasts + 1
        return cls(ordered[lasts], answered / len(ordered), right[lasts] / answered)

    def reaching(self, accuracy: float) -> int | None:
        found = np.flatnonzero(self.accuracy >= accuracy)
        return int(found[-1]) if len(found) else None

    def point(self, place: int) -> Point:
        return Point(float(self.thresholds[place]), float(self.coverage[place]), float(self.accuracy[place]))
