"""Histories and scores with their timings, which are in the manifest; in those of earlier versions, in the file."""

from __future__ import annotations

from collections.abc import Sequence

from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.artifacts.outputs import parse_file
from meli_tasks.stages.evaluation import EPOCHS, Epoch, Scores
from meli_tasks.store import Store

HISTORY, SCORES = "history.json", "scores.json"


def read_history(store: Store, model: Manifest) -> tuple[Epoch, ...]:
    """The epochs of a training run; raises like `parse_file`."""
    return timed_history(model, parse_file(store, model, HISTORY, EPOCHS.validate_json))


def timed_history(model: Manifest, epochs: Sequence[Epoch]) -> tuple[Epoch, ...]:
    """The epochs of a training run, from its file, with the seconds that its manifest has."""
    seconds = model.timings.epoch_seconds
    if len(seconds) != len(epochs):
        return tuple(epochs)
    return tuple(epoch.model_copy(update={"seconds": each}) for epoch, each in zip(epochs, seconds, strict=True))


def read_scores(store: Store, evaluate: Manifest) -> Scores:
    """The scores of an evaluation; raises like `parse_file`."""
    return timed_scores(evaluate, parse_file(store, evaluate, SCORES, Scores.model_validate_json))


def timed_scores(evaluate: Manifest, scores: Scores) -> Scores:
    """The scores of an evaluation, from its file, with the milliseconds that its manifest has."""
    return scores.timed(evaluate.timings.milliseconds_p95)
