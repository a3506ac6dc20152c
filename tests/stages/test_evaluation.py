"""Stored evaluations and decisions: those of version 0.1.0 are read like those of today."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np

from meli_tasks.core.calibration import abstention, threshold_for
from meli_tasks.core.metrics import Comparison
from meli_tasks.core.stage_parameters import Promote
from meli_tasks.stages.evaluation import EPOCHS, Candidate, Evaluation, PromotionDecision, Scores
from meli_tasks.stages.figures import AbstentionPoint, CategoryRecall, Confusion
from meli_tasks.stages.summaries import EnsembleSummary, Gate

FIGURES = {"balanced_accuracy": 0.9, "interval": [0.8, 0.95], "top5": 0.99, "milliseconds_p95": 1.5, "megabytes": 12.0}


def test_a_brief_evaluation_keeps_every_figure_and_leaves_out_the_tables() -> None:
    recall = CategoryRecall(recall=0.5, titles=2, interval=(0.1, 0.9), predicted=3)
    confusion = Confusion(category="A", predicted="B", titles=1, of_titles=2)
    full = Evaluation(
        balanced_accuracy=0.5, interval=(0, 1), top3=0.6, calibration_error=0.1, suspect_labels=2,
        categories={"A": recall}, confusions=(confusion,),
        abstention=(AbstentionPoint(threshold=0.1, coverage=1, accuracy=0.5),),
    )  # fmt: skip
    brief = Evaluation(
        balanced_accuracy=0.5, interval=(0, 1), top3=0.6, calibration_error=0.1, suspect_labels=2,
        categories={"A": CategoryRecall(recall=0.5, titles=2)},
    )  # fmt: skip
    assert full.brief() == brief


def test_the_threshold_for_an_accuracy_is_read_from_the_points() -> None:
    random = np.random.default_rng(3)
    probabilities = random.beta(4, 1, 3_000).round(3)
    correct = random.random(3_000) < probabilities
    points = tuple(AbstentionPoint(**asdict(point)) for point in abstention(probabilities, correct))
    found = Evaluation(balanced_accuracy=0.5, interval=(0, 1), abstention=points)
    for accuracy in (0.95, 0.98, 0.99):
        exact = threshold_for(probabilities, correct, accuracy)
        assert exact is not None and found.answering(accuracy) == AbstentionPoint(**asdict(exact))
    assert found.answering(1.1) is None
    assert Evaluation(balanced_accuracy=0.5, interval=(0, 1)).answering(0.5) is None


def test_scores_without_a_version_hold_the_models_at_the_top_level() -> None:
    old = Scores.model_validate_json(json.dumps({"mlp": FIGURES, "version": FIGURES}))  # a set may have any name
    assert old.version == 1
    assert old.models["version"] == Evaluation.model_validate(FIGURES)
    new = Scores(version=2, models=old.models)
    assert Scores.model_validate_json(new.model_dump_json()) == new


def test_a_decision_survives_being_stored() -> None:
    gate = Gate(name="gain", passed=True, value=0.01, limit=0.001)
    candidate = Candidate(label="mlp", comparison=Comparison(0.01, (0.0, 0.02), 0.97), gates=(gate,))
    decision = PromotionDecision(promoted="mlp", limits=Promote(), gates=(gate,), examined=(candidate,))
    assert PromotionDecision.model_validate_json(decision.model_dump_json()) == decision


def test_a_decision_of_0_1_0_is_read() -> None:
    gate = {"name": "category_drop", "passed": False, "seen": 0.6, "limit": 0.5, "detail": "SHOES"}
    comparison = {"gain": 0.01, "interval": [0.0, 0.02], "probability": 0.97}
    old = {
        "promoted": None, "champion": "cnn", "gain_interval": [0.0, 0.02], "gates": [gate],
        "limits": {**Promote().model_dump(), "a_limit_of_another_version": 1},
        "scores": {"mlp": FIGURES}, "examined": [{"label": "mlp", "comparison": comparison, "gates": [gate]}],
    }  # fmt: skip
    decision = PromotionDecision.model_validate_json(json.dumps(old))
    assert decision.gates[0].value == 0.6
    assert decision.limits is None  # they are not the limits of this version, so no decision is taken to be under them
    assert decision.scores["mlp"].megabytes == 12.0
    assert decision.examined[0].comparison == Comparison(0.01, (0.0, 0.02), 0.97)
    assert not decision.examined[0].passed


def test_the_summary_of_an_ensemble_of_0_1_0_has_its_inverse_temperatures() -> None:
    summary = EnsembleSummary.model_validate({"offered": True, "weights": {"mlp": 1.0}, "sharpness": {"mlp": 1.2}})
    assert summary.inverse_temperatures == {"mlp": 1.2}


def test_an_epoch_is_served_without_what_it_lacks() -> None:
    (epoch,) = EPOCHS.validate_json('[{"epoch": 1, "train_loss": 0.5}]')
    assert epoch.model_dump() == {"epoch": 1, "train_loss": 0.5}
