"""What is new about the champion: what it replaced, its age, the way back, and how the last run ended."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from meli_tasks.decision import Champion, Decision, Evidence
from meli_tasks.ledger import Ledger
from meli_tasks.notifications import failures
from meli_tasks.notifications.failures import Failure
from meli_tasks.pages import AirflowRun, Pages
from meli_tasks.pages.champion import MlflowAlias
from meli_tasks.pages.models import MlflowChampion
from meli_tasks.pages.news import ChampionNews
from meli_tasks.pages.runs import RunFilter
from meli_tasks.planning.evaluation import Evaluated
from meli_tasks.planning.preview import Preview
from meli_tasks.planning.verdict import Verdict
from meli_tasks.stages.summaries import Gate
from tests.pages.published import Counting, evaluate, promote
from tests.past_run import PastRun

ENDED = "2026-11-21T04:00:00+00:00"


def news(store: Counting, *airflow: AirflowRun) -> ChampionNews:
    return Pages(store).news(airflow)


def kept(run: PastRun, number: int, **evidence: Any) -> Decision:
    """A run's decision to keep the champion."""
    found = Evidence(plan=run.plan.name, run_id=run.run_id, promote="k" * 32, nominated="cnn", **evidence)
    return Ledger(run.store).append(number, action="keep", reason="the whole reason", by=run.run_id, evidence=found)


def test_an_empty_store_has_no_news(store: Counting) -> None:
    found = news(store)
    assert (found.last_run, found.better_than, found.way_back, found.days) == (None, None, None, None)


def test_the_first_champion_replaced_none_and_has_no_way_back(store: Counting) -> None:
    run = PastRun(store)
    evaluate(run)
    promote(run, "mlp")
    found = news(store)
    assert (found.first, found.better_than, found.way_back, found.gone) == (True, None, None, "")
    assert (found.days, found.model) == (0, f"{run.plan.folder.removeprefix('plans/')}/mlp")
    assert found.last_run is not None
    assert (found.last_run.outcome, found.last_run.sentence) == ("promoted", "It made mlp the first champion.")


def test_a_champion_names_what_it_replaced_with_the_stored_gain_and_the_way_back(store: Counting) -> None:
    run = PastRun(store)
    evaluate(run)
    first = promote(run, "cnn")
    last = promote(run, "mlp", expected_last=1)
    found = news(store)
    assert found.better_than is not None
    assert found.way_back is not None
    assert (found.better_than.set, found.better_than.gain, found.better_than.probability) == ("cnn", 0.02, 0.97)
    assert (found.way_back.to, found.way_back.set, found.way_back.gone) == (1, "cnn", False)
    assert found.way_back.balanced_accuracy == first.figure
    assert last.set_name == "mlp"
    assert (found.decision, Pages(store).models(RunFilter()).last_decision) == (2, 2)


def test_a_rollback_to_the_first_champion_can_be_undone(store: Counting) -> None:
    run = PastRun(store)
    promote(run, "cnn")
    promote(run, "mlp", expected_last=1)
    Ledger(store).rollback(by="ana")
    assert (back := news(store).way_back) is not None
    assert (back.to, back.set, back.undo) == (2, "mlp", True)


def test_a_model_that_left_the_store_is_reported_and_so_is_a_way_back_to_it(store: Counting, tmp_path: Path) -> None:
    run = PastRun(store)
    evaluate(run)
    promote(run, "cnn")
    promote(run, "mlp", expected_last=1)
    for name in run.accuracies:
        (tmp_path / "store" / run.trainings[name].name).unlink()
    found = news(store)
    assert found.gone.startswith("The model of mlp (")
    assert found.way_back is not None
    assert found.way_back.gone


def test_the_age_of_the_champion_and_of_its_data_is_counted_in_days(store: Counting) -> None:
    run = PastRun(store)
    evaluate(run)
    days = 12
    champion = Champion(
        train=run.models["mlp"], set_name="mlp", balanced_accuracy=0.94, interval=(0.93, 0.95), run_id=run.run_id,
        as_of=str(datetime.now(UTC).date() - timedelta(days=days)),
    )  # fmt: skip
    decision = Ledger(store).append(0, action="promote", champion=champion, reason="", by=run.run_id)
    aged = decision.model_copy(update={"at": datetime.now(UTC) - timedelta(days=3, hours=1)})
    store.write("ledger/00000001.json", aged.to_json())
    assert (news(store).days, news(store).data_days) == (3, days)


@pytest.mark.parametrize(
    ("gain", "interval", "gates", "sentence"),
    [
        (-0.0891, (-0.1339, -0.0443), (), "It kept mlp, because cnn is worse by 0.0891 (0.0443 to 0.1339)."),
        (0.0055, (-0.004, 0.0154), (), "It kept mlp, because cnn may be no better: +0.0055 (−0.0040 to +0.0154)."),
        (
            -0.001, (-0.004, 0.003), ("megabytes",),
            "It kept mlp, because cnn may be no better: −0.0010 (−0.0040 to +0.0030). "
            "Also, cnn failed on the size of the model.",
        ),
        (
            0.02, (0.01, 0.03), ("category_loss", "milliseconds"),
            "It kept mlp, although cnn is better by +0.0200 (+0.0100 to +0.0300). "
            "cnn failed on the recall of a category and the time to classify a title.",
        ),
        (None, None, (), "the whole reason"),
    ],
)  # fmt: skip
def test_a_kept_champion_comes_with_the_reason_in_figures(
    gain: float | None, interval: Any, gates: tuple[str, ...], sentence: str, store: Counting
) -> None:
    run = PastRun(store)
    evaluate(run)
    promote(run, "mlp")
    failed = tuple(Gate(name=name, passed=False, value=1.0, limit=1.0) for name in gates)
    kept(run, 1, gain=gain, gain_interval=interval, gates=failed)
    found = news(store).last_run
    assert found is not None
    assert (found.outcome, found.sentence, found.detail) == ("kept", sentence, "the whole reason")


