"""A run that leaves its promotion to a person: the question, the answer, and a champion that changes meanwhile.

Real stages on a small sample; the store is a folder, and each test starts with a ledger of its own.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from meli_tasks.approval import MAX_REASON_CHARACTERS, Approval
from meli_tasks.artifacts import paths
from meli_tasks.decision import Champion, Decision
from meli_tasks.ledger import Ledger
from meli_tasks.pipeline import Pipeline
from meli_tasks.planning.evaluation import Evaluated
from meli_tasks.planning.plan import Plan
from meli_tasks.planning.verdict import Verdict
from meli_tasks.promotion import settle
from meli_tasks.report.material import Material
from meli_tasks.settings import Settings
from meli_tasks.stages.evaluation import PromotionDecision

SMALL: dict[str, Any] = {"source": "sample:rows=2500,seed=3", "sets": ["quick_mlp", "quick_cnn"], "ensemble": False}
AT = datetime(2026, 11, 28, 9, 30, tzinfo=UTC)


def answer(approved: bool = True, reason: str = "", by: str = "ana") -> Approval:
    return Approval(by=by, at=AT, approved=approved, reason=reason)


TIMED_OUT = Approval(at=AT, approved=False, timed_out=True)


@dataclass
class Night:
    """A run whose models are evaluated."""

    pipeline: Pipeline
    plan: Plan
    evaluated: Evaluated

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.pipeline.store)

    def decide(self) -> Verdict:
        return self.pipeline.decide(self.plan, self.evaluated)

    def promote(self, decided: Verdict, approval: Approval | None = None) -> Decision:
        """The entry that promote wrote into the ledger, or found there."""
        outcome = self.pipeline.promote(self.plan, decided, approval)
        assert outcome.number is not None
        return self.ledger.decision(outcome.number)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A store with both models."""
    folder = tmp_path_factory.mktemp("approval")
    settings = Settings(store=f"file://{folder}/store", cache=folder / "cache", airflow_url="http://airflow")
    night(settings, "first")
    return settings


@pytest.fixture(autouse=True)
def quick_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """The report takes longer than all else here, and has tests of its own."""
    monkeypatch.setattr(Pipeline, "report", lambda self, plan: paths.report(plan.name))


@pytest.fixture
def store(trained: Settings) -> Settings:
    """The same with an empty ledger."""
    for folder in ("ledger", "ledger-copies"):
        shutil.rmtree(Path(trained.store.removeprefix("file://"), folder), ignore_errors=True)
    return trained


def night(settings: Settings, run_id: str, **params: Any) -> Night:
    pipeline = Pipeline(settings, run_id)
    plan, _ = pipeline.plan({**SMALL, **params}, None)
    pipeline.ingest(plan)
    for index in range(len(plan.recipes)):
        pipeline.preprocess(plan, index)
        pipeline.embed(plan, index)
    for name in plan.sets:
        pipeline.train(plan, name)
    return Night(pipeline, plan, pipeline.evaluate(plan, list(plan.sets), []))


@pytest.fixture
def asking(store: Settings) -> Night:
    """A run that promotes only what a person approves."""
    return night(store, "asking", promotion="approval")


@pytest.fixture
def other_champion(store: Settings) -> Callable[[], Decision]:
    """Makes a weaker model champion, as a run that was quicker would."""

    def promote() -> Decision:
        weak = night(
            store, "quicker", sets=["quick_mlp"], overrides={"train.epochs": 1, "embed.dimensions": 2}, min_gain=0.0
        )
        last = weak.ledger.last()
        [label] = weak.plan.sets
        champion = Champion(
            train=weak.evaluated.models[label],
            set_name=label,
            balanced_accuracy=0.1,
            interval=(0.05, 0.15),
            sha256=weak.evaluated.attempts[label],
        )
        number = last.number if last else 0
        return weak.ledger.append(number, action="promote", champion=champion, reason="it was quicker", by="a test")

    return promote


def test_decide_asks_with_the_evidence_and_writes_nothing_into_the_ledger(asking: Night) -> None:
    decided = asking.decide()
    assert decided.asks and decided.nominated in asking.plan.sets
    assert decided.question == f"Promote {decided.nominated} as the first champion?"
    assert "Approval is required" in decided.reason
    assert asking.ledger.last() is None
    scores = asking.pipeline.scores(asking.evaluated.key)[decided.nominated or ""]
    assert f"| balanced accuracy | {scores.balanced_accuracy:.4f} |" in decided.evidence
    assert "size of the model, in MB | passed |" in decided.evidence
    assert "[Report](http://airflow/meli/api/report/asking)" in decided.evidence
    assert Verdict.load(asking.pipeline.store, asking.plan.name) == decided.model_copy(update={"report": ""})
    assert decided.report == paths.report(asking.plan.name)


