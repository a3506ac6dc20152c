"""The report of a backfill, and what of it is stored."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from meli_tasks.artifacts import paths
from meli_tasks.backfill.preview import BackfillPreview, backfills, is_done
from meli_tasks.backfill.report import BackfillReport, Score, report
from meli_tasks.core.errors import NotFound
from meli_tasks.pipeline import Pipeline
from meli_tasks.settings import Settings
from meli_tasks.store import Store
from tests.backfill.days import evaluated_again, previewed, run


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
