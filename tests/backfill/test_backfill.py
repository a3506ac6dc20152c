"""Backfills: the preview of their dates, and what makes a date done."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from meli_tasks.backfill.preview import BackfillPreview, is_done, plan_of_run
from meli_tasks.backfill.report import report
from meli_tasks.core.errors import BadData
from meli_tasks.decision import Evidence
from meli_tasks.ledger import Ledger
from meli_tasks.pipeline import Pipeline
from meli_tasks.planning.plan import Plan, make_plan
from meli_tasks.planning.request import Request
from meli_tasks.settings import Settings
from meli_tasks.sources.place import NoFiles
from meli_tasks.store import Store
from tests.backfill.days import previewed, run


def test_the_conf_of_a_run_has_its_date_and_promotes_nothing(settings: Settings, store: Store) -> None:
    preview = previewed(settings, store, **{"train.epochs": 2})
    requests = [Request.check(day.conf or {}, settings) for day in preview.dates]
    assert [str(request.as_of) for request in requests] == ["2026-11-01", "2026-11-02", "2026-11-03"]
    assert {request.promotion for request in requests} == {"never"}
    assert {request.overrides["train.epochs"] for request in requests} == {2}


def test_the_id_of_a_run_identifies_the_plan_that_it_will_make(settings: Settings, store: Store) -> None:
    preview = previewed(settings, store)
    for day in preview.dates:
        plan, _ = Pipeline(settings, run_id=day.run_id).plan(json.loads(json.dumps(day.conf)), date(1999, 1, 1))
        assert plan.name == day.plan
        assert day.run_id == f"meli_backfill__{day.date}__{Path(plan.name).stem}"


def test_the_same_request_addresses_the_same_runs_and_any_other_request_other_runs(
    settings: Settings, store: Store
) -> None:
    requests = [
        {},
        {"sets": ["quick_mlp"]},
        {"train.epochs": 2},
        {"promotion": "always"},
        {"source": "sample:rows=50,seed=2,day={ds}"},
    ]
    ids = [{day.run_id for day in previewed(settings, store, **more).dates} for more in requests]
    assert len(set.union(*ids)) == 3 * len(requests)
    wider = {day.run_id for day in previewed(settings, store, from_date="2026-10-30", at_once=1, ask=False).dates}
    assert ids[0] < wider


def test_shared_steps_are_computed_a_single_time_and_a_source_without_dates_is_noted(
    settings: Settings, store: Store
) -> None:
    preview = previewed(settings, store, source="sample:rows=50,seed=1")
    assert [day.computed for day in preview.dates] == [6, 0, 0]
    assert preview.warnings == (
        "Every date has the same titles of sample:rows=50,seed=1: it has neither {ds} nor a date_column",
    )
    own = previewed(settings, store)
    assert [day.computed for day in own.dates] == [6, 6, 6]
    assert own.warnings == ()
    assert len({day.run_id for day in preview.dates}) == 3


def test_a_date_without_titles_is_left_out_by_name_and_none_at_all_is_refused(
    settings: Settings, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "titles-2026-11-02.csv").write_text("title,category\nfunda,CASES\n", encoding="utf-8")
    preview = previewed(settings, store, source=f"{tmp_path}/titles-{{ds}}.csv")
    assert [bool(day.problem) for day in preview.dates] == [True, False, True]
    assert "titles-2026-11-01.csv" in preview.dates[0].problem
    assert [day.date for day in preview.runs] == ["2026-11-02"]
    assert "2 dates cannot be run and will be left out" in preview.warnings
    found = report(preview, store, {preview.dates[1].run_id})
    assert (found.state, found.failures) == ("success", [])
    assert [day.state for day in found.dates] == ["not run", "reused", "not run"]
    assert "titles-2026-11-01.csv" in found.lines()[0]
    assert found.summary().endswith("2 dates without titles")
    with pytest.raises(BadData, match="None of the 3 dates can be run"):
        previewed(settings, store, source=f"{tmp_path}/nothing-{{ds}}.csv")


def test_a_date_is_done_when_all_its_sets_are_evaluated(settings: Settings, store: Store) -> None:
    preview = previewed(settings, store)
    run(settings, store, preview, 0)
    run(settings, store, preview, 1, failed=("quick_cnn",))
    again = previewed(settings, store)
    assert [day.done for day in again.dates] == [True, False, False]
    assert [day.date for day in again.runs] == ["2026-11-02", "2026-11-03"]
    assert [day.computed for day in again.dates] == [0, 2, 6]
    assert again.estimate_seconds is not None


def test_a_date_that_failed_before_it_decided_is_not_done(settings: Settings, store: Store) -> None:
    preview = previewed(settings, store, promotion="always")
    plan = run(settings, store, preview, 0)
    again = previewed(settings, store, promotion="always")
    assert [(day.done, day.computed) for day in again.dates] == [(False, 0), (False, 6), (False, 6)]
    found = report(again, store, set()).dates[0]
    assert found.failed == {"": "its models were evaluated, but it failed before it decided on the champion"}
    assert set(found.scores) == {"quick_mlp", "quick_cnn"}

    ledger = Ledger(store)
    evidence = Evidence(action="keep", reason="no", plan="plans/another/0.json")
    ledger.append(0, action="keep", reason="no", by="another", evidence=evidence)
    assert not is_done(store, plan)
    ledger.append(1, action="keep", reason="no", by="x", evidence=evidence.model_copy(update={"plan": plan.name}))
    assert is_done(store, plan)
    assert [day.done for day in previewed(settings, store, promotion="always").dates] == [True, False, False]


def test_titles_that_changed_after_the_preview_are_what_the_report_is_on(
    settings: Settings, store: Store, tmp_path: Path
) -> None:
    titles = tmp_path / "titles-2026-11-01.csv"
    titles.write_text("title,category\nfunda,CASES\n", encoding="utf-8")
    dates = {"from_date": "2026-11-01", "to_date": "2026-11-01", "source": f"{tmp_path}/titles-{{ds}}.csv"}
    preview = previewed(settings, store, **dates)
    assert plan_of_run(store, preview.dates[0].plan, preview.dates[0].run_id) is None
    titles.write_text("title,category\nfunda,CASES\nlibro,BOOKS\n", encoding="utf-8")
    plan = run(settings, store, preview, 0)
    assert plan.name != preview.dates[0].plan

    found = report(preview, store, {plan.run_id})
    day = found.dates[0]
    assert (day.state, day.computed, day.plan) == ("computed", 6, plan.name)
    assert set(day.scores) == {"quick_mlp", "quick_cnn"}
    assert day.note in found.lines()[0] and "changed after the preview" in day.note
    known = plan_of_run(store, preview.dates[0].plan, preview.dates[0].run_id)
    assert known is not None and is_done(store, known)


def test_a_day_that_cannot_be_read_fails_the_backfill_and_one_without_files_does_not(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def plan_or_problem(
        request: Request, settings: Settings, run_id: str, day: date, store: Store | None = None
    ) -> Plan:
        if day.day == 1:
            raise NoFiles("The source has no files for 2026-11-01.")
        if day.day == 2:
            raise BadData("The source is damaged.")
        return make_plan(request, settings, run_id, day, store=store)

    monkeypatch.setattr("meli_tasks.backfill.planning.make_plan", plan_or_problem)
    preview = previewed(settings, store)
    assert [day.action for day in preview.dates[:2]] == [
        "has no titles: The source has no files for 2026-11-01.",
        "cannot be run: The source is damaged.",
    ]
    preview.save(store)
    assert BackfillPreview.load(store, preview.id) == preview
    found = report(preview, store, {preview.dates[2].run_id})
    assert [day.state for day in found.dates] == ["not run", "failed", "reused"]
    assert found.failures == ["2026-11-02: The source is damaged."]
    assert found.dates[0].note == "The source has no files for 2026-11-01."


def test_a_set_added_later_is_all_that_is_left_to_compute(settings: Settings, store: Store) -> None:
    preview = previewed(settings, store, sets=["quick_mlp"])
    for number in range(3):
        run(settings, store, preview, number)
    more = previewed(settings, store)
    assert [(day.computed, day.cached, day.done) for day in more.dates] == [(2, 4, False)] * 3


def test_the_preview_for_airflow_is_a_table_whatever_the_source_is_called(settings: Settings, store: Store) -> None:
    preview = previewed(settings, store)
    broken = replace(preview, dates=(replace(preview.dates[0], problem="a | b\nc"), *preview.dates[1:]))
    table = [line for line in broken.markdown().splitlines() if line.startswith("|")]
    assert len(table) == 2 + 3
    assert table[2].startswith("| 2026-11-01 | cannot be run: a \\| b c |")
