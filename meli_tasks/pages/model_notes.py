"""What the page of one model cannot display and why, and what to know about the figures: a sentence each."""

from __future__ import annotations

from meli_tasks.artifacts.manifest import Manifest, was_pruned
from meli_tasks.pages.located import Located
from meli_tasks.stages.evaluation import Evaluation, Scores
from meli_tasks.wording import enumeration

AGAIN = "A new run evaluates its models again."
_MEASURED = {
    "top3": "top 3",
    "calibration_error": "the calibration error",
    "suspect_labels": "suspect labels",
    "reliability": "the reliability of the probabilities",
    "abstention": "what abstaining would gain",
    "slices": "all slices",
    "confusions": "the confusions",
}
"""Figures that 0.1.0 did not measure."""


def missing(url: str, found: Located, scores: Scores | None, model: Manifest | None) -> list[str]:
    """What cannot be displayed, and why.

    Args:
        url: The store's.
        found: The model.
        scores: The stored evaluation; None if it is no longer in the store.
        model: The model's manifest; None if it is no longer in the store.
    """
    sentences = _of_figures(url, found, scores)
    if model is None and found.row.train:
        sentences.append(
            f"The files of this model ({found.ref}) are not in {url}: it was never computed, or it was deleted. It "
            "cannot be loaded, and what it was made from is unknown."
        )
    elif model is not None and model.pruned:
        sentences.append(
            f"This model {was_pruned(model)}. It cannot be loaded until a run trains it again. Its figures are kept."
        )
    return sentences


def notes(label: str, scores: Scores | None) -> list[str]:
    """What to know about the figures of a model: its test titles, the reference model, the golden titles."""
    if scores is None:
        return []
    return [
        *(scores.test.notes() if scores.test else []),
        *(scores.reference.notes([label]) if scores.reference else []),
        *(scores.golden.notes() if scores.golden else []),
    ]


def _of_figures(url: str, found: Located, scores: Scores | None) -> list[str]:
    run, evaluation = found.row.run_id, found.evaluation
    if evaluation is None:
        why = {
            "failed": f"Its training in the run {run} failed: the run's page says why.",
            "nothing new": f"The run {run} ended early, as nothing was new: an earlier run has evaluated this model.",
        }
        return [why.get(found.row.state, f"The run {run} has not evaluated this model yet, or ended before it could.")]
    if scores is None and found.evaluate and found.evaluate.pruned:
        return [
            f"The evaluation of the run {run} {was_pruned(found.evaluate)}. The figures in the run's report are kept; "
            f"predictions, confusions and suspect labels are not. {AGAIN}"
        ]
    if scores is None:
        key = found.report.key if found.report else ""
        return [
            f"The evaluation of the run {run} (evaluate/{key}) is no longer in {url}. What is left are the figures in "
            f"the run's report; slices, reliability, confusions and suspect labels are lost. {AGAIN}"
        ]
    lacking = _not_measured(evaluation)
    if lacking:
        listed = enumeration(lacking, len(lacking))
        return [f"An earlier version evaluated the run {run}. It did not measure {listed}. {AGAIN}"]
    return []


def _not_measured(evaluation: Evaluation) -> list[str]:
    """Only a figure that every evaluation of this version has tells that it was not measured."""
    if evaluation.top3 is not None:
        return []
    return [name for field, name in _MEASURED.items() if not getattr(evaluation, field)]
