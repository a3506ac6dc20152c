"""Which labels are probably wrong, judged by a model that was not fitted on them.

The method is confident learning (C. G. Northcutt, L. Jiang, I. L. Chuang, "Confident learning: estimating uncertainty
in dataset labels", 2021), as in the package cleanlab. A class threshold t_j is the mean probability of category j over
the titles labelled j. A title labelled i is suspect if, among the categories whose probability reaches their threshold,
the most probable one is another than i, and the model does not predict i. It differs from cleanlab in two ways: only
the two most probable categories of a title are looked at, since a third one has at most a third of the probability; and
the threshold of a category of few titles is shrunk towards the mean of all, since cleanlab expects many titles of each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PRIOR_TITLES = 1.0
"""How many titles the mean of all thresholds counts as. See ADR 26 for the figures."""
NONE = -1


@dataclass(frozen=True)
class Suspects:
    """The suspect titles, the most suspect first: their positions (m,) and the category that each should have (m,).

    `probabilities` (m,) are those of these categories.
    """

    titles: NDArray[np.int64]
    suggested: NDArray[np.int64]
    probabilities: NDArray[np.float64]


def find_suspects(
    labels: NDArray[np.integer],
    true_probabilities: NDArray[np.floating],
    ranked: NDArray[np.integer],
    probabilities: NDArray[np.floating],
    prior_titles: float = PRIOR_TITLES,
) -> Suspects:
    """Find the titles (n) whose label is probably wrong.

    Args:
        labels: The given category of each title, shape (n,).
        true_probabilities: The probability that the model gives to it, shape (n,).
        ranked: The two most probable categories of each title, NONE if there is no second, shape (n, 2).
        probabilities: Their probabilities, shape (n, 2).
        prior_titles: How many titles the mean of all thresholds counts as, in each category's threshold.

    Returns:
        The suspects by normalized margin: the probability of the label minus that of the suggested category.
    """
    thresholds = _thresholds(labels, true_probabilities, int(ranked.max()) + 1, prior_titles)
    # A category without titles has no threshold: nothing is known of how sure the model should be.
    confident = (ranked != NONE) & (probabilities >= thresholds[ranked])
    place = np.where(confident[:, 0], 0, 1)
    every = np.arange(len(labels))
    suggested, probability = ranked[every, place], probabilities[every, place]
    suspect = (ranked[:, 0] != labels) & (suggested != labels) & confident[every, place]
    titles = np.flatnonzero(suspect)
    margins = true_probabilities[titles].astype(np.float64) - probability[titles]
    titles = titles[np.argsort(margins, kind="stable")]
    return Suspects(titles, suggested[titles].astype(np.int64), probability[titles].astype(np.float64))


def _thresholds(
    labels: NDArray[np.integer], true_probabilities: NDArray[np.floating], categories: int, prior_titles: float
) -> NDArray[np.float64]:
    """The class thresholds (categories or more,); infinite for a category without titles."""
    titles = np.bincount(labels, minlength=categories)
    totals = np.bincount(labels, weights=true_probabilities, minlength=categories)
    mean = float(np.mean(true_probabilities))
    shrunk = (totals + prior_titles * mean) / np.maximum(titles + prior_titles, 1)
    return np.where(titles > 0, shrunk, np.inf)