def test_an_approved_model_becomes_champion_and_the_ledger_says_by_whom_and_why(asking: Night) -> None:
    decided = asking.decide()
    entry = asking.promote(decided, answer(reason="recall of PHONES is fine"))
    assert entry.action == "promote" and entry.champion and entry.champion.set_name == decided.nominated
    assert (entry.by, entry.approval) == ("asking", answer(reason="recall of PHONES is fine"))
    assert entry.reason.startswith(
        f"{decided.nominated} becomes champion. Approved by ana (recall of PHONES is fine). {decided.nominated} is"
    )


def test_a_rejected_model_stays_out_and_so_does_one_that_nobody_answers_for(asking: Night) -> None:
    decided = asking.decide()
    entry = asking.promote(decided, answer(False, "not today"))
    assert (entry.action, entry.champion, entry.approval) == ("keep", None, answer(False, "not today"))
    assert entry.reason.startswith("No model becomes champion. Rejected by ana (not today).")
    again = asking.decide()  # as if the run was cleared
    assert again.asks
    late = asking.promote(again, TIMED_OUT)
    assert (late.number, late.action, late.approval) == (2, "keep", TIMED_OUT)
    assert "Nobody answered in time. Clear the task decide" in late.reason


def test_without_anybody_to_ask_the_champion_stays(asking: Night) -> None:
    entry = asking.promote(asking.decide())
    assert (entry.action, entry.approval) == ("keep", None)
    assert "because no approval could be requested" in entry.reason


def test_a_next_run_asks_if_nobody_could_be_asked_and_finds_nothing_new_if_somebody_answered(
    store: Settings, asking: Night
) -> None:
    def nothing_new() -> str:
        return Pipeline(store, "next").plan({**SMALL, "promotion": "approval"}, None)[1].nothing_new

    asking.promote(asking.decide())
    assert nothing_new() == ""
    asking.promote(asking.decide(), TIMED_OUT)
    assert "decision 2" in nothing_new()


def test_a_second_answer_changes_nothing_and_is_reported(asking: Night, caplog: pytest.LogCaptureFixture) -> None:
    decided = asking.decide()
    first = asking.promote(decided, answer(False))
    with caplog.at_level(logging.WARNING, "meli_tasks"):
        assert asking.promote(decided, answer(True, by="ben")) == first
    assert len(asking.ledger.decisions()) == 1
    assert (
        "Approved by ben. This had no effect: the run had already made its decision (decision 1: keep)" in caplog.text
    )
    assert "Clear the task decide" in caplog.text


def test_a_retried_promotion_of_an_approved_model_writes_one_decision(asking: Night) -> None:
    decided = asking.decide()
    assert asking.promote(decided, answer()) == asking.promote(decided, answer())
    assert len(asking.ledger.decisions()) == 1


def test_an_approval_counts_if_other_runs_only_kept_the_champion_meanwhile(asking: Night) -> None:
    decided = asking.decide()
    asking.ledger.append(0, action="keep", reason="another run", by="a test")
    entry = asking.promote(decided, answer())
    assert (entry.number, entry.action, entry.approval) == (2, "promote", answer())


@pytest.mark.parametrize(
    ("verdict", "given", "promoted"),
    [
        ("keep", answer(), None),  # no gate is passed by being approved
        ("keep", TIMED_OUT, None),
        ("promote", answer(), "mlp"),  # it was borderline when the person was asked
        ("promote", TIMED_OUT, None),
        ("promote", answer(False), None),
    ],
)
def test_an_answer_is_kept_if_the_same_comparison_ends_otherwise_than_when_it_was_asked(
    verdict: Any, given: Approval, promoted: str | None
) -> None:
    found = PromotionDecision(
        verdict=verdict, promoted="mlp" if verdict == "promote" else None, champion="cnn", challenger="mlp",
        nominated="mlp", reason="What the gates say.",
    )  # fmt: skip
    end = settle(found, given, same_comparison=True)
    assert (end.promoted, end.approval) == (promoted, given)
    assert given.sentence() in end.reason and "What the gates say." in end.reason


def test_an_approval_of_a_model_that_then_beats_a_new_champion_is_recorded() -> None:
    found = PromotionDecision(
        verdict="promote", promoted="mlp", champion="cnn", nominated="mlp", reason="It is better."
    )
    end = settle(found, answer(), same_comparison=False)
    assert (end.promoted, end.approval) == ("mlp", answer())
    assert end.reason == "It is better. The champion changed while this run waited for an answer. Approved by ana."


