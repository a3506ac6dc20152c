"""What surrounds our pages: the skip link, selected tabs, window titles, the focus, reduced motion, a phone's width."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.site import PHONE, Site
from tests.browser.visits import MODELS, VISITS

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]

CONTENT = "[data-meli]"
FOCUSED_IN = "content => content.contains(document.activeElement) && document.activeElement !== content"
# Whether what has the focus looks different. A checkbox is an invisible input beside what is displayed of it.
MARKED = """() => {
    const shows = element => element && (getComputedStyle(element).outlineStyle !== 'none'
        || getComputedStyle(element).boxShadow !== 'none');
    const focused = document.activeElement;
    return shows(focused) || shows(focused.nextElementSibling) ? '' : focused.outerHTML.slice(0, 200);
}"""
MOVING = """content => document.getAnimations()
    .filter(({effect, playState}) => playState === 'running' && content.contains(effect.target)).length"""


def opened(page: Page, name: str) -> Locator:
    """Our content, once a page is loaded."""
    expect(VISITS[name].loaded(page)).to_be_visible()
    return page.locator(CONTENT)


@pytest.mark.parametrize(("name", "tab"), [("run", "Result"), ("training", "Learning curves")])
def test_our_tab_is_marked_as_selected_however_the_address_is_written(site: Site, name: str, tab: str) -> None:
    written = VISITS[name].path(site)
    run = re.findall("/runs/([^/]+)", written)[0]
    assert ":" in run
    for path in (written, written.replace(run, quote(run, safe=""))):
        with site.page(path) as page:
            opened(page, name)
            expect(page.get_by_role("link", name=tab, exact=True)).to_have_attribute("aria-current", "page")
            expect(page).to_have_url(site.url + written)


def test_a_page_names_the_window_and_gives_airflow_its_name_back(site: Site) -> None:
    with site.page("/dags") as page:
        expect(page.get_by_role("link", name="meli_training").first).to_be_visible()
        # Until its texts are loaded, Airflow's title is the name of a text.
        expect(page).not_to_have_title(re.compile(r"nav\."))
        theirs = page.title()
    with site.page(MODELS) as page:
        opened(page, "models")
        expect(page).to_have_title("Models - Airflow")
        page.get_by_role("link", name="Dags").click()
        expect(page).to_have_title(theirs)
    path = VISITS["run"].path(site)
    run = re.findall("/runs/([^/]+)", path)[0]
    with site.page(path) as page:
        opened(page, "run")
        expect(page).to_have_title(f"Result of {run} - Airflow")
        page.get_by_role("link", name="Code", exact=True).click()
        expect(page).to_have_title(f"{run} - Airflow")


@pytest.mark.parametrize("name", ["models", "run"])
def test_the_first_tab_key_offers_to_skip_airflows_navigation(site: Site, name: str) -> None:
    with site.page(VISITS[name].path(site)) as page:
        content = opened(page, name)
        page.keyboard.press("Tab")
        link = page.get_by_role("link", name="Skip to the content")
        expect(link).to_be_focused()
        expect(link).to_be_in_viewport()
        page.keyboard.press("Enter")
        expect(content).to_be_focused()
        page.keyboard.press("Tab")
        assert content.evaluate(FOCUSED_IN)
        page.get_by_role("link", name="Dags").click()
        expect(link).to_have_count(0)


@pytest.mark.parametrize("name", ["models", "comparison", "run", "training"])
def test_whatever_has_the_focus_is_marked(site: Site, name: str) -> None:
    with site.page(VISITS[name].path(site)) as page:
        content = opened(page, name)
        content.focus()
        unmarked = []
        for _ in range(60):
            page.keyboard.press("Tab")
            if not content.evaluate(FOCUSED_IN):
                break
            unmarked.append(page.evaluate(MARKED))
        assert unmarked
        assert [element for element in unmarked if element] == []


def test_the_focus_follows_to_the_page_that_replaces_another(site: Site) -> None:
    with site.page(VISITS["comparison"].path(site)) as page:
        opened(page, "comparison")
        page.get_by_role("link", name="All models").click()
        expect(page.get_by_role("heading", name="Models", level=1)).to_be_focused()
        page.go_back()
        expect(VISITS["comparison"].loaded(page)).to_be_visible()
        expect(page.locator(CONTENT).get_by_role("heading", level=1)).to_be_focused()


def test_the_focus_stays_where_a_question_was_answered(site: Site) -> None:
    with site.page(VISITS["run"].path(site)) as page:
        content = opened(page, "run")
        ask = content.get_by_role("button", name=re.compile("^Promote ")).first
        ask.focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("alertdialog")
        expect(dialog.get_by_label("Reason")).to_be_focused()
        dialog.get_by_role("button", name="Cancel").focus()
        page.keyboard.press("Enter")
        expect(dialog).to_have_count(0)
        page.wait_for_function("document.activeElement !== document.body")
        assert content.evaluate(FOCUSED_IN)


@pytest.mark.parametrize("still", [False, True])
def test_nothing_moves_for_a_reader_who_asked_for_that(site: Site, still: bool) -> None:
    with site.page("/", still=still) as page:
        page.route("**/meli/api/models?**", lambda _: None)  # it is loading for as long as the test looks
        page.get_by_role("link", name="Models").click()
        expect(page.locator(f"{CONTENT} [aria-busy=true]")).to_be_visible()
        assert bool(page.locator(CONTENT).evaluate(MOVING)) is not still


def inside(part: Locator) -> bool:
    """Whether all of it is within the window's width."""
    box = part.bounding_box()
    return box is not None and box["x"] >= 0 and box["x"] + box["width"] <= PHONE


def test_a_phone_displays_set_figure_and_verdict(site: Site) -> None:
    figure = re.compile(r"^0\.\d{4}")
    with site.page(MODELS, width=PHONE) as page:
        opened(page, "models")
        champion = page.get_by_test_id("champion")
        assert inside(champion.get_by_role("heading").first)
        assert inside(champion.get_by_text(figure).first)
        cells = page.get_by_role("table", name="Leaderboard").locator("td:visible")
        assert inside(cells.get_by_text(figure).first)
    for name in ("run", "comparison"):
        with site.page(VISITS[name].path(site), width=PHONE) as page:
            content = opened(page, name)
            for text in ("quick_mlp", "mlp"):
                if content.get_by_text(text).count():
                    assert inside(content.get_by_text(text).locator("visible=true").first)
            assert inside(content.get_by_text(figure).locator("visible=true").first)
            if name == "run":
                verdict = content.get_by_text(re.compile("promote|keep|kept", re.IGNORECASE)).locator("visible=true")
                assert inside(verdict.first)
