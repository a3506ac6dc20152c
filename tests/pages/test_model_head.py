"""The head of a model's page: the honest figure, what is missing and why, and which champion to compare it with."""

from __future__ import annotations

from pathlib import Path

import pytest

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import need
from meli_tasks.decision import Champion, Evidence
from meli_tasks.ledger import Ledger
from meli_tasks.pages import Pages
from meli_tasks.pages.one_model import ModelPage
from tests.pages.published import Counting, evaluate, promote
from tests.past_run import PastRun

BIAS = 0.004


@pytest.fixture
def run(store: Counting, tmp_path: Path) -> PastRun:
    run = PastRun(store)
    for name in run.accuracies:  # whoever decides loads the model first
        run.with_real_model(name, tmp_path / name)
    return run


def page(run: PastRun, label: str = "mlp") -> ModelPage:
    return Pages(run.store).model(paths.model_id(run.plan.name, label))


def promoted_with_bias(run: PastRun) -> None:
    champion = Champion(
        train=run.models["mlp"], set_name="mlp", balanced_accuracy=0.94, interval=(0.93, 0.95),
        run_id=run.run_id, selection_bias=BIAS,
    )  # fmt: skip
    evidence = Evidence(plan=run.plan.name, run_id=run.run_id, promote="k" * 32, promoted="mlp", nominated="mlp")
    Ledger(run.store).append(
        0, action="promote", champion=champion, reason="it is better", by=run.run_id, evidence=evidence
    )


def test_a_promoted_models_figure_is_less_what_its_selection_added(run: PastRun) -> None:
    evaluate(run)
    promoted_with_bias(run)
    figure, other = page(run).figure, page(run, "cnn").figure
    assert figure is not None and other is not None
    assert figure.balanced_accuracy == pytest.approx(figure.evaluated - BIAS)
    assert (figure.selection_bias, other.selection_bias) == (BIAS, 0.0)


def test_it_stays_so_after_another_model_has_become_champion(run: PastRun) -> None:
    evaluate(run)
    promoted_with_bias(run)
    promote(run, "cnn", 1)
    found = page(run)
    assert found.figure is not None
    assert (found.figure.selection_bias, found.champion) == (BIAS, False)


def test_a_challenger_is_compared_with_the_champions_row_of_its_own_run(run: PastRun) -> None:
    evaluate(run)
    assert page(run).compare_with == ""  # nothing to compare with
    promote(run, "mlp")
    assert page(run, "cnn").compare_with == paths.model_id(run.plan.name, "mlp")
    assert (page(run).champion, page(run).compare_with) == (True, "")


def test_a_run_that_did_not_evaluate_the_champion_is_compared_with_its_newest_evaluation(run: PastRun) -> None:
    evaluate(run)
    promote(run, "mlp")
    later = PastRun(run.store, "scheduled__2026-11-21", {"cnn": 0.91}, seed=1)
    evaluate(later)
    assert page(later, "cnn").compare_with == paths.model_id(run.plan.name, "mlp")


def test_what_is_missing_is_said_with_its_reason(run: PastRun) -> None:
    [sentence] = page(run).missing
    assert sentence.startswith(f"The run {run.run_id} has not evaluated this model yet")
    evaluated = evaluate(run)
    [sentence] = page(run).missing
    assert sentence.startswith(f"An earlier version evaluated the run {run.run_id}. It did not measure top 3,")
    run.store.delete(need(run.store, "evaluate", evaluated.key).file_name("scores.json"))
    [sentence] = page(run).missing
    assert f"(evaluate/{evaluated.key}) is no longer in {run.store.url}" in sentence
    found = page(run)
    assert found.figure is not None  # of the report beside the plan
    assert found.categories


def test_a_failed_training_run_and_a_deleted_model_are_named(run: PastRun) -> None:
    evaluate(run, failed=("broken",))
    key = run.models["mlp"]
    run.store.delete(paths.manifest("train", key))
    found = page(run)
    assert f"The files of this model ({key}" in found.missing[-1]
    assert (found.load, found.lineage, found.trained_on) == ([], [], None)
