"""Every page and tab of ours in three widths and both themes: it fits, its parts are accessible, nothing is logged."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.accessibility import OURS, check_accessibility, check_fits
from tests.browser.site import Site, both_themes, shoot, widths
from tests.browser.visits import VISITS

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]


@both_themes
@pytest.mark.parametrize("name", VISITS)
def test_a_page_is_accessible_in_every_view(site: Site, name: str, dark: bool) -> None:
    visit = VISITS[name]
    with site.page(visit.path(site), dark=dark) as page:
        for width in widths(page):
            expect(visit.loaded(page)).to_be_visible()
            expect(page.locator("[data-meli] [aria-busy=true]")).to_have_count(0)
            shoot(page, f"access_{name.replace(' ', '_')}_{width}{'_dark' if dark else ''}")
            check_fits(page)
            check_accessibility(page)


def test_the_check_sees_what_is_ours_and_nothing_else(site: Site) -> None:
    plant = "where => document.querySelector(where).insertAdjacentHTML('beforeend', '<button></button>')"
    with site.page(VISITS["models"].path(site)) as page:
        expect(VISITS["models"].loaded(page)).to_be_visible()
        page.evaluate(plant, "body")
        check_accessibility(page)
        page.evaluate(plant, OURS)
        with pytest.raises(AssertionError, match="button-name"):
            check_accessibility(page)
