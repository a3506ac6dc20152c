"""The champion's figure on the pages: less what its own selection added, where that applies; and who decided."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from meli_tasks.approval import Approval
from meli_tasks.decision import Champion, Evidence
from meli_tasks.ledger import Ledger
from meli_tasks.pages import Pages, RunFilter
from meli_tasks.pages.models import ChampionCard
from tests.pages.published import Counting, evaluate, promote
from tests.past_run import PastRun

BIAS = 0.004


@pytest.fixture
def run(store: Counting, tmp_path: Path) -> PastRun:
    """A run that evaluated its models, of which it promoted mlp, at 0.94."""
    run = PastRun(store)
    for name in run.accuracies:  # whoever decides loads the model first
        run.with_real_model(name, tmp_path / name)
    evaluate(run)
    champion = Champion(
        train=run.models["mlp"], set_name="mlp", balanced_accuracy=0.94, interval=(0.93, 0.95),
        run_id=run.run_id, selection_bias=BIAS,
    )  # fmt: skip
    evidence = Evidence(
        plan=run.plan.name, run_id=run.run_id, promote="k" * 32, promoted="mlp", verdict="promote", nominated="mlp",
        why_nominated="best on the validation titles", borderline=True,
    )  # fmt: skip
    approval = Approval(by="ana", at=datetime(2026, 11, 21, tzinfo=UTC), approved=True, reason="<i>looks good</i>")
    Ledger(store).append(
        0, action="promote", champion=champion, reason="it is better", by=run.run_id, evidence=evidence,
        approval=approval,
    )  # fmt: skip
    return run


def card(run: PastRun) -> ChampionCard:
    found = Pages(run.store).models(RunFilter()).champion
    assert found is not None
    return found


def test_on_the_titles_that_it_was_selected_on_the_figure_is_corrected(run: PastRun) -> None:
    found = card(run)
    assert (found.balanced_accuracy, found.selection_bias) == (pytest.approx(0.94 - BIAS), BIAS)
    assert found.current is not None
    assert (found.current.balanced_accuracy, found.current.selection_bias) == (pytest.approx(0.94 - BIAS), BIAS)


def test_on_other_titles_it_is_what_was_evaluated(run: PastRun) -> None:
    later = PastRun(run.store, "scheduled__2026-11-21", {"cnn": 0.91}, seed=1)
    evaluate(later, **{"mlp (champion)": (run.models["mlp"], 0.93)})
    later.store.write(later.plan.name, later.plan.model_copy(update={"as_of": "2026-11-21"}).model_dump_json().encode())
    found = card(run)
    assert found.current is not None
    assert found.current.run_id == later.run_id
    assert (found.current.balanced_accuracy, found.current.selection_bias) == (0.93, 0.0)
    assert found.balanced_accuracy == pytest.approx(0.94 - BIAS)


def test_where_some_titles_are_new_the_decision_of_that_run_says_how_much_too_high_it_is(run: PastRun) -> None:
    later = PastRun(run.store, "scheduled__2026-11-21", {"cnn": 0.91}, seed=1)
    label = "mlp (champion)"
    evaluated = evaluate(later, **{label: (run.models["mlp"], 0.93)})
    later.store.write(later.plan.name, later.plan.model_copy(update={"as_of": "2026-11-21"}).model_dump_json().encode())
    evidence = Evidence(
        plan=later.plan.name, run_id=later.run_id, promote="k" * 32, champion=label, models=evaluated.models,
        selection_bias=0.75 * BIAS,
    )  # fmt: skip
    Ledger(run.store).append(1, action="keep", reason="", by=later.run_id, evidence=evidence)
    found = card(run)
    assert found.current is not None
    assert found.current.selection_bias == 0.75 * BIAS
    assert found.current.balanced_accuracy == pytest.approx(0.93 - 0.75 * BIAS)
    assert found.balanced_accuracy == pytest.approx(0.94 - BIAS)


def test_the_history_has_the_evidence_and_the_approval(run: PastRun) -> None:
    [row] = Pages(run.store).decisions(10).decisions
    assert (row.verdict, row.nominated, row.borderline, row.by_hand) == ("promote", "mlp", True, False)
    assert row.why_nominated == "best on the validation titles"
    assert row.balanced_accuracy == pytest.approx(0.94 - BIAS)
    assert row.approval is not None
    assert (row.approval.by, row.approval.approved, row.approval.reason) == ("ana", True, "<i>looks good</i>")


def test_the_history_tells_persons_from_runs(run: PastRun) -> None:
    promote(run, "cnn", expected_last=1)
    pages = Pages(run.store)
    pages.roll_back(None, by="ana", reason="recall fell", expected=2)
    pages.promote(run.models["cnn"], by="ana", reason="now it is good", expected=3)
    rows = pages.decisions(10).decisions
    assert [(row.number, row.by, row.by_hand, row.verdict) for row in rows[:2]] == [
        (4, "ana", True, ""), (3, "ana", True, ""),
    ]  # fmt: skip
    assert rows[-1].by_hand is False


def test_the_champion_of_a_day_has_the_same_figure(run: PastRun) -> None:
    found = Pages(run.store).champion_on(None)
    assert (found.balanced_accuracy, found.selection_bias) == (pytest.approx(0.94 - BIAS), BIAS)
