from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.backfill.preview import BackfillPreview, backfills, is_done, plan_of_run, preview_backfill
from meli_tasks.backfill.report import BackfillReport, Score, report
from meli_tasks.backfill.request import MAX_RUNS, Backfill, backfill_form_fields
from meli_tasks.core.errors import BadData, BadHyperparameters, NotFound
from meli_tasks.decision import Evidence
from meli_tasks.execution.runner import Step
from meli_tasks.ledger import Ledger
from meli_tasks.pipeline import Pipeline
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.planning.form import OPEN
from meli_tasks.planning.history import evaluated
from meli_tasks.planning.plan import Plan, make_plan
from meli_tasks.planning.request import Request
from meli_tasks.settings import Settings
from meli_tasks.sources.place import NoFiles
from meli_tasks.store import Store

REQUEST: dict[str, Any] = {
    "from_date": "2026-11-01",
    "to_date": "2026-11-03",
    "sets": ["quick_mlp", "quick_cnn"],
    "source": "sample:rows=50,seed=1,day={ds}",
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(store=f"file://{tmp_path}/store", cache=tmp_path / "cache")


@pytest.fixture
def store(settings: Settings) -> Store:
    return settings.open_store()


def previewed(settings: Settings, store: Store, **more: Any) -> BackfillPreview:
    return preview_backfill(Backfill.check({**REQUEST, **more}, settings), settings, store, "manual__1")


def compute(store: Store, step: Step, run_id: str) -> None:
    """What the runner leaves of a step."""
    about = {"run_id": run_id, "seconds": 2.0}
    manifest = Manifest(step.stage, step.key, step.params, step.inputs, {}, {}, "attempt", about)
    store.write(manifest.name, manifest.to_bytes())


def run(settings: Settings, store: Store, preview: BackfillPreview, number: int, failed: tuple[str, ...] = ()) -> Plan:
    """What a date's run of meli_training leaves in the store, its plan made as the DAG makes it."""
    day = preview.dates[number]
    plan, _ = Pipeline(settings, run_id=day.run_id).plan(day.conf or {}, None)
    for step in plan.steps():
        if not set(step.name.split(", ")) & set(failed):  # an ensemble is named by its members
            compute(store, step, plan.run_id)
    scores = {name: {"balanced_accuracy": 0.9, "interval": [0.8, 1.0]} for name in plan.sets if name not in failed}
    report = {"key": "0" * 32, "scores": scores, "failed": failed, "run_id": plan.run_id}
    EvaluationReport.model_validate(report).save(store, plan.name)
    return plan


def evaluated_again(store: Store, plan: Plan, scores: dict[str, Any] | None = None, **more: Any) -> None:
    """More of what the run's task evaluate leaves."""
    report = evaluated(store, plan)
    assert report is not None
    merged = {**report.model_dump(), "scores": {**report.model_dump()["scores"], **(scores or {})}, **more}
    EvaluationReport.model_validate(merged).save(store, plan.name)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"every_day": 2}, "did you mean 'every_days'"),
        ({"train.epoch": 2}, "did you mean train.epochs"),
        ({"to_date": "2026-10-31"}, "from_date 2026-11-01 is after to_date 2026-10-31"),
        ({"from_date": "2020-01-01"}, f"at most {MAX_RUNS}"),
        ({"to_date": None}, "to_date must be given"),
        ({"to_date": "yesterday"}, "to_date = 'yesterday'"),
        ({"as_of": "2026-11-01"}, "no parameter 'as_of'"),
        ({"force": True}, "no parameter 'force'"),
        ({"promotion": "auto"}, "promotion 'auto' is not for a backfill"),
        ({"at_once": 0}, "at_once = 0"),
    ],
)
def test_invalid_parameters_are_refused_by_name(settings: Settings, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(BadHyperparameters) as refused:
        Backfill.check({**REQUEST, **wrong}, settings)
    assert said in str(refused.value)


def test_a_date_in_the_future_is_refused(settings: Settings) -> None:
    coming = date.today() + timedelta(days=2)
    with pytest.raises(BadHyperparameters, match=f"{coming} is in the future"):
        Backfill.check({**REQUEST, "from_date": str(coming), "to_date": str(coming)}, settings)


def test_the_last_date_is_included_and_some_may_be_left_out(settings: Settings) -> None:
    request = Backfill.check({**REQUEST, "to_date": "2026-11-10", "every_days": 3}, settings)
    assert [day.day for day in request.dates()] == [1, 4, 7, 10]


@pytest.mark.parametrize("promotion", ["approval", "auto"])
def test_a_backfill_asks_nobody_and_says_what_to_do_instead(settings: Settings, promotion: str) -> None:
    with pytest.raises(BadHyperparameters, match="nobody to ask: use never, and promote a model on the page Models"):
        Backfill.check({**REQUEST, "promotion": promotion}, settings)


def test_the_form_has_the_runs_fields_but_those_a_date_decides(settings: Settings) -> None:
    fields = backfill_form_fields(settings)
    assert {"from_date", "to_date", "every_days", "at_once", "ask", "train.epochs", "source"} <= set(fields)
    assert not {"as_of", "force"} & set(fields)
    assert (fields["from_date"]["type"], fields["from_date"]["format"]) == (["string", "null"], "date")
    assert (fields["promotion"]["enum"], fields["promotion"]["default"]) == (["never", "always"], "never")
    assert fields["at_once"]["type"] == ["integer", "null"]


def test_the_form_opens_with_the_dates_and_without_an_error(settings: Settings) -> None:
    fields = backfill_form_fields(settings)
    assert next(iter(fields.values()))["section"] == OPEN
    assert {name for name, field in fields.items() if field["section"] == OPEN} >= {"from_date", "to_date", "sets"}
    # Airflow marks an empty field whose type does not allow null.
    assert [
        name for name, field in fields.items() if field["default"] in (None, "") and "null" not in field["type"]
    ] == []
    assert fields["from_date"]["description"].startswith("Required. First date")
    with pytest.raises(BadHyperparameters, match="from_date and to_date must be given as a date such as"):
        Backfill.check({name: field["default"] for name, field in fields.items()}, settings)


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

    monkeypatch.setattr("meli_tasks.backfill.preview.make_plan", plan_or_problem)
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


def test_the_report_says_what_was_computed_what_was_reused_and_why_a_set_failed(
    settings: Settings, store: Store
) -> None:
    preview = previewed(settings, store)
    run(settings, store, preview, 0)
    broken = run(settings, store, preview, 1, failed=("quick_cnn",))
    note = {"error": "The loss is not finite at step 12.", "run_id": broken.run_id}
    store.write(paths.progress_log("train", broken.sets["quick_cnn"].key), json.dumps(note).encode())
    found = report(previewed(settings, store), store, {preview.dates[1].run_id})
    assert [day.state for day in found.dates] == ["reused", "computed", "failed"]
    assert (found.dates[1].computed, found.dates[1].seconds) == (4, 8.0)
    assert set(found.dates[0].scores) == {"quick_mlp", "quick_cnn"}
    assert found.state == "failed"
    assert found.dates[1].failed == {"quick_cnn": "train quick_cnn: The loss is not finite at step 12."}
    assert found.dates[2].failed == {"": "its run made no plan; its log in Airflow says why"}
    assert preview.dates[2].run_id in found.failures[1]


def test_a_set_whose_vectors_failed_has_their_error(settings: Settings, store: Store) -> None:
    preview = previewed(settings, store)
    broken = run(settings, store, preview, 0, failed=("quick_cnn",))
    step = next(step for step in broken.steps() if step.key == broken.sets["quick_cnn"].inputs["embed"])
    note = {"error": "The disk is full.", "run_id": broken.run_id}
    store.write(paths.progress_log("embed", step.key), json.dumps(note).encode())
    found = report(preview, store, {preview.dates[0].run_id})
    assert found.dates[0].failed == {"quick_cnn": f"embed {step.name}: The disk is full."}


def test_an_ensemble_has_its_score_in_the_report_and_one_that_failed_is_made_again(
    settings: Settings, store: Store
) -> None:
    preview = previewed(settings, store)
    whole, broken = run(settings, store, preview, 0), run(settings, store, preview, 1)
    score = {"balanced_accuracy": 0.95, "interval": [0.9, 1.0], "top5": 1.0}
    evaluated_again(store, whole, scores={"ensemble": score, "mlp (champion)": score})
    evaluated_again(store, broken, ensemble_failed=True, trained=list(broken.sets))
    step = broken.steps()[-1]
    store.delete(f"ensemble/{step.key}/manifest.json")
    assert [day.done for day in previewed(settings, store).dates] == [True, False, False]
    assert not is_done(store, broken)
    succeeded = {day.run_id for day in preview.dates}
    found = report(previewed(settings, store), store, succeeded)
    assert found.dates[0].scores.keys() == {"quick_mlp", "quick_cnn", "ensemble"}
    assert found.dates[0].scores["ensemble"] == Score(0.95, (0.9, 1.0))
    assert "ensemble 0.9500" in found.lines()[0]
    assert (found.state, found.dates[1].state) == ("failed", "computed")
    assert found.dates[1].failed == {"ensemble": "it could not be made"}
    note = {"error": "The disk is full.", "run_id": broken.run_id}
    store.write(paths.progress_log("ensemble", step.key), json.dumps(note).encode())
    found = report(preview, store, succeeded)
    assert found.dates[1].failed == {"ensemble": f"ensemble {step.name}: The disk is full."}


def test_a_report_names_the_step_that_all_sets_wait_for(settings: Settings, store: Store) -> None:
    preview = previewed(settings, store)
    day = preview.dates[0]
    plan, _ = Pipeline(settings, run_id=day.run_id).plan(day.conf or {}, None)
    note = {"error": "too many bad rows", "run_id": plan.run_id}
    store.write(paths.progress_log("ingest", plan.ingest.key), json.dumps(note).encode())
    found = report(preview, store, set())
    assert found.dates[0].failed == {"": f"ingest {plan.ingest.name}: too many bad rows"}


def test_nothing_has_failed_of_a_rejected_backfill(settings: Settings, store: Store) -> None:
    found = report(previewed(settings, store), store, set(), rejected_by="ana")
    assert found.state == "rejected"
    assert found.failures == []
    assert found.summary() == "Rejected by ana; nothing was run"


def test_previews_and_reports_survive_the_store(settings: Settings, store: Store) -> None:
    preview = replace(previewed(settings, store), id="manual__2026-11-20T09:00:00+00:00")
    preview.save(store)
    assert BackfillPreview.load(store, preview.id) == preview
    assert backfills(store) == [preview]
    assert BackfillReport.load(store, preview.id) is None
    found = report(preview, store, set())
    found.save(store)
    assert BackfillReport.load(store, preview.id) == found
    with pytest.raises(NotFound, match="There is no backfill elsewhere"):
        BackfillPreview.load(store, "elsewhere")


def test_what_version_0_1_0_stored_of_a_backfill_is_still_read(settings: Settings, store: Store) -> None:
    preview = previewed(settings, store)
    stored = {name: value for name, value in preview.to_json().items() if name not in ("version", "request")}
    asked = {name: value for name, value in preview.to_json()["request"].items() if name not in ("as_of", "force")}
    asked["max_bad_share"] = asked.pop("max_bad_fraction")
    store.write(paths.backfill_preview("manual__1"), json.dumps(stored | {"asked": asked}).encode())
    assert BackfillPreview.load(store, "manual__1") == preview

    score = {"balanced_accuracy": 0.9, "interval": [0.8, 1.0]}
    day = {
        "date": "2026-11-01",
        "run_id": "r",
        "plan": "p",
        "state": "found",
        "computed": 0,
        "found": 6,
        "seconds": 0.0,
    }
    day |= {"scores": {"mlp": score}, "failed": {}}
    old = {"id": "manual__1", "at": "2026-11-01T00:00:00+00:00", "state": "success", "dates": [day]}
    old |= {"computed": 0, "found": 6, "seconds": 0.0, "rejected_by": ""}
    store.write(paths.backfill_report("manual__1"), json.dumps(old).encode())
    report_read = BackfillReport.load(store, "manual__1")
    assert report_read is not None
    assert (report_read.reused, report_read.dates[0].reused, report_read.dates[0].state) == (6, 6, "reused")
    assert report_read.dates[0].scores == {"mlp": Score(0.9, (0.8, 1.0))}


def test_the_preview_for_airflow_is_a_table_whatever_the_source_is_called(settings: Settings, store: Store) -> None:
    preview = previewed(settings, store)
    broken = replace(preview, dates=(replace(preview.dates[0], problem="a | b\nc"), *preview.dates[1:]))
    table = [line for line in broken.markdown().splitlines() if line.startswith("|")]
    assert len(table) == 2 + 3
    assert table[2].startswith("| 2026-11-01 | cannot be run: a \\| b c |")
