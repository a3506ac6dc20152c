"""What counts as the same model, and what a comparison says it could not look at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from meli_tasks.artifacts.manifest import Manifest, Output
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.reproduction.again import Again
from meli_tasks.reproduction.comparison import Comparison, compare
from meli_tasks.reproduction.origin import Made, Origin
from meli_tasks.stages.evaluation import Evaluation, Scores, TestSet
from meli_tasks.stages.figures import GoldenResult
from meli_tasks.store import FileStore
from tests.planning.test_preview import plan_of
from tests.rewriting import rewrite_file

KEY = "a" * 32


def manifest(weights: str = "w", **summary: Any) -> Manifest:
    outputs = {name: Output(weights, 1) for name in ("model.safetensors", "model.json")}
    fields = {"validation_loss": 0.1, "kept_epoch": 3, **summary}
    return Manifest("train", KEY, {}, {}, outputs, fields, "attempt", {"run_id": "run"})


def evaluation(accuracy: float = 0.9, **fields: Any) -> Evaluation:
    return Evaluation(balanced_accuracy=accuracy, interval=(0.8, 0.95), **fields)


def test_set(left_out: int = 0) -> TestSet:
    return TestSet(split_titles=100, titles=100 - left_out, required=50)


test_set.__test__ = False  # type: ignore[attr-defined]


def compared(
    store: FileStore,
    now: Manifest,
    scores: Evaluation | None = None,
    then: Scores | None = None,
    attempt: str = "",
) -> Comparison:
    """Compare a model of the set quick_mlp with what came out now."""
    plan, model = plan_of(), manifest()
    stored = Manifest("evaluate", "evaluated", {}, {}, {}, {}, "attempt")
    before = then or Scores(version=2, models={"quick_mlp": evaluation()}, test=test_set())
    rewrite_file(store, stored, "scores.json", before.model_dump_json().encode())
    report = EvaluationReport(
        key=stored.key, models={"quick_mlp": KEY}, attempts={"quick_mlp": attempt or model.model_sha256}
    )
    report.save(store, plan.name)
    again = Scores(version=2, models={"quick_mlp": scores}, test=test_set()) if scores else None
    return compare(Origin("quick_mlp", Made(model), plan), Again(now, {KEY: now}, again), store)


def differing(found: Comparison) -> dict[str, tuple[str, str]]:
    return {figure.what: (figure.then, figure.now) for figure in found.figures if not figure.equal}


def test_the_same_model_with_the_same_figures_is_equal(file_store: FileStore) -> None:
    found = compared(file_store, manifest(), evaluation(milliseconds_p95=3.0, golden=GoldenResult(titles=1)))
    assert found.equal and found.not_compared == ""
    assert {figure.what for figure in found.figures} == {
        "train quick_mlp: sha256 of the model",
        "train quick_mlp: kept epoch",
        "train quick_mlp: validation loss",
        "test titles: balanced accuracy",
    }


def test_the_last_digit_counts(file_store: FileStore) -> None:
    found = compared(file_store, manifest(validation_loss=0.1 + 2**-56), evaluation(0.9 + 2**-53))
    assert not found.equal
    assert differing(found) == {
        "train quick_mlp: validation loss": ("0.1", "0.10000000000000002"),
        "test titles: balanced accuracy": ("0.9", "0.9000000000000001"),
    }


def test_other_weights_with_the_same_figures_are_another_model(file_store: FileStore) -> None:
    other = manifest(weights="other")
    assert differing(compared(file_store, other, evaluation())) == {
        "train quick_mlp: sha256 of the model": (manifest().model_sha256, other.model_sha256)
    }


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"attempt": "other"}, "that run evaluated another attempt of the model"),
        (
            {"then": Scores(version=2, models={"quick_mlp": evaluation()}, test=test_set(7))},
            "that run left out 7 of them",
        ),
        ({"then": Scores(version=2, models={}, test=test_set())}, "that run evaluated another attempt"),
        ({"scores": None}, "they come from the models of the folds"),
    ],
)
def test_figures_that_cannot_be_compared_are_named(file_store: FileStore, fields: dict[str, Any], reason: str) -> None:
    found = compared(file_store, manifest(), **{"scores": evaluation(), **fields})
    assert found.equal and reason in found.not_compared
    assert not any(figure.what.startswith("test titles") for figure in found.figures)


def test_an_ensemble_that_was_no_candidate_has_no_figures_on_test_titles(file_store: FileStore) -> None:
    found = compared(file_store, replace(manifest(), outputs={}), evaluation())
    assert "the ensemble was not offered as a candidate" in found.not_compared
