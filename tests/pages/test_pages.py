"""The page Models: the champion, the rows of all runs, what is read for them."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from meli_tasks.ledger import Ledger
from meli_tasks.pages import RunFilter
from meli_tasks.store import Store
from tests.pages.published import Counting, evaluate, promote
from tests.pages.served import ServedPages
from tests.past_run import PastRun


def ids(page: dict[str, Any]) -> list[str]:
    return [row["set"] for row in page["rows"]]


def test_an_empty_store_has_no_champion_and_no_rows(file_store: Store) -> None:
    page = ServedPages(file_store).models(RunFilter())
    assert page["champion"] is None
    assert page["rows"] == []
    assert ServedPages(file_store).decisions(10) == {"all": 0, "decisions": []}


def test_the_champion_card_has_the_data_the_date_and_the_reason(store: Counting) -> None:
    run = PastRun(store)
    evaluate(run)
    champion = promote(run, "mlp")
    Ledger(store).append(1, action="keep", reason="nobody is better", by="later", evidence={})
    card = ServedPages(store).models(RunFilter())["champion"]
    assert (card["set"], card["train"], card["decision"]) == ("mlp", champion.train, 1)
    assert (card["reason"], card["kept"], card["action"]) == ("it is better", 1, "promote")
    assert (card["source"], card["as_of"]) == ("s3://titles/2026-11-20.csv.gz", "2026-11-20")


def test_after_a_rollback_the_card_shows_the_rollback(store: Counting) -> None:
    first = PastRun(store)
    promote(first, "cnn")
    promote(first, "mlp", expected_last=1)
    Ledger(store).rollback(by="ana")
    card = ServedPages(store).models(RunFilter())["champion"]
    assert (card["set"], card["action"], card["by"], card["decision"]) == ("cnn", "rollback", "ana", 3)
    listed = ServedPages(store).decisions(2)
    assert [row["action"] for row in listed["decisions"]] == ["rollback", "promote"]
    assert listed["all"] == 3


def test_rows_distinguish_evaluated_failed_and_not_evaluated_models(store: Counting) -> None:
    run = PastRun(store, accuracies={"mlp": 0.94, "cnn": 0.92})
    pages = ServedPages(store)
    assert {row["state"] for row in pages.models(RunFilter())["rows"]} == {"not evaluated"}
    report = run.evaluation()
    scores = {"mlp": run._scores(0.94)}
    report_json = {**report.model_dump(), "models": {"mlp": run.models["mlp"]}, "failed": ["cnn"], "scores": scores}
    store.write(f"{run.plan.folder}/evaluated.json", json.dumps(report_json).encode())
    rows = {row["set"]: row for row in ServedPages(store).models(RunFilter())["rows"]}
    assert (rows["mlp"]["state"], rows["mlp"]["balanced_accuracy"]) == ("evaluated", 0.94)
    assert (rows["cnn"]["state"], rows["cnn"]["balanced_accuracy"]) == ("failed", None)


def test_the_champion_evaluated_in_a_later_run_is_an_external_model_there(store: Counting) -> None:
    old = PastRun(store, run_id="old", accuracies={"mlp": 0.9})
    champion = promote(old, "mlp")
    new = PastRun(store, run_id="new", accuracies={"cnn": 0.92}, seed=2)
    evaluate(new, **{"mlp (champion)": (champion.train, 0.89)})
    rows = {(row["run_id"], row["set"]): row for row in ServedPages(store).models(RunFilter())["rows"]}
    assert rows["new", "mlp (champion)"]["external"]
    assert rows["new", "mlp (champion)"]["champion"]
    assert not rows["new", "cnn"]["external"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (RunFilter(), ["b", "a"]),
        (RunFilter(text="A"), ["a"]),
        (RunFilter(text="titles b"), ["b"]),
        (RunFilter(set_name="cnn"), ["b"]),
        (RunFilter(since=date(2026, 11, 20)), ["b"]),
        (RunFilter(until=date(2026, 11, 19)), ["a"]),
        (RunFilter(limit=1), ["b"]),
        (RunFilter(text="nothing"), []),
    ],
)
def test_filters_choose_among_all_runs(wanted: RunFilter, found: list[str], store: Counting) -> None:
    for day, (name, sets) in enumerate({"a": {"mlp": 0.9}, "b": {"mlp": 0.9, "cnn": 0.8}}.items()):
        run = PastRun(store, run_id=name, accuracies=sets)
        plan = json.loads(store.read(run.plan.name).data)
        at = datetime(2026, 11, 19 + day, tzinfo=UTC)
        report_json = {**plan, "at": at.isoformat(), "as_of": str(at.date()), "name": run.plan.name}
        store.write(run.plan.name, json.dumps(report_json).encode())
    page = ServedPages(store).models(wanted)
    assert list(dict.fromkeys(row["run_id"] for row in page["rows"])) == found
    assert page["runs"]["all"] == 2
    if wanted.set_name:
        assert set(ids(page)) == {"cnn"}


def test_a_second_look_reads_only_what_may_have_changed(store: Counting) -> None:
    for name in ("a", "b", "c"):
        evaluate(PastRun(store, run_id=name))
    pages = ServedPages(store)
    pages.models(RunFilter())
    store.reads.clear()
    assert len(pages.models(RunFilter())["rows"]) == 6
    assert store.reads == []


def test_a_new_run_appears_and_its_figures_follow(store: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meli_tasks.pages.read_cache.LISTED_SECONDS", -1.0)
    monkeypatch.setattr("meli_tasks.pages.runs.OLD_RUN_SECONDS", -1.0)
    pages = ServedPages(store)
    assert pages.models(RunFilter())["rows"] == []
    run = PastRun(store)
    assert {row["state"] for row in pages.models(RunFilter())["rows"]} == {"not evaluated"}
    evaluate(run)
    assert {row["state"] for row in pages.models(RunFilter())["rows"]} == {"evaluated"}


def test_a_night_with_nothing_new_adds_no_rows(store: Counting) -> None:
    run = PastRun(store)
    store.write(f"{run.plan.folder}/preview.json", json.dumps({"steps": [], "nothing_new": "all is known"}).encode())
    page = ServedPages(store).models(RunFilter())
    assert (page["rows"], page["runs"]["all"]) == ([], 1)
    assert ServedPages(store).run(run.plan.name)["nothing_new"] == "all is known"


def test_a_recent_run_is_read_again_soon() -> None:
    from meli_tasks.pages.runs import Run

    def at(hours: float) -> Run:
        moment = datetime.now(UTC) - timedelta(hours=hours)
        return Run("", "", moment.isoformat(), "", "", "", {}, {})

    assert at(1).is_recent()
    assert not at(30).is_recent()
