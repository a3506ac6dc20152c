"""The head of a run's tab in a real browser: what happened, and a run that does not exist."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.site import Site, run_path, shoot

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

VIEWS = [(False, False), (True, False), (False, True), (True, True)]


@pytest.mark.parametrize(("dark", "narrow"), VIEWS)
def test_a_run_says_in_its_first_line_what_happened(site: Site, dark: bool, narrow: bool) -> None:
    run_id = next(row["run_id"] for row in site.get("/meli/api/models")["rows"])
    title = site.get(f"/meli/api/runs/{run_id}")["head"]["title"]
    with site.page(f"{run_path(run_id)}/plugin/meli_run", dark=dark, narrow=narrow) as page:
        head = page.get_by_test_id("run-head")
        expect(head.get_by_text(title, exact=True)).to_be_visible()
        assert head.evaluate("element => element.scrollWidth <= element.clientWidth")
        shoot(page, f"run_head{'_narrow' if narrow else ''}{'_dark' if dark else ''}")


def test_an_unknown_run_says_so_and_ends(site: Site) -> None:
    with site.page(f"{run_path('no such run')}/plugin/meli_run") as page:
        expect(page.get_by_text("There is no such run")).to_be_visible()
        expect(page.get_by_text("neither Airflow nor the store knows it")).to_be_visible()
