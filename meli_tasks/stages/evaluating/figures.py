"""The figures of one model, from its predictions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meli_tasks.core import metrics
from meli_tasks.core.hyperparameters import Evaluate
from meli_tasks.stages.evaluating.predictions import TOP, Predictions
from meli_tasks.stages.evaluation import Evaluation
from meli_tasks.stages.figures import CategoryRecall, SliceAccuracy
from meli_tasks.stages.listings.test_titles import TestTitles


def evaluation_of(
    titles: TestTitles, predicted: Predictions, params: Evaluate, milliseconds: float, megabytes: float
) -> Evaluation:
    """All figures of a model that needs this CPU time for a title, and this space."""
    correct = predicted.categories == titles.labels
    recalls = metrics.recalls(titles.labels, correct)
    interval = metrics.bootstrap_interval(titles.labels, correct, samples=params.bootstrap_samples, seed=params.seed)
    return Evaluation(
        balanced_accuracy=float(recalls.values.mean()),
        interval=interval,
        accuracy=float(correct.mean()),
        top3=float(predicted.among_top(3).mean()),
        top5=float(predicted.among_top(TOP).mean()),
        macro_f1=metrics.macro_f1(titles.labels, predicted.categories),
        milliseconds_p95=milliseconds,
        megabytes=megabytes,
        by_language=_by_slice(titles.languages, titles.labels, correct),
        by_label_quality=_by_slice(titles.label_qualities, titles.labels, correct),
        categories={
            titles.categories[category]: CategoryRecall(recall=float(recall), titles=int(count))
            for category, recall, count in zip(recalls.categories, recalls.values, recalls.titles, strict=True)
        },
    )


def _by_slice(values: list[str], labels: NDArray[np.int32], correct: NDArray[np.bool_]) -> dict[str, SliceAccuracy]:
    """Balanced accuracy and number of titles of each slice, e.g. of each language."""
    names, positions = np.unique(np.array(values), return_inverse=True)
    found = {}
    for position, name in enumerate(names):
        inside = positions == position
        accuracy = metrics.recalls(labels[inside], correct[inside]).values.mean()
        found[str(name)] = SliceAccuracy(balanced_accuracy=float(accuracy), titles=int(inside.sum()))
    return found
