"""The champion's card in ten seconds, the runs over nights, and the promotion history below its fold."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.site import PHONE, Site, both_themes, shoot, widths

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]

MODELS = "/plugin/models"
FINGERPRINT = re.compile(r"^fingerprint [0-9a-f]{12}$")
CHARTS = ["Balanced accuracy", "Titles", "Bad rows", "New categories", "Unknown words, %", "Minutes"]


def top(part: Locator) -> float:
    box = part.bounding_box()
    assert box is not None
    return box["y"]


def nights(page: Page) -> Locator:
    section = page.get_by_test_id("nights")
    expect(section.locator("canvas").first).to_be_visible()
    return section


@both_themes
def test_the_card_answers_at_a_look_who_how_good_and_what_the_last_run_did(site: Site, dark: bool) -> None:
    champion = site.get("/meli/api/models")["champion"]
    news = site.get("/meli/api/champion-news")
    figure = champion["current"] or champion
    with site.page(MODELS, dark=dark) as page:
        card = page.get_by_test_id("champion")
        name = card.get_by_role("heading", name=champion["set"])
        expect(name).to_be_visible()
        number = card.get_by_text(f"{figure['balanced_accuracy']:.4f}", exact=True)
        expect(number).to_be_visible()
        expect(card.get_by_text(re.compile(r"Of 100 titles of an average category, .+ are classified"))).to_be_visible()
        last = card.get_by_test_id("last-run")
        expect(last.get_by_text(news["last_run"]["sentence"])).to_be_visible()
        confuses = card.get_by_role("link", name="What it confuses")
        expect(confuses).to_be_visible()
        expect(card.get_by_role("link", name="Try a title")).to_be_visible()
        expect(card.get_by_text(FINGERPRINT)).to_be_hidden()
        content = page.get_by_test_id("main-content")
        for width in widths(page):
            if width == PHONE:  # the champion, its figure, the verdict: all on the first screen, in this order
                assert top(name) < top(number) < top(last) < top(confuses)
                assert top(last) < page.viewport_size["height"]  # type: ignore[index]
            assert content.evaluate("element => element.scrollWidth <= element.clientWidth")
            shoot(page, f"champion_{width}{'_dark' if dark else ''}")


def test_the_links_of_the_card_lead_to_its_model_and_to_the_last_run(site: Site) -> None:
    champion, news = site.get("/meli/api/champion"), site.get("/meli/api/champion-news")
    with site.page(MODELS) as page:
        page.get_by_test_id("champion").get_by_role("link", name="What it confuses").click()
        page.wait_for_url("**model=**")
        expect(page.get_by_role("heading", level=1)).to_contain_text(champion["set"])
        page.go_back()
        page.get_by_test_id("last-run").get_by_role("link", name=news["last_run"]["run_id"]).click()
        page.wait_for_url("**/plugin/meli_run")


def test_the_details_open_with_the_keyboard(site: Site) -> None:
    with site.page(MODELS) as page:
        card = page.get_by_test_id("champion")
        card.get_by_text("Details: decision").focus()
        page.keyboard.press("Enter")
        expect(card.get_by_text(FINGERPRINT)).to_be_visible()
        expect(card.get_by_text(re.compile(r"^key [0-9a-f]{12}"))).to_be_visible()


def test_a_chart_of_the_nights_opens_its_run_with_the_keyboard_and_a_mark_with_a_click(site: Site) -> None:
    rows = site.get("/meli/api/nights")["nights"]
    newest = [row for row in rows if row["champion"] or row["challenger"]][-1]
    with site.page(MODELS) as page:
        section = nights(page)
        several = len([row for row in rows if row["titles"]]) > 1  # new categories need a run before
        for title in CHARTS if several else [one for one in CHARTS if one != "New categories"]:
            expect(section.get_by_role("img", name=re.compile(f"^{re.escape(title)}"))).to_be_visible()
        chart = section.get_by_role("img", name=re.compile("^Balanced accuracy"))
        chart.focus()
        page.keyboard.press("End")
        page.keyboard.press("Enter")
        page.wait_for_url("**/plugin/meli_run")
        expect(page.get_by_text(newest["run_id"]).first).to_be_visible()
        page.go_back()
        marks = nights(page).get_by_role("list", name="Outcome of each night").get_by_role("listitem")
        expect(marks).to_have_count(len(rows))
        marks.last.get_by_role("link").click()
        page.wait_for_url("**/plugin/meli_run")


def written(row: dict[str, Any]) -> list[str]:
    """What the table says of a night, from what the server sent."""
    figures = [row[who]["balanced_accuracy"] for who in ("champion", "challenger") if row[who]]
    found = [f"{figure:.4f}" for figure in figures] + [row["run_id"], row["outcome"]]
    found += [f"{row[name]:,}" for name in ("titles", "bad_rows", "new_categories") if row[name] is not None]
    return found + ([f"{row['seconds'] / 60:.1f}"] if row["seconds"] is not None else [])


def test_the_table_behind_the_charts_has_the_figures_that_the_server_sent(site: Site) -> None:
    rows = site.get("/meli/api/nights")["nights"]
    with site.page(MODELS) as page:
        section = nights(page)
        section.get_by_text("Table of these nights").click()
        lines = section.get_by_role("table", name="Nights").locator("tbody tr")
        expect(lines).to_have_count(len(rows))
        for line, row in zip(lines.all_inner_texts(), reversed(rows), strict=True):
            for text in written(row):
                assert text in line
        shoot(page, "nights", height=2600)


def test_the_history_is_below_a_fold_and_has_a_line_for_each_decision_that_was_news(site: Site) -> None:
    sent = site.get("/meli/api/decisions")
    with site.page(MODELS) as page:
        table = page.get_by_role("table", name="Promotion history")
        fold = page.get_by_text("Show all")
        expect(fold).to_be_visible()
        expect(table).to_be_hidden()
        fold.click()
        lines = table.locator("tbody tr")
        expect(lines).to_have_count(len(sent["decisions"]))
        for line, row in zip(lines.all_inner_texts(), sent["decisions"], strict=True):
            assert row["reason"] in line
            assert (row["nominated"] or "") in line
