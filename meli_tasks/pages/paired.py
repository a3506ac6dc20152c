"""How sure it is that a model is better than the baseline: a paired comparison of answers to the same titles."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cachetools import LRUCache

from meli_tasks.core.errors import NotFound
from meli_tasks.pages.answers import StoredAnswers, Tested, Together
from meli_tasks.pages.compared import CategoryChange, ScoreDifference, Verdict
from meli_tasks.pages.evaluation_files import PREDICTIONS
from meli_tasks.pages.models import Interval
from meli_tasks.store import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from meli_tasks.core.metrics import Comparison

    Correct = NDArray[np.bool_]

LEVEL = 0.05
"""A change of a category is marked if chance gives one as large in any category, up or down, with less than this."""
BOOTSTRAP_SAMPLES = 500
REMEMBERED = 50  # comparisons


@dataclass(frozen=True)
class Figures:
    """The figures of a model on the titles of a comparison."""

    balanced_accuracy: float
    interval: Interval
    accuracy: float
    macro_f1: float
    recalls: dict[str, float]


@dataclass(frozen=True)
class Tests:
    """What the answers of several models to the same titles say; the lists are in the order of the models.

    `differences` are those to the baseline by the name of the figure, `changes` those of each category's recall; both
    are empty for the baseline. `sizes` are the titles of each category. There are `figures` only of models that were
    tested on different titles: of others the stored ones count.
    """

    titles: int
    sizes: dict[str, int]
    figures: list[Figures]
    differences: list[dict[str, ScoreDifference]]
    changes: list[dict[str, CategoryChange]]


@dataclass(frozen=True)
class NotTested:
    """Why nothing could be tested, in a sentence."""

    why: str


class PairedTests:
    """Tests models against a baseline. What an attempt wrote never changes, so each comparison is calculated once."""

    def __init__(self, store: Store) -> None:
        self._answers = StoredAnswers(store)
        self._known: LRUCache[tuple[object, ...], Tests] = LRUCache(REMEMBERED)
        self._lock = threading.Lock()

    def test(self, tested: Sequence[Tested], baseline: int, *, same: bool) -> Tests | NotTested:
        """Test models against the one at the position `baseline`.

        Args:
            tested: The models.
            baseline: The position of the baseline.
            same: Whether they were tested on the same titles: otherwise those that they have in common are looked up.
        """
        key = (same, baseline, *((one.evaluate.file_name(PREDICTIONS), one.label) for one in tested))
        with self._lock:
            known = self._known.get(key)
        if known is not None:
            return known
        try:
            found = self._answers.same_titles(tested) if same else self._answers.common_titles(tested)
        except NotFound as error:  # the store was tidied up
            return NotTested(str(error))
        if found is None:
            return NotTested("The stored predictions of the models are not for the same titles.")
        if not len(found.true):
            return NotTested("They have no title in common.")
        tests = _tests(found, baseline, figures=not same)
        with self._lock:
            self._known[key] = tests
        return tests


def _tests(found: Together, baseline: int, *, figures: bool) -> Tests:
    import numpy as np

    sizes = np.bincount(found.true, minlength=len(found.names))
    named = [(number, found.names[number]) for number in np.flatnonzero(sizes)]
    others = range(len(found.predicted))
    return Tests(
        titles=len(found.true),
        sizes={name: int(sizes[number]) for number, name in named},
        figures=[_figures(found, model) for model in others] if figures else [],
        differences=[{} if model == baseline else _differences(found, baseline, model) for model in others],
        changes=[{} if model == baseline else _changes(found, baseline, model) for model in others],
    )


def _figures(found: Together, model: int) -> Figures:
    # Heavy, and of use to comparisons only.
    import numpy as np

    from meli_tasks.core.exchanges import macro_f1_of
    from meli_tasks.core.metrics import bootstrap_interval, recalls

    predicted, correct = found.predicted[model], found.predicted[model] == found.true
    of = recalls(found.true, correct)
    return Figures(
        balanced_accuracy=float(np.mean(of.values)),
        interval=bootstrap_interval(found.true, correct, samples=BOOTSTRAP_SAMPLES, seed=0),
        accuracy=float(correct.mean()),
        macro_f1=macro_f1_of(found.true, predicted),
        recalls={found.names[number]: float(value) for number, value in zip(of.categories, of.values, strict=True)},
    )


def _differences(found: Together, baseline: int, model: int) -> dict[str, ScoreDifference]:
    from meli_tasks.core.decisions import comparison, difference
    from meli_tasks.core.exchanges import accuracy_gain, f1_gain

    one, other = found.predicted[baseline], found.predicted[model]
    before, after = one == found.true, other == found.true
    differ = bool((before != after).any())
    return {
        "balanced_accuracy": _difference(comparison(difference(found.true, before, after)), differ),
        "accuracy": _difference(accuracy_gain(before, after), differ),
        "macro_f1": _difference(f1_gain(found.true, one, other), bool((one != other).any())),
    }


def _difference(found: Comparison, differ: bool) -> ScoreDifference:
    """A difference with its verdict; `differ`: whether any title tells the models apart."""
    low, high = found.interval
    verdict: Verdict = "better" if low > 0 else "worse" if high < 0 else "unclear" if differ else "same"
    return ScoreDifference(
        value=found.gain, interval=found.interval, probability=found.probability if differ else None, verdict=verdict
    )


def _changes(found: Together, baseline: int, model: int) -> dict[str, CategoryChange]:
    """What each category gains or loses: both are tested, so each direction gets half of the level."""
    import numpy as np

    from meli_tasks.core.category_losses import chances_of_losses

    before, after = (found.predicted[each] == found.true for each in (baseline, model))
    lost, won = chances_of_losses(found.true, before, after), chances_of_losses(found.true, after, before)
    change = np.bincount(found.true, after.astype(float) - before.astype(float))
    sizes = np.bincount(found.true)
    changes = {}
    for number in np.flatnonzero(sizes):
        value = float(change[number] / sizes[number])
        probability = min(1.0, 2 * float((won if value > 0 else lost)[number]))
        verdict: Verdict = "unclear" if value else "same"
        if value and probability < LEVEL:
            verdict = "better" if value > 0 else "worse"
        changes[found.names[number]] = CategoryChange(value=value, verdict=verdict, probability=probability)
    return changes
