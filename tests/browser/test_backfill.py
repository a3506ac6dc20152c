"""A backfill from its form to its report: preview, approval, progress; and one that is cancelled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from meli_tasks.planning.form import OPEN
from tests.browser.forms import Form
from tests.browser.site import Site, run_path, shoot

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]

RUNS = "/api/v2/dags/meli_backfill/dagRuns"


def started(site: Site, first: str, last: str, source: str) -> str:
    """The id of a backfill started through the form."""
    before = {found["dag_run_id"] for found in site.get(RUNS)["dag_runs"]}
    with site.page("/dags/meli_backfill") as page:
        form = Form(page)
        shoot(page, "backfill_form_opened")
        # Nobody has done anything wrong yet: no section is marked, and the run could be started.
        expect(form.submit).to_be_enabled()
        form.fill(OPEN, from_date=first, to_date=last, source=source)
        form.choose_sets("quick_mlp")
        shoot(page, "backfill_form")
        form.send()
    found = site.wait(RUNS, lambda answer: [r for r in answer["dag_runs"] if r["dag_run_id"] not in before], seconds=30)
    return str(found[0]["dag_run_id"])


@pytest.fixture
def days() -> tuple[str, str]:
    today = datetime.now(UTC).date()
    return str(today - timedelta(days=3)), str(today - timedelta(days=2))


def test_a_backfill_is_previewed_approved_and_reported(site: Site, days: tuple[str, str]) -> None:
    run = started(site, *days, "sample:rows=1500,seed=7")
    with site.page(f"{run_path(run, 'meli_backfill')}/plugin/meli_run") as page:
        approve = page.get_by_role("link", name="Approve or reject it")
        expect(approve).to_be_visible(timeout=180_000)
        dates = page.get_by_role("table", name="Dates")
        for day in days:
            expect(dates.get_by_text(day, exact=True)).to_be_visible()
        shoot(page, "backfill_preview")
        approve.click()
        page.get_by_role("button", name="Approve").click()
    with site.page(f"{run_path(run, 'meli_backfill')}/plugin/meli_run") as page:
        expect(page.get_by_text("2 of 2 dates done")).to_be_visible(timeout=900_000)
        expect(page.get_by_role("columnheader", name="Balanced accuracy")).to_be_visible(timeout=120_000)
        shoot(page, "backfill")


def test_a_backfill_is_cancelled_from_the_page(site: Site, days: tuple[str, str]) -> None:
    run = started(site, *days, "sample:rows=1500,seed=8")
    with site.page(f"{run_path(run, 'meli_backfill')}/plugin/meli_run") as page:
        page.get_by_role("button", name="Cancel the backfill").click(timeout=180_000)
        page.get_by_label("Reason").fill("the wrong dates")
        page.get_by_role("button", name="Cancel it").click()
        expect(page.get_by_role("button", name="Cancel it")).to_be_hidden()
    # SQLite locks no rows: a scheduler reading the run at that moment finds no failed task, and may mark it a success
    # over Airflow's own mark. What counts is that it ended and started nothing.
    assert site.wait(f"{RUNS}/{run}", lambda answer: answer["state"] in ("failed", "success"), seconds=60)
    ran = site.get("/api/v2/dags/meli_training/dagRuns?limit=100")["dag_runs"]
    assert not [one for one in ran if (one["conf"] or {}).get("source") == "sample:rows=1500,seed=8"]
