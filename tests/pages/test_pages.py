"""The page Models: the champion, the rows of all runs, what is read for them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from meli_tasks import ledger as ledger_module
from meli_tasks.artifacts.manifest import need
from meli_tasks.ledger import Ledger
from meli_tasks.pages import Pages, RunFilter, Wanted
from meli_tasks.planning.preview import Preview
from meli_tasks.store import Store
from tests.pages.published import Counting, evaluate, promote
from tests.pages.served import ServedPages
from tests.past_run import PastRun
from tests.rewriting import stored_json


def ids(page: dict[str, Any]) -> list[str]:
    return [row["set"] for row in page["rows"]]


def test_an_empty_store_has_no_champion_and_no_rows(file_store: Store) -> None:
    page = ServedPages(file_store).models(RunFilter())
    assert page["champion"] is None
    assert page["rows"] == []
    assert ServedPages(file_store).decisions(10) == {"all": 0, "decided": 0, "decisions": []}


def test_the_champion_card_has_the_data_the_date_and_the_reason(store: Counting) -> None:
    run = PastRun(store)
    evaluate(run)
    champion = promote(run, "mlp")
    Ledger(store).append(1, action="keep", reason="nobody is better", by="later", evidence={})
    found = ServedPages(store).models(RunFilter())["champion"]
    assert (found["set"], found["train"], found["decision"]) == ("mlp", champion.train, 1)
    assert (found["reason"], found["kept"], found["action"]) == ("it is better", 1, "promote")
    assert (found["source"], found["as_of"]) == ("s3://titles/2026-11-20.csv.gz", "2026-11-20")


def test_after_a_rollback_the_card_shows_the_rollback(store: Counting) -> None:
    first = PastRun(store)
    promote(first, "cnn")
    promote(first, "mlp", expected_last=1)
    Ledger(store).rollback(by="ana")
    found = ServedPages(store).models(RunFilter())["champion"]
    assert (found["set"], found["action"], found["by"], found["decision"]) == ("cnn", "rollback", "ana", 3)
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
        (RunFilter(wanted=Wanted(set_name="cnn")), ["b"]),
        (RunFilter(since=date(2026, 11, 20)), ["b"]),
        (RunFilter(until=date(2026, 11, 19)), ["a"]),
        (RunFilter(limit=1), ["b"]),
        (RunFilter(text="nothing"), []),
    ],
)
def test_filters_choose_among_all_runs(wanted: RunFilter, found: list[str], store: Counting) -> None:
    for day, (name, sets) in enumerate({"a": {"mlp": 0.9}, "b": {"mlp": 0.9, "cnn": 0.8}}.items()):
        run = PastRun(store, run_id=name, accuracies=sets)
        plan = stored_json(store, run.plan.name)
        at = datetime(2026, 11, 19 + day, tzinfo=UTC)
        report_json = {**plan, "at": at.isoformat(), "as_of": str(at.date()), "name": run.plan.name}
        store.write(run.plan.name, json.dumps(report_json).encode())
    page = ServedPages(store).models(wanted)
    assert list(dict.fromkeys(row["run_id"] for row in page["rows"])) == found
    assert page["runs"]["all"] == 2
    if wanted.wanted.set_name:
        assert set(ids(page)) == {"cnn"}


def test_a_second_look_reads_only_what_may_have_changed(store: Counting) -> None:
    for name in ("a", "b", "c"):
        evaluate(PastRun(store, run_id=name))
    pages = ServedPages(store)
    pages.models(RunFilter())
    store.reads.clear()
    assert len(pages.models(RunFilter())["rows"]) == 2
    assert store.reads == []


def test_a_new_run_appears_and_its_figures_follow(store: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meli_tasks.pages.read_cache.LISTED_SECONDS", -1.0)
    pages = ServedPages(store)
    assert pages.models(RunFilter())["rows"] == []
    run = PastRun(store)
    assert {row["state"] for row in pages.models(RunFilter())["rows"]} == {"not evaluated"}
    evaluate(run)
    assert {row["state"] for row in pages.models(RunFilter())["rows"]} == {"evaluated"}


def test_a_run_that_is_planned_again_has_its_new_preview_and_link(
    store: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meli_tasks.pages.read_cache.LISTED_SECONDS", -1.0)
    monkeypatch.setattr("meli_tasks.pages.run_page.LIVE_SECONDS", -1.0)
    run = PastRun(store)
    Preview(computed=2, estimate_seconds=60.0).save(run.plan, store)
    pages = ServedPages(store)
    assert pages.run(run.plan.name)["estimate_seconds"] == 60.0
    assert pages.models(RunFilter())["rows"][0]["dag_run_url"] == run.plan.dag_run_url
    # The run's task plan is cleared: it writes the same objects again, with what is true now.
    run.plan.model_copy(update={"dag_run_url": "https://airflow.example.org/runs/1"}).save(store)
    Preview(cached=2, saved_seconds=120.0, nothing_new="all is known").save(run.plan, store)
    page = pages.run(run.plan.name)
    assert (page["estimate_seconds"], page["nothing_new"], page["saved_seconds"]) == (None, "all is known", 120.0)
    found = pages.models(RunFilter())
    assert (found["rows"], found["nothing_new"]["runs"]) == ([], 1)
    evaluate(run)
    assert {row["dag_run_url"] for row in pages.models(RunFilter())["rows"]} == {"https://airflow.example.org/runs/1"}


def test_an_evaluation_of_long_ago_that_is_made_again_is_displayed(
    store: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meli_tasks.pages.read_cache.LISTED_SECONDS", -1.0)
    run = PastRun(store, accuracies={"mlp": 0.9})
    evaluate(run)
    pages = ServedPages(store)
    assert [row["balanced_accuracy"] for row in pages.models(RunFilter())["rows"]] == [0.9]
    run.accuracies["mlp"] = 0.8
    evaluate(run)
    assert [row["balanced_accuracy"] for row in pages.models(RunFilter())["rows"]] == [0.8]


def test_nights_with_nothing_new_are_counted_apart_from_the_models(store: Counting) -> None:
    evaluate(PastRun(store, run_id="first"))
    for night in ("second", "third"):
        run = PastRun(store, run_id=night)
        Preview(cached=4, saved_seconds=61.0, nothing_new="all is known").save(run.plan, store)
    page = ServedPages(store).models(RunFilter())
    assert {row["run_id"] for row in page["rows"]} == {"first"}
    assert (page["nothing_new"]["runs"], page["nothing_new"]["saved_seconds"]) == (2, 122.0)
    assert page["runs"]["all"] == 3
    newest = page["nothing_new"]["newest"][0]
    assert (newest["run_id"], newest["reason"], newest["saved_seconds"]) == ("third", "all is known", 61.0)
    tab = ServedPages(store).run(run.plan.name)
    assert (tab["nothing_new"], {row["state"] for row in tab["rows"]}) == ("all is known", {"nothing new"})


def test_only_models_tested_on_the_same_titles_share_a_ranking(store: Counting) -> None:
    nights = {
        "a": PastRun(store, run_id="a", accuracies={"mlp": 0.99, "cnn": 0.9}, seed=1),
        "b": PastRun(store, run_id="b", accuracies={"mlp": 0.94, "cnn": 0.95}, seed=2),
        "c": PastRun(store, run_id="c", accuracies={"bow": 0.96}, seed=2),  # the titles of b
    }
    for day, run in enumerate(nights.values()):
        run.plan = run.plan.model_copy(update={"as_of": f"2026-11-2{day}"})
        run.plan.save(store)
        evaluate(run, failed=("rnn",))
    page = ServedPages(store).models(RunFilter())
    [newest, oldest] = page["test_sets"]
    assert (newest["titles"], newest["first_day"], newest["last_day"]) == (33, "2026-11-21", "2026-11-22")
    assert (oldest["titles"], oldest["first_day"], oldest["last_day"]) == (33, "2026-11-20", "2026-11-20")
    assert [(row["test_set"], row["set"]) for row in page["rows"]] == [
        *((newest["id"], name) for name in ("bow", "cnn", "mlp")),
        *((oldest["id"], name) for name in ("mlp", "cnn")),
    ]


def test_titles_that_were_left_out_make_another_test_set(store: Counting) -> None:
    for number, name in enumerate(("a", "b")):
        run = PastRun(store, run_id=name, accuracies={"mlp": 0.9})
        evaluate(run)
        report = stored_json(store, f"{run.plan.folder}/evaluated.json")
        report["scores"]["mlp"]["categories"]["PERFUMES"]["titles"] -= number
        store.write(f"{run.plan.folder}/evaluated.json", json.dumps(report).encode())
    assert [found["titles"] for found in ServedPages(store).models(RunFilter())["test_sets"]] in ([33, 32], [32, 33])


def test_a_run_whose_evaluation_is_gone_shares_no_ranking(store: Counting) -> None:
    for name in ("a", "b"):
        run = PastRun(store, run_id=name, accuracies={"mlp": 0.9})
        store.delete(f"evaluate/{evaluate(run).key}/manifest.json")
    assert len(ServedPages(store).models(RunFilter())["test_sets"]) == 2


def test_one_row_has_the_champions_mark_its_newest_figure(store: Counting) -> None:
    first = PastRun(store, run_id="first", accuracies={"mlp": 0.95}, seed=1)
    evaluate(first)
    champion = promote(first, "mlp")
    for day, accuracy in ((21, 0.93), (22, 0.91)):
        run = PastRun(store, run_id=f"night_{day}", accuracies={"cnn": 0.9}, seed=day)
        run.plan = run.plan.model_copy(update={"as_of": f"2026-11-{day}"})
        run.plan.save(store)
        evaluate(run, **{"mlp (champion)": (champion.train, accuracy)})
    pages = ServedPages(store)
    page = pages.models(RunFilter())
    marked = [(row["run_id"], row["balanced_accuracy"]) for row in page["rows"] if row["champion"]]
    assert marked == [("night_22", 0.91)]
    found = page["champion"]
    assert (found["balanced_accuracy"], found["current"]["balanced_accuracy"]) == (0.95, 0.91)
    assert found["current"]["test_set"]["last_day"] == "2026-11-22"
    assert not any(row["champion"] for row in pages.run(first.plan.name)["rows"])
    assert [row["set"] for row in pages.run(run.plan.name)["rows"] if row["champion"]] == ["mlp (champion)"]


def test_a_champion_that_no_run_evaluated_has_no_current_figure(store: Counting) -> None:
    promote(PastRun(store), "mlp")
    assert ServedPages(store).models(RunFilter())["champion"]["current"] is None


def test_titles_left_out_because_a_model_was_fitted_on_them_are_counted(store: Counting) -> None:
    for name, fitted in (("a", ""), ("b", "1" * 32), ("c", "2" * 32)):
        run = PastRun(store, run_id=name, accuracies={"mlp": 0.9, name: 0.8})
        manifest = need(store, "evaluate", evaluate(run).key)
        inputs = {**manifest.inputs, "listings:mlp (champion)": fitted} if fitted else manifest.inputs
        summary = {**manifest.summary, "left_out": 488 if fitted else 0}
        changed = replace(manifest, key=f"evaluation of {name}", inputs=inputs, summary=summary)
        store.write(changed.name, changed.to_bytes())
        report = stored_json(store, f"{run.plan.folder}/evaluated.json")
        store.write(f"{run.plan.folder}/evaluated.json", json.dumps({**report, "key": changed.key}).encode())
    found = ServedPages(store).models(RunFilter())["test_sets"]
    assert sorted(test_set["left_out"] for test_set in found) == [0, 488, 488]


def test_the_champions_figure_is_found_behind_many_runs_that_did_not_evaluate_it(
    store: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meli_tasks.pages.runs.RUNS_AT_ONCE", 2)
    first = PastRun(store, run_id="first", accuracies={"mlp": 0.95}, seed=1)
    evaluate(first)
    promote(first, "mlp")
    for day in range(21, 26):
        run = PastRun(store, run_id=f"night_{day}", accuracies={"cnn": 0.9}, seed=day)
        run.plan = run.plan.model_copy(update={"as_of": f"2026-11-{day}"})
        run.plan.save(store)
        if day != 23:
            evaluate(run)
    assert ServedPages(store).models(RunFilter())["champion"]["current"]["run_id"] == "first"


def test_the_champion_of_a_day_comes_with_the_decision_that_made_it(
    store: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = PastRun(store)
    for day, label, last in ((20, "mlp", 0), (22, "cnn", 1)):
        monkeypatch.setattr(ledger_module, "now", lambda day=day: datetime(2026, 11, day, 12, tzinfo=UTC))
        promote(run, label, last)
    Ledger(store).append(2, action="keep", reason="no challenger is better", by="a run")
    pages = Pages(store)
    found = {day: pages.champion_on(date(2026, 11, day)) for day in (19, 20, 21, 22)}
    assert {day: (one.set, one.decision.number if one.decision else 0) for day, one in found.items()} == {
        19: (None, 0), 20: ("mlp", 1), 21: ("mlp", 1), 22: ("cnn", 2),
    }  # fmt: skip
    now = pages.champion_on(None)
    assert (now.on, now.set, now.train) == ("", "cnn", run.models["cnn"])
    assert now.decision is not None
    assert (now.decision.number, pages.models(RunFilter()).last_decision) == (2, 3)
