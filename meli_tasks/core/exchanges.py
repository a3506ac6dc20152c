"""Whether the accuracy or the macro F1 score of two models differs: what exchanging their answers at random would give.

If two models are equal, then it does not matter which of them gave which answer to a title, so the answers to any title
might as well be exchanged (E. J. G. Pitman, 1937; for F1 scores A. Yeh, "More accurate tests for the statistical
significance of result differences", 2000). For balanced accuracy and accuracy, what a title adds to the difference does
not depend on the others, and `core.decisions` knows the distribution. An F1 score is not such a sum, but nearly: what a
title adds is taken to first order, at the mean of the two models' counts, so that nothing has to be drawn.
"""

from __future__ import annotations

import numpy as np

from meli_tasks.core.decisions import Difference, comparison
from meli_tasks.core.metrics import Booleans, Comparison, Floats, Integers


def accuracy_gain(champion: Booleans, challenger: Booleans) -> Comparison:
    """The gain in accuracy; both (n,) are true where the model is right."""
    differs = champion != challenger
    gain = (int(challenger.sum()) - int(champion.sum())) / len(champion)
    return comparison(Difference(gain, np.full(int(differs.sum()), 1 / len(champion))))


def f1_gain(labels: Integers, champion: Integers, challenger: Integers) -> Comparison:
    """The gain in macro F1; `labels` (n,) are the categories, the others (n,) the predicted ones."""
    size = 1 + int(max(labels.max(), champion.max(), challenger.max()))
    titles = np.bincount(labels, minlength=size)
    before, after = (_counts(labels, predicted, size) for predicted in (champion, challenger))
    gain = _macro_f1(titles, *after) - _macro_f1(titles, *before)
    differs = champion != challenger
    right, put = (before[0] + after[0]) / 2, (before[1] + after[1]) / 2
    true, one, other = labels[differs], champion[differs], challenger[differs]
    added = _added(true, other, titles, right, put) - _added(true, one, titles, right, put)
    found = comparison(Difference(float(added.sum()), np.abs(added)))
    shift = gain - found.gain
    return Comparison(gain, (found.interval[0] + shift, found.interval[1] + shift), found.probability)


def macro_f1_of(labels: Integers, predicted: Integers) -> float:
    """The mean F1 score of the categories that occur in either (n,)."""
    size = 1 + int(max(labels.max(), predicted.max()))
    return _macro_f1(np.bincount(labels, minlength=size), *_counts(labels, predicted, size))


def _added(true: Integers, answer: Integers, titles: Integers, right: Floats, put: Floats) -> Floats:
    """What these answers add to the macro F1 score, to first order, at these counts of the categories."""
    total = titles[answer] + put[answer]
    categories = int((titles + put > 0).sum())
    return np.asarray(2 * ((answer == true) - right[answer] / total) / total / categories, np.float64)


def _counts(labels: Integers, predicted: Integers, size: int) -> tuple[Integers, Integers]:
    """For each category the titles that are rightly put into it, and all that are put into it."""
    right = np.bincount(labels[labels == predicted], minlength=size)
    return right, np.bincount(predicted, minlength=size)


def _macro_f1(titles: Integers, right: Integers, predicted: Integers) -> float:
    total: Floats = (titles + predicted).astype(np.float64)
    occurs = total > 0
    return float((2 * right[occurs] / total[occurs]).mean())