def test_a_failed_run_names_its_task_and_the_stored_reason(store: Counting) -> None:
    run = PastRun(store)
    evaluate(run)
    promote(run, "mlp")
    failed = AirflowRun("scheduled__2", "failed", ended="2036-11-22T03:00:00+00:00", task="ingest")
    assert (found := news(store, failed).last_run) is not None
    assert (found.outcome, found.sentence, found.task) == ("failed", "It failed in the task ingest.", "ingest")
    failures.keep(store, "scheduled__2", Failure("ingest", "", "There is no file titles.csv.", ENDED))
    assert (found := news(store, failed).last_run) is not None
    assert found.sentence == "It failed in the task ingest, because There is no file titles.csv."


def test_a_run_that_is_running_or_only_evaluates_is_not_the_last_one(store: Counting) -> None:
    run = PastRun(store)
    evaluate(run)
    promote(run, "mlp")
    running = AirflowRun("scheduled__2", "running", started="2036-11-22T03:00:00+00:00")
    assert (found := news(store, running).last_run) is not None
    assert (found.run_id, found.outcome) == (run.run_id, "promoted")


def test_a_run_with_nothing_new_says_so(store: Counting) -> None:
    run = PastRun(store)
    Preview(nothing_new="The same titles, sets and champion as before; decision 1 was: it is better").save(
        run.plan, store
    )
    assert (found := news(store).last_run) is not None
    assert (found.outcome, found.sentence) == (
        "nothing new", "It found nothing new: the same titles, sets and champion as before.",
    )  # fmt: skip


def test_a_run_that_waits_for_approval_repeats_its_question(store: Counting) -> None:
    run = PastRun(store)
    evaluated: Evaluated = evaluate(run)
    Verdict(verdict="ask", question="Promote cnn to replace mlp?", reason="why", evaluated=evaluated).save(
        store, run.plan.name
    )
    waits = AirflowRun(run.run_id, "running", started=ENDED)
    assert (found := news(store, waits).last_run) is not None
    assert (found.outcome, found.sentence) == ("waiting", "It waits for approval: Promote cnn to replace mlp?")
    assert date.fromisoformat(found.at[:10])


def test_a_run_that_is_cleared_and_keeps_the_champion_again_adds_no_line_to_the_history(store: Counting) -> None:
    first, second = PastRun(store), PastRun(store, "scheduled__2026-11-21", seed=1)
    promote(first, "mlp")
    kept(second, 1)
    kept(first, 2)  # the run that promoted it, cleared
    kept(second, 3)
    kept(second, 4)
    page = Pages(store).decisions(10)
    assert (page.all, page.decided) == (2, 5)
    assert [(row.number, row.action, [one.number for one in row.again]) for row in page.decisions] == [
        (5, "keep", [4, 2]), (1, "promote", [3]),
    ]  # fmt: skip
    assert [row.number for row in Pages(store).decisions(1).decisions] == [5]


def test_after_another_champion_the_same_run_has_news(store: Counting) -> None:
    first, second = PastRun(store), PastRun(store, "scheduled__2026-11-21", seed=1)
    promote(first, "mlp")
    kept(second, 1)
    promote(first, "cnn", expected_last=2)
    kept(second, 3)
    Ledger(store).append(4, action="keep", reason="a person's", by="ana")
    Ledger(store).append(5, action="keep", reason="a person's", by="ana")
    assert [row.number for row in Pages(store).decisions(10).decisions] == [6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize(("train", "differs"), [("another key", True), ("", False)])
def test_only_an_alias_that_points_at_another_model_is_a_warning(
    train: str, differs: bool, store: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = PastRun(store)
    champion = promote(run, "mlp")
    pages = Pages(store, "http://mlflow:5000")
    found = MlflowChampion(version="3", url="http://mlflow/3", train=train or champion.train)
    monkeypatch.setattr(MlflowAlias, "_request", lambda _: found)
    sent = pages.mlflow()
    assert sent.differs is differs
    assert ("points at another model (version 3) than the ledger" in sent.note) is differs


def test_a_damaged_ledger_leaves_what_the_last_run_did(store: Counting) -> None:
    run = PastRun(store)
    evaluate(run)
    promote(run, "mlp")
    store.write("ledger/00000002.json", b"{")
    failed = AirflowRun("scheduled__2", "failed", ended="2036-11-22T03:00:00+00:00", task="promote")
    found = news(store, failed)
    assert (found.days, found.way_back, found.better_than) == (None, None, None)
    assert found.last_run is not None
    assert found.last_run.task == "promote"


def test_a_promotion_by_hand_names_who_decided(store: Counting, tmp_path: Path) -> None:
    run = PastRun(store)
    run.with_real_models(tmp_path / "models")
    evaluate(run)
    promote(run, "mlp")
    pages = Pages(store)
    pages.promote(run.models["cnn"], by="ana", reason="we need it", expected=1)
    found = pages.news([])
    assert found.better_than is not None
    assert (found.better_than.set, found.better_than.by_hand, found.better_than.gain) == ("mlp", "ana", None)
