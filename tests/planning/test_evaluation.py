"""The report of a run's evaluation, kept beside its plan."""

from __future__ import annotations

import json

from meli_tasks.artifacts import paths
from meli_tasks.planning.evaluation import EnsembleResult, EvaluationReport
from meli_tasks.store import Store

PLAN = "plans/run/0123456789ab.json"


def test_a_report_is_kept_beside_its_plan(file_store: Store) -> None:
    assert EvaluationReport.load(file_store, PLAN) is None
    report = EvaluationReport(
        key="k", trained=("mlp",), models={"mlp": "m"}, ensemble=EnsembleResult(key="e", offered=False), failed=("cnn",)
    )
    report.save(file_store, PLAN)
    assert EvaluationReport.load(file_store, PLAN) == report


def test_a_report_of_an_earlier_version_is_read(file_store: Store) -> None:
    scores = {"mlp": {"balanced_accuracy": 0.9, "interval": [0.8, 0.95], "of_another_version": 1}}
    old = {"key": "k", "hit": False, "trained": ["mlp"], "models": {"mlp": "m"}, "champion": None, "ledger": 0}
    old |= {"failed": [], "scores": scores, "run_id": "run"}
    file_store.write(paths.evaluated(PLAN), json.dumps(old).encode())
    report = EvaluationReport.load(file_store, PLAN)
    assert report is not None
    assert (report.models, report.ensemble, report.ensemble_failed) == ({"mlp": "m"}, None, False)
    assert report.scores["mlp"].balanced_accuracy == 0.9
    assert report.scores["mlp"].top5 is None
