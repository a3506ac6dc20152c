"""A report of a run whose artifacts were deleted or spoilt: it is written, and each section says what is missing."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import find, need
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.planning.plan import Plan
from meli_tasks.report import headline_of, write_report, writing
from meli_tasks.report.blocks import Block
from meli_tasks.report.material import Material
from meli_tasks.report.writing import SECTIONS, render
from meli_tasks.store import Store, open_store
from tests.pages.published import evaluate, promote
from tests.past_run import PastRun
from tests.report.conftest import RealRuns
from tests.report.reading import Page, parse
from tests.rewriting import rewrite_file
from tests.unreadable import CONTENTS, put


@pytest.fixture
def copied(real_runs: RealRuns, tmp_path: Path) -> tuple[Store, Plan]:
    """A copy of the real runs' store, and the plan of the second."""
    shutil.copytree(real_runs.folder / "store", tmp_path / "copy")
    store = open_store((tmp_path / "copy").as_uri())
    return store, Plan.load(store, real_runs.plans[1].name)


def page_of(store: Store, plan: Plan) -> Page:
    page = parse(render(Material(store, plan)))
    assert list(page.sections) == [identity for identity, _, _ in SECTIONS]
    return page


def delete(store: Store, *prefixes: str) -> None:
    names = [name for prefix in prefixes for name in store.names(prefix)]
    assert names
    for name in names:
        store.delete(name)


def test_without_any_artifact_all_that_is_beside_the_plan_is_still_there(copied: tuple[Store, Plan]) -> None:
    store, plan = copied
    report = EvaluationReport.load(store, plan.name)
    assert report is not None
    delete(store, *(f"{stage}/" for stage in ("ingest", "preprocess", "embed", "train", "ensemble", "evaluate")))
    delete(store, "promote/")
    page = page_of(store, plan)
    assert "Promoted." in page.sections["verdict"] or "Champion kept." in page.sections["verdict"]
    for label, found in report.scores.items():
        assert label in page.sections["leaderboard"]
        assert f"{found.balanced_accuracy:.4f}" in page.sections["leaderboard"]
    assert "the copy beside the run's plan" in page.sections["leaderboard"]
    assert "Not available: the learning curves of quick_mlp, mlp_fast" in page.sections["curves"]
    assert "Not available" in page.sections["suspect-labels"]
    assert f"Not available: the artifact ingest/{plan.ingest.key} was deleted" in page.sections["data"]
    assert "meli run all" in page.sections["reproduction"]
    assert "deleted or not computed" in page.sections["reproduction"]


@pytest.mark.parametrize(
    ("file", "section", "message"),
    [
        ("evaluate/listings", "confusions", ""),
        ("ingest/listings.parquet", "confusions", "Not available: example titles."),
        ("ingest/listings.parquet", "data", "Not available: a part of the drift."),
        ("evaluate/predictions.parquet", "confusions", "Not available"),
        ("preprocess/vocabulary.txt", "data", "Not available: a part of the drift."),
    ],
)
def test_a_file_that_was_deleted_is_missing_only_where_it_is_needed(
    copied: tuple[Store, Plan], file: str, section: str, message: str
) -> None:
    store, plan = copied
    stage, _, name = file.partition("/")
    whole = page_of(store, plan)
    for found in [one for one in store.names(f"{stage}/") if one.endswith(f"/{name}")]:
        store.delete(found)
    page = page_of(store, plan)
    assert message in page.sections[section]
    others = {identity for identity, _, _ in SECTIONS} - {"confusions", "data", "suspect-labels"}
    assert {identity: page.sections[identity] for identity in others} == {
        identity: whole.sections[identity] for identity in others
    }


@pytest.mark.parametrize("content", CONTENTS)
def test_what_is_spoilt_is_named_and_stops_nothing(copied: tuple[Store, Plan], content: str) -> None:
    store, plan = copied
    report = EvaluationReport.load(store, plan.name)
    assert report is not None
    evaluation, ingest = need(store, "evaluate", report.key), need(store, "ingest", plan.ingest.key)
    training = need(store, "train", report.models["quick_mlp"])
    names = [
        evaluation.file_name("scores.json"),
        evaluation.file_name("predictions.parquet"),
        ingest.file_name("listings.parquet"),
        training.file_name("history.json"),
        paths.preview(plan.name),
    ]
    for name in names:
        put(store, name, content)
    page = page_of(store, plan)
    assert "quick_mlp" in page.sections["leaderboard"]
    text = " ".join(page.sections.values())
    assert "the copy beside the run's plan" in page.sections["leaderboard"]
    if content != "an empty object":  # which is what 0.1.0 wrote of no models
        assert evaluation.file_name("scores.json") in text
    if content != "a list":  # which is a history without epochs
        assert training.file_name("history.json") in text
    assert "Not available: the learning curves of quick_mlp" in page.sections["curves"]


