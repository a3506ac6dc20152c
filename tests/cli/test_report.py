"""`meli report`: which run is meant, and what is written where."""

from __future__ import annotations

from pathlib import Path

import pytest

from meli_tasks.artifacts import paths
from meli_tasks.core.errors import NotFound, Rejected
from meli_tasks.report import load_report
from meli_tasks.store import open_store
from tests.cli.program import document, here
from tests.pages.published import evaluate, promote
from tests.past_run import PastRun


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PastRun:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MELI_STORE", f"file://{tmp_path}/store")
    found = PastRun(open_store(f"file://{tmp_path}/store"), run_id="scheduled__2026-11-20T03:00:00+00:00")
    evaluate(found)
    promote(found, "mlp")
    return found


def test_it_writes_the_file_and_says_where_and_what_was_decided(run: PastRun, tmp_path: Path) -> None:
    result = here("report", run.run_id)
    assert result.exit_code == 0, result.output
    name = f"report-{paths.name_part(run.run_id)}.html"
    assert result.stdout.splitlines() == [name, "it is better"]
    assert (tmp_path / name).read_bytes() == load_report(run.store, run.plan.name)


def test_latest_is_the_newest_run_that_evaluated_something(run: PastRun, tmp_path: Path) -> None:
    PastRun(run.store, run_id="that evaluated nothing")
    found = document("report", "latest", "--output", "found.html")
    assert (found["run_id"], found["file"]) == (run.run_id, "found.html")
    assert (tmp_path / "found.html").stat().st_size == found["bytes"]


def test_a_stored_report_is_copied_and_fresh_makes_it_again(run: PastRun, tmp_path: Path) -> None:
    run.store.write(paths.report(run.plan.name), b"<!doctype html>stored")
    assert here("report", run.run_id, "-o", "a.html").exit_code == 0
    assert (tmp_path / "a.html").read_bytes() == b"<!doctype html>stored"
    assert here("report", run.run_id, "-o", "a.html", "--fresh").exit_code == 0
    assert b"Leaderboard" in (tmp_path / "a.html").read_bytes()
    assert load_report(run.store, run.plan.name) == (tmp_path / "a.html").read_bytes()


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [
        ("scheduled__2026-11-20T03:00:00", "Did you mean scheduled__2026-11-20T03:00:00+00:00?"),
        ("scheduled__2026-11-21T03:00:00+00:00", "Did you mean scheduled__2026-11-20T03:00:00+00:00?"),
        ("zzz", "The newest is scheduled__2026-11-20T03:00:00+00:00."),
        ("", "The newest is scheduled__2026-11-20T03:00:00+00:00."),
    ],
)
def test_a_run_that_does_not_exist_is_refused_with_what_may_be_meant(run: PastRun, wanted: str, hint: str) -> None:
    result = here("report", wanted)
    assert isinstance(result.exception, NotFound)
    assert f"There is no run {wanted!r}" in str(result.exception)
    assert hint in str(result.exception)
    assert "`meli runs` lists the runs" in str(result.exception)


def test_a_store_without_runs_says_how_to_start_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MELI_STORE", f"file://{tmp_path}/empty")
    for wanted in ("latest", "some-run"):
        result = here("report", wanted)
        assert isinstance(result.exception, NotFound)
        assert "`meli run all` starts one" in str(result.exception)


def test_a_place_that_cannot_be_written_is_named(run: PastRun, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    result = here("report", run.run_id, "--output", "folder")
    assert isinstance(result.exception, Rejected)
    assert "folder" in str(result.exception)
