"""The conditions that a challenger must meet to become champion."""

from __future__ import annotations

from meli_tasks.core.category_losses import clearest_loss
from meli_tasks.core.metrics import Comparison
from meli_tasks.core.stage_parameters import Promote
from meli_tasks.stages.deciding.results import TestResults
from meli_tasks.stages.evaluation import TestSet
from meli_tasks.stages.golden_gate import golden_gates
from meli_tasks.stages.summaries import Gate
from meli_tasks.wording import count

CATEGORY_LOSS = "category_loss"


def other_gates(label: str, results: TestResults, limits: Promote) -> tuple[Gate, ...]:
    """The gates that do not depend on how accurate a model is on the test titles."""
    evaluation = results.evaluations[label]
    return (
        *_unseen_gate(results.test),
        *golden_gates(evaluation.golden, results.golden),
        _at_most("milliseconds", evaluation.milliseconds_p95, limits.max_milliseconds),
        _at_most("megabytes", evaluation.megabytes, limits.max_megabytes),
    )


def accuracy_gates(found: Comparison, limits: Promote, min_probability: float) -> tuple[Gate, ...]:
    """Whether a challenger is better than the champion by enough, and with enough certainty."""
    return (
        _at_least("gain", found.gain, limits.min_gain),
        _at_least("probability", found.probability, min_probability),
    )


def category_gate(champion: str, label: str, results: TestResults, limits: Promote) -> Gate:
    """Whether no category loses more titles than chance explains."""
    level = limits.category_level
    loss = clearest_loss(results.labels, results.correct[champion], results.correct[label], level)
    if loss is None:
        detail = "every category has too few test titles for a significant loss"
        return Gate(name=CATEGORY_LOSS, passed=None, limit=level, detail=detail)
    detail = (
        f"{results.categories[loss.category]} loses {loss.lost:,} of {count(loss.titles, 'title')}"
        if loss.lost
        else "no category loses a title"
    )
    passed = loss.probability >= level
    return Gate(name=CATEGORY_LOSS, passed=passed, value=loss.probability, limit=level, detail=detail)


def _unseen_gate(test: TestSet) -> tuple[Gate, ...]:
    """Whether the titles are new to every compared model. No gate if all of them are."""
    if test.unread:
        return (Gate(name="unseen_titles", passed=None, limit=test.required, detail="; ".join(test.unread.values())),)
    if not test.left_out:
        return ()
    passed, detail = test.titles >= test.required, f"{count(test.left_out, 'test title')} left out"
    return (Gate(name="unseen_titles", passed=passed, value=test.titles, limit=test.required, detail=detail),)


def _at_least(name: str, value: float, limit: float) -> Gate:
    return Gate(name=name, passed=value >= limit, value=value, limit=limit)


def _at_most(name: str, value: float | None, limit: float) -> Gate:
    return Gate(name=name, passed=value is not None and value <= limit, value=value, limit=limit)
