"""Nights of simulated models, decided on by the product's own code, for part `gate`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.gate_world import ACCURACY, Booleans, World
from meli_tasks.artifacts.manifest import ModelRef
from meli_tasks.core.stage_parameters import Promotion
from meli_tasks.decision import Evidence
from meli_tasks.planning.measured import Scale
from meli_tasks.stages.deciding.decision import decide
from meli_tasks.stages.deciding.results import TestResults
from meli_tasks.stages.evaluation import Evaluation, PromotionDecision, TestSet

CHAMPION = "champion"
SKETCH = tuple(range(64))
"""The titles are the same every night."""


@dataclass(frozen=True)
class Night:
    """Tonight's challengers on the test titles, with their figures on the validation titles."""

    challengers: Sequence[Booleans]
    validation: Sequence[float]


def challengers(test: World, validation: World, number: int, accuracy: float = ACCURACY) -> Night:
    """Several new models of one true accuracy; what they learned differs, so they do on the validation titles too."""
    found = [test.model(accuracy) for _ in range(number)]
    # One challenger is nominated whatever its figure.
    figures = [validation.balanced(validation.model(accuracy)) for _ in range(number)] if number > 1 else [ACCURACY]
    return Night(found, figures)


def results_of(test: World, models: dict[str, Booleans], validation: dict[str, float]) -> TestResults:
    """What evaluate would have found."""
    titles = len(test.labels)
    evaluations = {
        label: Evaluation(
            balanced_accuracy=test.balanced(correct), interval=(0.0, 1.0), milliseconds_p95=1.0, megabytes=1.0
        )
        for label, correct in models.items()
    }
    about = TestSet(split_titles=titles, titles=titles, required=0, sketch=SKETCH)
    names = [f"C{number}" for number in range(len(test.sizes))]
    return TestResults(about, evaluations, test.labels, names, models, validation=validation)


@dataclass
class Nights:
    """A champion and the nights since it was first promoted, with the figures of all models so far."""

    test: World
    champion: Booleans
    scale: Scale = field(default_factory=Scale)
    selection_bias: float = 0.0
    number: int = 0

    @property
    def shown(self) -> float:
        """The champion's figure as it is displayed."""
        return self.test.balanced(self.champion) - self.selection_bias

    def decide(self, night: Night) -> PromotionDecision:
        """What the product decides tonight; nothing is remembered."""
        labels = [f"set_{place}" for place in range(len(night.challengers))]
        models = {CHAMPION: self.champion, **dict(zip(labels, night.challengers, strict=True))}
        results = results_of(self.test, models, dict(zip(labels, night.validation, strict=True)))
        history = self.scale.history(self._champion_ref)
        return decide(results, Promotion(champion=CHAMPION, history=history))

    def pass_night(self, night: Night) -> PromotionDecision:
        """Decide, remember the figures as the ledger does, and let a promoted model be champion."""
        decision = self.decide(night)
        self.number += 1
        keys = {label: f"{label} of night {self.number}" for label in decision.scores} | {CHAMPION: self._champion_key}
        self.scale = self.scale.after(Evidence(**dict(decision), models=keys))
        if decision.promoted:
            place = int(decision.promoted.removeprefix("set_"))
            self.champion, self._champion_key = night.challengers[place], keys[decision.promoted]
            self.selection_bias = decision.nominated_bias
        return decision

    _champion_key: str = "the first"

    @property
    def _champion_ref(self) -> ModelRef:
        return ModelRef(self._champion_key, "")


def first_night(test: World, number: int, accuracy: float, random: np.random.Generator) -> PromotionDecision:
    """One night after a champion was elected without a comparison, with that many challengers of one accuracy."""
    validation = World(test.sizes, test.own_error, random)
    return Nights(test, test.model()).decide(challengers(test, validation, number, accuracy))
