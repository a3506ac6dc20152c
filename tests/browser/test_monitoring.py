"""The page Monitoring after a run of `meli_monitoring`, as every reader may see it."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.browser.site import Site, both_themes, shoot, widths

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]

DAG = "/api/v2/dags/meli_monitoring"


@pytest.fixture(scope="module")
def monitored(site: Site) -> Site:
    """After a run of the DAG, which examines the run that the champion is from."""
    run_id = f"browser-{uuid4().hex[:8]}"
    site.wait(DAG, lambda dag: not dag["is_paused"])
    site.post(f"{DAG}/dagRuns", {"dag_run_id": run_id, "logical_date": None})
    ended = site.wait(f"{DAG}/dagRuns/{run_id}", lambda run: run["state"] in ("success", "failed") and run)
    assert ended["state"] == "success"
    return site


@both_themes
def test_the_page_answers_whether_to_retrain_and_has_the_days(monitored: Site, dark: bool) -> None:
    sent = monitored.get("/meli/api/monitoring")
    assert sent["streams"][0]["name"] == "ingested titles"
    with monitored.page("/plugin/models", dark=dark) as page:
        page.get_by_role("link", name="Monitoring").click()
        expect(page.get_by_role("heading", level=1, name="Monitoring")).to_be_visible()
        advice = page.get_by_test_id("advice")
        expect(advice).to_contain_text(f"{sent['advice']['answer']}: {sent['advice']['reason']}")
        for stream in sent["streams"]:
            name = f"Days of {stream['name']}"
            section = page.locator("section", has=page.get_by_role("heading", name=re.compile(stream["name"], re.I)))
            section.get_by_text("Table of these days").click()
            expect(section.get_by_role("table", name=name).locator("tbody tr")).to_have_count(len(stream["days"]))
            expect(section).to_contain_text(stream["days"][-1]["verdict"])
        content = page.get_by_test_id("main-content")
        for width in widths(page):
            assert content.evaluate("element => element.scrollWidth <= element.clientWidth")
            shoot(page, f"monitoring_{width}{'_dark' if dark else ''}")


def test_the_html_report_opens_without_scripts(monitored: Site) -> None:
    with monitored.page("/plugin/models?monitoring=1") as page:
        link = page.get_by_role("link", name="These results as a single HTML file")
        with page.context.expect_page() as opened:
            link.click()
        expect(opened.value.get_by_role("heading", level=1)).to_contain_text("still fit the titles?")
        assert opened.value.locator("script").count() == 0
