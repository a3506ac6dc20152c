"""The verdict of a report, for each way in which a run may have been decided."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from meli_tasks.approval import Approval
from meli_tasks.artifacts.manifest import need
from meli_tasks.decision import Champion, Evidence
from meli_tasks.ledger import Ledger
from meli_tasks.report.material import Material
from meli_tasks.report.writing import render
from meli_tasks.stages.summaries import Gate
from meli_tasks.store import open_store
from tests.pages.published import evaluate
from tests.past_run import PastRun
from tests.report.reading import parse
from tests.rewriting import rewrite_file, stored_json

AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
GATES = (
    Gate(name="gain", passed=True, value=0.02, limit=0.001),
    Gate(name="probability", passed=False, value=0.91, limit=0.95),
    Gate(name="category_drop", passed=None, limit=0.5, detail="no category has 20 test titles"),
)


def verdict_of(folder: Path, *, promoted: bool, approval: Approval | None = None, **evidence: object) -> str:
    run = PastRun(open_store((folder / "store").as_uri()))
    evaluate(run)
    champion = Champion(train=run.models["mlp"], set_name="mlp", balanced_accuracy=0.94, interval=(0.93, 0.95))
    Ledger(run.store).append(
        0,
        action="promote" if promoted else "keep",
        champion=champion if promoted else None,
        reason="the reason of the decision",
        by="a run",
        evidence=Evidence.model_validate({"plan": run.plan.name, "challenger": "mlp", "gates": GATES} | evidence),
        approval=approval,
    )
    return parse(render(Material(run.store, run.plan))).sections["verdict"]


def test_each_gate_is_passed_failed_or_not_checked(tmp_path: Path) -> None:
    text = verdict_of(tmp_path, promoted=False)
    assert "Champion kept. the reason of the decision" in text
    for line in ("gainpassed0.020.001", "probabilityfailed0.910.95", "category dropnot checked–0.5no category has 20"):
        assert line in text


@pytest.mark.parametrize(
    ("approval", "expected"),
    [
        (
            Approval(by="ana", at=AT, approved=True, reason="it is clear"),
            "Approved by ana on 2026-11-20 09:30 UTC: it is",
        ),
        (Approval(by="ana", at=AT, approved=False), "Rejected by ana on 2026-11-20 09:30 UTC, without a reason"),
        (Approval(at=AT, approved=False, timed_out=True), "Nobody answered by 2026-11-20 09:30 UTC, so the champion"),
    ],
)
def test_what_a_person_answered_is_part_of_it(tmp_path: Path, approval: Approval, expected: str) -> None:
    assert expected in verdict_of(tmp_path, promoted=approval.approved, approval=approval)


@pytest.mark.parametrize(("decided", "approved"), [("ask", True), ("promote", False)])
def test_the_new_champion_is_the_one_in_the_ledger_and_not_what_the_gates_said(
    tmp_path: Path, decided: str, approved: bool
) -> None:
    """A person approved what the gates left open; or rejected what they then promoted."""
    run = PastRun(open_store((tmp_path / "store").as_uri()))
    evaluate(run)
    champion = Champion(train=run.models["mlp"], set_name="mlp", balanced_accuracy=0.94, interval=(0.93, 0.95))
    evidence = Evidence(
        plan=run.plan.name, verdict=decided, promoted="mlp" if decided == "promote" else None, challenger="mlp",
        nominated="mlp",
    )  # fmt: skip
    Ledger(run.store).append(
        0, action="promote" if approved else "keep", champion=champion if approved else None, reason="", by="a run",
        evidence=evidence, approval=Approval(by="ana", at=AT, approved=approved),
    )  # fmt: skip
    board = parse(render(Material(run.store, run.plan))).sections["leaderboard"]
    assert ("mlp (new champion)" in board) is approved


def test_borderline_evidence_and_the_bias_of_the_selection_are_named(tmp_path: Path) -> None:
    text = verdict_of(
        tmp_path,
        promoted=True,
        borderline=True,
        selection_bias=0.0123,
        nominated="mlp",
        why_nominated="the best on the validation titles",
    )
    assert "Promoted." in text
    assert "The evidence is borderline" in text
    assert "mlp was nominated: the best on the validation titles." in text
    assert "Estimated selection bias of the champion's figure0.0123" in text


def test_a_champion_that_the_reference_model_beats_is_worth_a_warning(tmp_path: Path) -> None:
    run = PastRun(open_store((tmp_path / "store").as_uri()), accuracies={"mlp": 0.9})
    evaluated = evaluate(run)
    champion = Champion(train=run.models["mlp"], set_name="mlp", balanced_accuracy=0.9, interval=(0.88, 0.92))
    evidence = Evidence(plan=run.plan.name, promoted="mlp", challenger="mlp")
    Ledger(run.store).append(0, action="promote", champion=champion, reason="first", by="a run", evidence=evidence)
    manifest = need(run.store, "evaluate", evaluated.key)
    stored = stored_json(run.store, manifest.file_name("scores.json"))
    # As the decision's reason says it: a model that is better by no more than noise does not beat it.
    for accuracy, not_beaten_by in ((0.95, ["mlp"]), (0.89, ["mlp"]), (0.85, []), (0.85, ["another"])):
        reference = {"balanced_accuracy": accuracy, "interval": [0.8, 0.96], "accuracy": 0.9, "trained_titles": 500}
        reference["not_beaten_by"] = not_beaten_by
        scores = {"version": 2, "models": stored, "reference": reference}
        rewrite_file(run.store, manifest, "scores.json", json.dumps(scores).encode())
        text = parse(render(Material(run.store, run.plan))).sections["leaderboard"]
        assert ("mlp does not significantly beat the reference model" in text) is (not_beaten_by == ["mlp"])
        assert "fitted on 500 titles" in text