def test_a_spoilt_summary_or_table_is_named_in_its_section(copied: tuple[Store, Plan]) -> None:
    store, plan = copied
    report = EvaluationReport.load(store, plan.name)
    assert report is not None
    ingest, evaluation = need(store, "ingest", plan.ingest.key), need(store, "evaluate", report.key)
    store.write(ingest.name, replace(ingest, summary={**ingest.summary, "rows": "many"}).to_bytes())
    suspects = evaluation.file_name("suspect_labels.csv")
    rewrite_file(store, evaluation, "suspect_labels.csv", b"row,probability_of_category\n1,high,and more\n")
    page = page_of(store, plan)
    assert f"Not available: The summary in {ingest.name} cannot be read: rows:" in page.sections["data"]
    assert f"Not available: {suspects} cannot be read" in page.sections["suspect-labels"]
    assert f"{suspects} (could not convert string to float: 'high')" in page.sections["verdict"]


def test_a_fault_of_the_code_is_raised_and_not_taken_for_a_missing_object(
    copied: tuple[Store, Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(run: Material) -> list[Block]:
        return [run.no_such_property]  # type: ignore[attr-defined]

    monkeypatch.setattr(writing, "SECTIONS", (*SECTIONS, ("broken", "Broken", broken)))
    with pytest.raises(AttributeError, match="no_such_property"):
        write_report(copied[0], copied[1].name)


@pytest.mark.parametrize("content", CONTENTS)
def test_a_spoilt_ledger_leaves_what_the_stage_decided(copied: tuple[Store, Plan], content: str) -> None:
    store, plan = copied
    entry = Material(store, plan).entry
    assert entry is not None
    put(store, paths.decision(entry.number), content)
    page = page_of(store, plan)
    assert entry.evidence.reason in page.sections["verdict"]
    assert paths.decision(entry.number) in page.sections["verdict"]


def test_before_the_ledger_is_written_the_report_shows_what_was_decided(copied: tuple[Store, Plan]) -> None:
    store, plan = copied
    entry = Material(store, plan).entry
    assert entry is not None
    store.delete(paths.decision(entry.number))
    store.delete(paths.decision_copy(entry.number))
    page = page_of(store, plan)
    assert entry.evidence.reason in page.sections["verdict"]
    assert headline_of(store, plan) == entry.evidence.reason


def test_a_run_that_evaluated_nothing_has_a_report_that_says_so(tmp_path: Path) -> None:
    run = PastRun(open_store((tmp_path / "store").as_uri()))
    page = page_of(run.store, run.plan)
    assert "Nothing was evaluated." in page.sections["verdict"]
    assert "no model was evaluated" in page.sections["leaderboard"]
    assert write_report(run.store, run.plan.name) == paths.report(run.plan.name)


def test_figures_that_an_earlier_version_did_not_measure_are_named_as_such(tmp_path: Path) -> None:
    run = PastRun(open_store((tmp_path / "store").as_uri()))
    evaluated = evaluate(run)
    promote(run, "mlp")
    manifest = find(run.store, "evaluate", evaluated.key)
    assert manifest is not None
    run.store.write(manifest.name, replace(manifest, params={"seed": 1}).to_bytes())
    page = page_of(run.store, run.plan)
    assert "Not measured: top 3, calibration error." in page.sections["leaderboard"]
    assert "Reference model (TF-IDF with a linear classifier): not measured." in page.sections["leaderboard"]
    for identity in ("calibration", "abstention", "suspect-labels"):
        assert "Not measured." in page.sections[identity]
    assert "Not measured: language, label quality, category size" in page.sections["slices"]
    assert "no version" not in page.sections["verdict"]
    assert "it is better" in page.sections["verdict"]
