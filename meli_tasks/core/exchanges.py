"""Whether the macro F1 score or the accuracy of two models differs: what exchanging their answers at random would give.

If two models are equal, then it does not matter which of them gave which answer to a title. So the answers are
exchanged for a random half of the titles, many times, and the differences of the two scores that this gives are those
that chance gives (E. J. G. Pitman, 1937; for the F1 score A. Yeh, "More accurate tests for the statistical significance
of result differences", 2000). `core.decisions` does the same for balanced accuracy, where no drawing is needed.
"""

from __future__ import annotations

import numpy as np

from meli_tasks.core.decisions import Z_95, Difference, comparison
from meli_tasks.core.metrics import Booleans, Comparison, Floats, Integers

EXCHANGES = 1_000
_ROUNDING = 1e-12


def accuracy_gain(champion: Booleans, challenger: Booleans) -> Comparison:
    """The gain in accuracy; both (n,) are true where the model is right."""
    differs = champion != challenger
    gain = (int(challenger.sum()) - int(champion.sum())) / len(champion)
    return comparison(Difference(gain, np.full(int(differs.sum()), 1 / len(champion))))


def f1_gain(labels: Integers, champion: Integers, challenger: Integers, *, seed: int = 0) -> Comparison:
    """The gain in macro F1; `labels` (n,) are the categories, the others (n,) the predicted ones."""
    size = 1 + int(max(labels.max(), champion.max(), challenger.max()))
    titles = np.bincount(labels, minlength=size)
    first, second = (_counts(labels, predicted, size) for predicted in (champion, challenger))
    gain = _macro_f1(titles, *second) - _macro_f1(titles, *first)
    differs = np.flatnonzero(champion != challenger)
    if not len(differs):
        return Comparison(0.0, (0.0, 0.0), 0.0)
    true, one, other = labels[differs], champion[differs], challenger[differs]
    random = np.random.default_rng(seed)
    both = first[0] + second[0], first[1] + second[1]
    alike = _counts(labels, champion, size, np.flatnonzero(champion == challenger))
    chance = np.empty(EXCHANGES)
    for number in range(EXCHANGES):
        mine = _counts(true, np.where(random.random(len(differs)) < 0.5, one, other), size)
        mine = mine[0] + alike[0], mine[1] + alike[1]
        chance[number] = _macro_f1(titles, both[0] - mine[0], both[1] - mine[1]) - _macro_f1(titles, *mine)
    reach = Z_95 * float(np.sqrt(np.square(chance).mean()))
    return Comparison(gain, (gain - reach, gain + reach), float((chance < gain - _ROUNDING).mean()))


def macro_f1_of(labels: Integers, predicted: Integers) -> float:
    """The mean F1 score of the categories that occur in either (n,)."""
    size = 1 + int(max(labels.max(), predicted.max()))
    return _macro_f1(np.bincount(labels, minlength=size), *_counts(labels, predicted, size))


def _counts(
    labels: Integers, predicted: Integers, size: int, rows: Integers | None = None
) -> tuple[Integers, Integers]:
    """For each category the titles that are rightly put into it, and all that are put into it."""
    if rows is not None:
        labels, predicted = labels[rows], predicted[rows]
    right = np.bincount(labels[labels == predicted], minlength=size)
    return right, np.bincount(predicted, minlength=size)


def _macro_f1(titles: Integers, right: Integers, predicted: Integers) -> float:
    total: Floats = (titles + predicted).astype(np.float64)
    occurs = total > 0
    return float((2 * right[occurs] / total[occurs]).mean())
