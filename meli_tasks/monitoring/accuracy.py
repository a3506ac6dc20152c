"""How accurate the champion is on labelled titles that arrived after its training, beside what was promised.

A prediction depends only on the title and the model, so classifying the titles of a run once their labels are there
gives the predictions that would have been made before. What batches scored is joined with labels in `delayed`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from pydantic import Field

from meli_tasks.core.drift import FEWEST_TITLES
from meli_tasks.core.metrics import bootstrap_interval, recalls
from meli_tasks.core.proportions import Z
from meli_tasks.core.title_profile import most_frequent
from meli_tasks.decision import Champion
from meli_tasks.stages.stored import Stored
from meli_tasks.wording import count

SAMPLES, SEED = 1_000, 1
MOST_UNKNOWN = 10


class Accuracy(Stored):
    """Balanced accuracy on titles of known categories, and how many titles have others."""

    titles: int = 0
    categories: int = 0
    balanced_accuracy: float = 0.0
    interval: tuple[float, float] = (0.0, 0.0)
    promised: float = Field(0.0, description="the champion's balanced accuracy when it was promoted")
    promised_interval: tuple[float, float] = (0.0, 0.0)
    lowest: float = Field(0.0, description="the balanced accuracy that chance alone does not fall below")
    new_categories: dict[str, int] = Field(
        default_factory=dict, description="titles of the most frequent categories that the champion does not know"
    )
    missing: str = Field("", description="why there is no figure")
    scored: int = Field(0, description="titles that were scored, of which some have labels; 0 for a run's titles")
    labelled: int = Field(0, description="scored titles that have a label and are new to the champion")
    in_training: int = Field(0, description="scored titles with a label that the champion was trained on")
    days: int = Field(0, description="days since they were scored")

    @property
    def worse(self) -> bool:
        """Whether the champion is less accurate than promised by more than chance."""
        return not self.missing and self.balanced_accuracy < self.lowest

    @property
    def sentence(self) -> str:
        """The figure beside the promised one."""
        if self.missing:
            return f"Accuracy: no figure ({self.missing})."
        low, high = self.interval
        new = sum(self.new_categories.values())
        others = f" {new:,} titles have categories that it does not know." if new else ""
        others += f" {self.coverage[0].upper()}{self.coverage[1:]}." if self.scored else ""
        measured = (
            f"balanced accuracy {self.balanced_accuracy:.4f} ({low:.4f}-{high:.4f}) on {self.titles:,} labelled titles"
        )
        promised = f"{self.promised:.4f} when it was promoted; chance does not fall below {self.lowest:.4f}"
        return f"Accuracy: {measured}, {promised}.{others}"

    @property
    def coverage(self) -> str:
        """How many of the scored titles have a label."""
        scored = f"{self.labelled:,} of {count(self.scored, 'scored title')}"
        found = f"{scored} {'has' if self.scored == 1 else 'have'} a label after {count(self.days, 'day')}"
        old = f", and {self.in_training:,} that the champion was trained on do not count" if self.in_training else ""
        few = f": {FEWEST_TITLES} are needed" if 0 < self.labelled < FEWEST_TITLES else ""
        return f"{found}{old}{few}"


def accuracy_of(
    labels: Sequence[str], predicted: Sequence[str], known: Sequence[str], champion: Champion, nights: int
) -> Accuracy:
    """Judge predictions by the labels that arrived.

    Args:
        labels: The category of each title.
        predicted: What the champion predicts, "" if nothing.
        known: The champion's categories.
        champion: With the figure it was promoted for.
        nights: The number of nights with one false alarm.
    """
    names = {name: number for number, name in enumerate(known)}
    new = Counter(label for label in labels if label not in names)
    pairs = [(names[label], label == guess) for label, guess in zip(labels, predicted, strict=True) if label in names]
    found = Accuracy(
        titles=len(pairs),
        promised=champion.figure,
        promised_interval=champion.interval,
        new_categories=most_frequent(new, MOST_UNKNOWN),
    )
    if len(pairs) < FEWEST_TITLES:
        return found.model_copy(update={"missing": f"{len(pairs)} labelled titles: {FEWEST_TITLES} are needed"})
    numbers = np.array([number for number, _ in pairs])
    correct = np.array([right for _, right in pairs])
    interval = bootstrap_interval(numbers, correct, samples=SAMPLES, seed=SEED)
    error = math.hypot(_standard_error(interval), _standard_error(champion.interval))
    by_category = recalls(numbers, correct)
    return found.model_copy(
        update={
            "categories": len(by_category.categories),
            "balanced_accuracy": float(by_category.values.mean()),
            "interval": interval,
            "lowest": max(0.0, champion.figure - NormalDist().inv_cdf(1 - 1 / nights) * error),
        }
    )


def _standard_error(interval: tuple[float, float]) -> float:
    """Of a figure with this 95 % interval."""
    return (interval[1] - interval[0]) / (2 * Z)
