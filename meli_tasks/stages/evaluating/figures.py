"""The figures of one model, from its predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from meli_tasks.core import calibration, metrics
from meli_tasks.core.proportions import wilson_interval
from meli_tasks.core.stage_parameters import Evaluate
from meli_tasks.stages.evaluating.predictions import TOP, Predictions
from meli_tasks.stages.evaluating.slicing import LABEL_QUALITY, LANGUAGE, UNKNOWN_WORDS, Slicing, by_unknown_words
from meli_tasks.stages.evaluation import Evaluation
from meli_tasks.stages.figures import AbstentionPoint, CategoryRecall, Confusion, ReliabilityBin
from meli_tasks.stages.listings.test_titles import TestTitles

CONFUSIONS = 100
"""The pairs of categories that scores.json lists; predictions.parquet has all."""


def evaluation_of(
    titles: TestTitles,
    categories: Sequence[str],
    slicings: Mapping[str, Slicing],
    predicted: Predictions,
    params: Evaluate,
) -> Evaluation:
    """All figures that follow from a model's predictions.

    Args:
        titles: The titles.
        categories: The names of the predicted categories; those of the titles come first.
        slicings: The kinds of slices that are the same for every model.
        predicted: The model's predictions.
        params: How the bootstrap is done.
    """
    labels, correct = titles.labels, predicted.categories == titles.labels
    recalls = metrics.recalls(labels, correct)
    bins = calibration.reliability(predicted.probabilities, correct)
    kinds = {**slicings, UNKNOWN_WORDS: by_unknown_words(predicted.unknown_words)}
    slices = {kind: slicing.figures(labels, correct, params) for kind, slicing in kinds.items()}
    return Evaluation(
        balanced_accuracy=float(recalls.values.mean()),
        interval=metrics.bootstrap_interval(labels, correct, samples=params.bootstrap_samples, seed=params.seed),
        accuracy=float(correct.mean()),
        top3=float(predicted.among_top(3).mean()),
        top5=float(predicted.among_top(TOP).mean()),
        macro_f1=metrics.macro_f1(labels, predicted.categories),
        calibration_error=calibration.calibration_error(bins),
        reliability=tuple(ReliabilityBin(**asdict(one)) for one in bins),
        abstention=tuple(
            AbstentionPoint(**asdict(point)) for point in calibration.abstention(predicted.probabilities, correct)
        ),
        slices=slices,
        by_language=slices[LANGUAGE],
        by_label_quality=slices[LABEL_QUALITY],
        categories=_by_category(titles, recalls, predicted.categories),
        confusions=_confusions(titles, categories, predicted.categories),
    )


def _by_category(
    titles: TestTitles, recalls: metrics.Recalls, predicted: NDArray[np.int32]
) -> dict[str, CategoryRecall]:
    """The recall of each category among the titles, and how many titles the model puts there."""
    low, high = wilson_interval(recalls.correct, recalls.titles)
    put_there = np.bincount(predicted, minlength=len(titles.categories))
    return {
        titles.categories[category]: CategoryRecall(
            recall=float(recalls.values[place]),
            titles=int(recalls.titles[place]),
            interval=(float(low[place]), float(high[place])),
            predicted=int(put_there[category]),
        )
        for place, category in enumerate(recalls.categories)
    }


def _confusions(titles: TestTitles, categories: Sequence[str], predicted: NDArray[np.int32]) -> tuple[Confusion, ...]:
    """The most confused pairs, the most frequent first, then by name."""
    wrong = np.flatnonzero(predicted != titles.labels)
    pairs = np.stack([titles.labels[wrong], predicted[wrong]], axis=1)
    different, counts = np.unique(pairs, axis=0, return_counts=True)
    of_titles = np.bincount(titles.labels)
    found = [
        Confusion(
            category=categories[true], predicted=categories[other], titles=int(count), of_titles=int(of_titles[true])
        )
        for (true, other), count in zip(different.tolist(), counts, strict=True)
    ]
    return tuple(sorted(found, key=lambda one: (-one.titles, one.category, one.predicted))[:CONFUSIONS])
