"""The runs over nights: every figure is a stored one, and what must not be compared is not joined."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import need
from meli_tasks.decision import Evidence
from meli_tasks.execution.runner import Step
from meli_tasks.ledger import Ledger
from meli_tasks.pages import AirflowRun, NightFilter, Pages
from meli_tasks.pages.night_models import NightRow, NightsPage
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.planning.plan import Plan
from meli_tasks.planning.preview import Preview
from meli_tasks.planning.recipes import Recipe
from meli_tasks.stages.summaries import IngestSummary, PreprocessSummary
from tests.pages.published import Counting, evaluate, promote
from tests.past_run import PastRun
from tests.rewriting import stored_json


def night(store: Counting, day: int, seed: int = 0, **accuracies: float) -> PastRun:
    """A run on the titles of a day; another seed is another file of the source."""
    run = PastRun(store, f"scheduled__2026-11-{day}", accuracies or {"mlp": 0.94, "cnn": 0.92}, seed)
    dated = {"as_of": f"2026-11-{day}", "at": f"2026-11-{day}T03:00:00+00:00"}
    store.write(run.plan.name, run.plan.model_copy(update=dated).model_dump_json().encode())
    return run


def page(store: Counting, which: NightFilter | None = None, *airflow: AirflowRun) -> NightsPage:
    return Pages(store).nights(which or NightFilter(), airflow)


def days(found: NightsPage) -> list[str]:
    return [row.day[-2:] for row in found.nights]


def with_category(run: PastRun, name: str) -> None:
    """Give all evaluated models of a run one more category."""
    report = stored_json(run.store, paths.evaluated(run.plan.name))
    for found in report["scores"].values():
        found["categories"][name] = {"recall": 0.5, "titles": 2}
    run.store.write(paths.evaluated(run.plan.name), json.dumps(report).encode())


def test_an_empty_store_has_no_nights(store: Counting) -> None:
    found = page(store)
    assert (found.all, found.matching, found.nights, found.test_sets) == (0, 0, [], [])


def test_every_figure_equals_the_stored_one(store: Counting) -> None:
    run = night(store, 20)
    step = Step("preprocess", "default", {}, {"ingest": run.plan.ingest.key})
    run.publish(step, {}, {"unknown_fraction": {"validation": 0.02}})
    run.publish(run.plan.ingest, {}, {"rows": 20_000, "bad_rows": 17, "categories": 96})
    plan = Plan.load(store, run.plan.name)
    recipe = Recipe("default", step, ())
    store.write(plan.name, plan.model_copy(update={"recipes": (recipe,)}).model_dump_json().encode())
    evaluate(run)
    promote(run, "mlp")
    airflow = AirflowRun(run.run_id, "success", ended="2026-11-20T03:10:00+00:00", seconds=600.0, asked_seconds=120.0)
    [row] = page(store, None, airflow).nights
    report = EvaluationReport.load(store, run.plan.name)
    listings = need(store, "ingest", run.plan.ingest.key).read_summary(IngestSummary)
    prepared = need(store, "preprocess", step.key).read_summary(PreprocessSummary)
    assert report is not None
    assert row.challenger is not None
    assert row.challenger.set == "mlp"
    assert row.challenger.balanced_accuracy == report.scores["mlp"].balanced_accuracy
    assert row.challenger.interval == report.scores["mlp"].interval
    assert (row.titles, row.bad_rows, row.categories) == (listings.rows, listings.bad_rows, listings.categories)
    assert row.unknown_words == prepared.unknown_fraction["validation"]
    assert row.seconds == 600.0 - 120.0


def test_the_champions_figure_is_less_what_its_selection_added(store: Counting) -> None:
    first = night(store, 20, mlp=0.94)
    evaluate(first)
    champion = promote(first, "mlp")
    second = night(store, 21, 1, cnn=0.95)
    label = "mlp (champion)"
    evaluated = evaluate(second, **{label: (champion.train, 0.93)})
    report = {**stored_json(store, paths.evaluated(second.plan.name)), "champion": label}
    store.write(paths.evaluated(second.plan.name), json.dumps(report).encode())
    evidence = Evidence(
        plan=second.plan.name, promote="k" * 32, champion=label, nominated="cnn", selection_bias=0.004,
        models=evaluated.models,
    )  # fmt: skip
    Ledger(store).append(1, action="keep", reason="", by="", evidence=evidence)
    row = page(store).nights[-1]
    assert row.champion is not None
    assert row.challenger is not None
    assert (row.champion.set, row.champion.balanced_accuracy) == ("mlp", pytest.approx(0.93 - 0.004))
    assert row.champion.selection_bias == 0.004
    assert (row.challenger.set, row.challenger.balanced_accuracy, row.outcome) == ("cnn", 0.95, "kept")


def test_nights_are_ordered_by_the_day_of_their_titles_filtered_and_limited(store: Counting) -> None:
    for day in (22, 20, 21, 23):
        night(store, day, day)
    assert days(page(store)) == ["20", "21", "22", "23"]
    assert days(page(store, NightFilter(limit=2))) == ["22", "23"]
    since = page(store, NightFilter(since=date(2026, 11, 21), until=date(2026, 11, 22)))
    assert (days(since), since.all, since.matching) == (["21", "22"], 4, 2)


def test_only_figures_on_the_same_titles_are_joined(store: Counting) -> None:
    for day, seed in ((20, 0), (21, 0), (22, 1)):
        evaluate(night(store, day, seed))
    night(store, 23, 1)  # has not evaluated
    evaluate(night(store, 24, 1))
    found = page(store)
    assert [row.joined for row in found.nights] == [False, True, False, False, True]
    assert {row.test_set for row in found.nights} == {one.id for one in found.test_sets} | {""}


def test_new_categories_are_those_that_no_run_of_the_source_before_had(store: Counting) -> None:
    runs = [night(store, day, day) for day in (20, 21, 22)]
    for run in runs:
        evaluate(run)
    for run in runs[1:]:
        with_category(run, "SKATEBOARDS")
    assert [(row.new_categories, row.new_names) for row in page(store).nights] == [
        (None, []), (1, ["SKATEBOARDS"]), (0, []),
    ]  # fmt: skip
    # The view does not change what is new.
    assert [row.new_categories for row in page(store, NightFilter(limit=2)).nights] == [1, 0]


def test_another_source_is_compared_with_itself_only(store: Counting) -> None:
    evaluate(night(store, 20))
    other = night(store, 21, 1)
    plan = stored_json(store, other.plan.name)
    plan["request"]["source"] = "s3://others/{ds}.csv"
    store.write(other.plan.name, json.dumps(plan).encode())
    evaluate(other)
    assert [row.new_categories for row in page(store).nights] == [None, None]


def test_a_night_without_news_and_one_that_failed_are_visible_as_such(store: Counting) -> None:
    Preview(nothing_new="The same titles, sets and champion as before; decision 1").save(night(store, 20).plan, store)
    failed = AirflowRun(
        "scheduled__x", "failed", started="2026-11-21T03:00:00+00:00", ended="2026-11-21T03:01:00+00:00",
        task="plan", seconds=60.0,
    )  # fmt: skip
    running = AirflowRun("scheduled__y", "running", started="2026-11-22T03:00:00+00:00")
    rows: list[NightRow] = page(store, None, failed, running).nights
    assert [(row.day, row.outcome, row.task) for row in rows] == [
        ("2026-11-20", "nothing new", ""), ("2026-11-21", "failed", "plan"),
    ]  # fmt: skip
    assert rows[1].sentence == "It failed in the task plan."
    assert (rows[1].titles, rows[1].champion, rows[1].seconds) == (None, None, 60.0)


def test_a_second_look_reads_only_what_may_have_changed(store: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meli_tasks.pages.read_cache.LISTED_SECONDS", 3600.0)
    for day in (20, 21, 22):
        evaluate(night(store, day, day))
    pages = Pages(store)
    pages.nights(NightFilter(), [])
    store.reads.clear()
    found: Any = pages.nights(NightFilter(), [])
    assert len(found.nights) == 3
    assert store.reads == []
