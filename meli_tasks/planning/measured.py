"""Which figures the ledger holds of the test titles of tonight: what the champion's figure owes to its selection.

Each decision has the figures of all models that were evaluated for it. Test titles change from night to night as a
source grows, but the champion is evaluated every night: what its figure changed by is what all figures changed by. So
the figures of a night count relative to the champion's, on a scale on which the champion keeps the figure that it was
selected by. A night most of whose titles are others starts a new scale. Decisions of 0.1.0 do not say on which titles
they rest: they are skipped, and the scale starts with the first one that does. Nights that cross-validate all titles
have a scale of their own, because their figures have a much smaller error than those of a test split.

Only the newest decisions are read. Of those before them only the promotion of the champion that they begin with counts:
its figure is what theirs are relative to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from statistics import median

from meli_tasks.artifacts.manifest import ModelRef
from meli_tasks.core.selection import RESOLUTION, luck_of
from meli_tasks.core.stage_parameters import TestHistory
from meli_tasks.core.text.sketch import fraction_held
from meli_tasks.decision import Decision, Evidence
from meli_tasks.ledger import Ledger

MAX_MODELS = 2_000
"""Models whose figures are used, the newest: with three sets and an ensemble, those of a year and a half of nights."""
MAX_DECISIONS = 1_000
"""From how many decisions they are taken: fewer if those have as many figures."""
MIN_SHARED = 0.5
"""Fraction of a night's titles that the champion must have been selected on: otherwise the scale starts anew."""


@dataclass(frozen=True)
class Measurement:
    """A figure on the scale, and the sketch of the titles that it was measured on.

    `promoted` says whether the model became champion with it.
    """

    figure: float
    sketch: tuple[int, ...]
    promoted: bool = False


@dataclass
class Scale:
    """The figures of all models by attempt, however often one was evaluated, and the errors of the comparisons."""

    models: dict[ModelRef, Measurement] = field(default_factory=dict)
    errors: list[float] = field(default_factory=list)
    decisions: int = 0

    def after(self, evidence: Evidence, promoted: ModelRef | None = None) -> Scale:
        """The scale with the figures that a decision was made from; a new one if they cannot be put on this one.

        `promoted` is the model that became champion with them.
        """
        test = evidence.test
        if not evidence.scores or test is None or not test.sketch:
            return self
        known = self._champion(evidence, test.sketch)
        scale = self if known else Scale()
        offset = known.figure - evidence.scores[evidence.champion or ""].balanced_accuracy if known else 0.0
        for label, figures in evidence.scores.items():
            if label in evidence.models and not (known and label == evidence.champion):
                ref = _ref(evidence, label)
                scale.models.pop(ref, None)  # the newest models are the last ones
                scale.models[ref] = Measurement(figures.balanced_accuracy + offset, test.sketch, ref == promoted)
        scale.errors += [evidence.error] if evidence.error else []
        scale.decisions += 1
        return scale

    def history(self, champion: ModelRef) -> TestHistory | None:
        """What these figures tell of the champion's; None if it is not among them."""
        found = self.models.get(champion)
        if found is None:
            return None
        newest = islice(reversed(self.models.items()), MAX_MODELS)
        figures = Counter(round(each.figure / RESOLUTION) for ref, each in newest if ref != champion)
        figures[round(found.figure / RESOLUTION)] += 1
        return TestHistory(
            champion=found.figure,
            measured=tuple((round(cell * RESOLUTION, 4), models) for cell, models in sorted(figures.items())),
            error=median(self.errors[-MAX_MODELS:]) if self.errors else 0.0,
            sketch=found.sketch,
            promoted=found.promoted,
            decisions=self.decisions,
        )

    def _champion(self, evidence: Evidence, sketch: tuple[int, ...]) -> Measurement | None:
        """Where the champion of a night is on the scale, if enough of the night's titles are those of the scale."""
        label = evidence.champion
        if label is None or label not in evidence.scores or label not in evidence.models:
            return None
        known = self.models.get(_ref(evidence, label))
        return known if known and (fraction_held(sketch, known.sketch) or 0.0) >= MIN_SHARED else None


@dataclass(frozen=True)
class Recent:
    """The newest decisions, oldest first, and the one that promoted the champion before them."""

    decisions: Sequence[Decision]
    promotion: Decision | None = None

    def history(self, champion: ModelRef, *, folds: bool = False) -> TestHistory | None:
        """What these decisions tell of the figure of the champion; None if nothing.

        Only those count that cross-validated all titles, as tonight's does with `folds`; or only those that did not.
        """
        return self._scale(folds=folds).history(champion)

    def bias_by_hand(self, evidence: Evidence, promoted: ModelRef) -> float:
        """What the figure of a model that a person chose owes to luck: the best of many models is the luckiest one too.

        Args:
            evidence: The evaluation that the person looked at.
            promoted: The model.
        """
        folds = evidence.test is not None and evidence.test.cross_validated
        history = self._scale(folds=folds).after(evidence, promoted).history(promoted)
        return luck_of(history.champion, history.measured, history.error).bias if history else 0.0

    def _scale(self, *, folds: bool) -> Scale:
        scale = Scale()
        if self.promotion is not None and self.promotion.champion is not None:
            before, champion = _added(scale, self.promotion, folds=folds), self.promotion.champion.ref
            if champion in before.models:
                scale = Scale({champion: before.models[champion]}, decisions=1)
        for decision in self.decisions:
            scale = _added(scale, decision, folds=folds)
        return scale


def recent(ledger: Ledger, last: int | None = None) -> Recent:
    """The newest decisions up to one, by default up to the last: as many as have `MAX_MODELS` figures.

    Decisions of 0.1.0 and all before them are left out, as they do not say on which titles they rest.

    Raises:
        NotFound, BadData: one of them is missing, damaged or was replaced.
    """
    if last is None:
        newest = ledger.last()
        last = newest.number if newest else 0
    found: list[Decision] = []
    figures = 0
    for decision in ledger.verified_backwards(last):
        evidence = decision.evidence
        if figures >= MAX_MODELS or len(found) >= MAX_DECISIONS or not (decision.before or evidence.test):
            break
        found.append(decision)
        figures += len(evidence.scores)
    found.reverse()
    promotion = found[0].previous if found else None
    return Recent(found, ledger.decision(promotion) if promotion is not None else None)


def _added(scale: Scale, decision: Decision, *, folds: bool) -> Scale:
    test = decision.evidence.test
    if test is None or test.cross_validated != folds:
        return scale
    promoted = decision.champion.ref if decision.action == "promote" and decision.champion else None
    return scale.after(decision.evidence, promoted)


def _ref(evidence: Evidence, label: str) -> ModelRef:
    return ModelRef(evidence.models[label], evidence.attempts.get(label, ""))