def test_an_approval_is_about_the_champion_that_the_person_saw(
    asking: Night, other_champion: Callable[[], Decision]
) -> None:
    decided = asking.decide()
    other_champion()
    entry = asking.promote(decided, answer())
    assert (entry.number, entry.action) == (2, "keep")
    assert entry.champion and entry.champion.balanced_accuracy == 0.1
    assert "The champion changed while this run waited for an answer. Clear the task decide" in entry.reason
    assert "Approved by ana." in entry.reason
    again = asking.decide()  # clearing decide asks about the current champion
    assert again.asks and again.evaluated.champion and "to replace" in again.question
    promoted = asking.promote(again, answer())
    assert (promoted.number, promoted.action, promoted.previous) == (3, "promote", 1)


def test_a_clear_case_against_a_new_champion_is_promoted_without_a_person_unless_one_said_no(
    store: Settings, other_champion: Callable[[], Decision]
) -> None:
    run = night(store, "auto", approval_band=0.01)
    clear = run.decide()
    assert clear.verdict == "promote"  # there is no champion
    borderline = clear.model_copy(update={"verdict": "ask"})
    other_champion()
    kept = run.promote(borderline, answer(False))
    assert (kept.number, kept.action) == (2, "keep")
    assert "Rejected by ana." in kept.reason
    later = night(store, "auto again", approval_band=0.01)
    moved = later.decide().model_copy(update={"verdict": "ask", "evaluated": run.evaluated})
    promoted = later.promote(moved, TIMED_OUT)
    assert (promoted.number, promoted.action, promoted.approval) == (3, "promote", None)
    assert "The champion changed while this run waited for an answer." in promoted.reason


def test_decide_evaluates_again_if_the_champion_changed_since_the_evaluation(
    asking: Night, other_champion: Callable[[], Decision]
) -> None:
    other_champion()
    decided = asking.decide()
    assert (decided.evaluated.ledger, asking.evaluated.ledger) == (1, 0)
    assert decided.evaluated.champion in decided.evaluated.models
    assert decided.question.endswith(f"to replace {decided.evaluated.champion}?")
    assert "What gets worse:" in decided.evidence
    report = Material(asking.pipeline.store, asking.plan)  # it is about the comparison that the person is asked about
    assert report.evaluated is not None and report.decided is not None
    assert report.evaluated.champion == decided.evaluated.champion
    assert (report.decided.found.verdict, report.decided.found.reason) == ("ask", decided.reason)


def test_while_a_cleared_run_asks_again_its_report_is_about_that_and_not_about_the_first_answer(asking: Night) -> None:
    asking.promote(asking.decide(), answer(False))
    before = Material(asking.pipeline.store, asking.plan).decided
    assert before is not None and before.entry is not None and before.entry.number == 1
    asking.decide()
    while_asked = Material(asking.pipeline.store, asking.plan).decided
    assert while_asked is not None and while_asked.entry is None
    assert (while_asked.found.verdict, while_asked.promoted) == ("ask", None)


def test_a_run_that_only_evaluates_never_asks(store: Settings) -> None:
    run = night(store, "never", promotion="never")
    decided = run.decide()
    assert (decided.verdict, decided.question) == ("keep", "")
    assert run.pipeline.promote(run.plan, decided).number is None
    assert run.ledger.last() is None


def test_a_date_of_a_native_backfill_never_asks(store: Settings) -> None:
    plan, _ = Pipeline(store, "back").plan({**SMALL, "promotion": "approval"}, None, backfill=True)
    assert plan.request.promotion == "never"


def test_a_report_that_cannot_be_written_stops_no_decision(asking: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Pipeline, plan: Plan) -> str:
        raise OSError("the disk is full")

    monkeypatch.setattr(Pipeline, "report", fails)
    decided = asking.decide()
    outcome = asking.pipeline.promote(asking.plan, decided, answer())
    assert outcome.action == "promote"
    assert outcome.report == decided.report == "The report of the run could not be written: the disk is full"


def test_a_long_reason_with_markup_is_one_line_without_what_a_terminal_obeys() -> None:
    long = answer(reason="<b>fine</b>\n\x1b[31m" + "x" * 10_000)
    assert len(long.reason) == MAX_REASON_CHARACTERS and long.reason.endswith("…")
    assert long.reason.startswith("<b>fine</b> [31mxxx")
    assert answer(reason="").sentence() == "Approved by ana."
    assert answer(False, "no", by="").sentence() == "Rejected by an unknown user (no)."


def test_a_decision_of_an_earlier_version_has_no_approval(asking: Night) -> None:
    entry = asking.promote(asking.decide(), answer())
    earlier = entry.model_dump(mode="json", exclude={"approval"})
    assert Decision.model_validate(earlier).approval is None
    assert Decision.model_validate_json(entry.model_dump_json()) == entry
