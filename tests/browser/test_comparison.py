"""The comparison of models, with the demo's own run."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accessibility import check_accessibility, check_fits
from tests.browser.site import Site, both_themes, shoot, widths

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]

MODELS = "/plugin/models"
SETS = ("quick_mlp", "quick_cnn")


@pytest.fixture(scope="module")
def rows(site: Site) -> list[dict[str, Any]]:
    """Two models of one run, and its ensemble if it has one."""
    found = [row for row in site.get("/meli/api/models?limit=1000")["rows"] if row["balanced_accuracy"] is not None]
    runs = sorted({(row["at"], row["run_id"]) for row in found})
    for _, run in runs:
        own = {row["set"]: row for row in found if row["run_id"] == run}
        if set(SETS) <= own.keys():
            return [own[name] for name in (*SETS, "ensemble") if name in own]
    raise AssertionError(f"no run evaluated {SETS}")


def address(models: list[str], baseline: str = "") -> str:
    query = [("compare", model) for model in models]
    return f"{MODELS}?{urlencode([*query, *([('baseline', baseline)] if baseline else [])])}"


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


def test_every_figure_is_the_stored_one_and_only_what_was_tested_is_coloured(
    site: Site, rows: list[dict[str, Any]]
) -> None:
    with site.page(address(ids(rows), rows[0]["id"])) as page:
        expect(page.get_by_role("heading", name=f"{len(rows)} models compared")).to_be_visible()
        lines = page.get_by_role("table", name="Scores").locator("tbody tr")
        expect(lines).to_have_count(len(rows))
        for line, row in zip(lines.all(), rows, strict=True):
            for figure in ("balanced_accuracy", "accuracy", "macro_f1", "top5"):
                expect(line).to_contain_text(f"{row[figure]:.4f}")
        expect(lines.first.locator("[data-verdict]")).to_have_count(0)  # the baseline differs from nothing
        differences = lines.nth(1).locator("td:nth-child(2) [data-verdict]")
        wanted = r"[+−±]0\.\d{4} \([+−±][\d.]+ to [+−±][\d.]+\), better with (?:less than |more than )?\d+\s%"
        expect(differences).to_have_text(re.compile(wanted))
        muted = page.get_by_text("Each difference is to the baseline").evaluate(COLOUR)
        for mark in page.locator("[data-verdict]:visible").all():
            clear = mark.get_attribute("data-verdict") in ("better", "worse")
            assert (mark.evaluate(COLOUR) != muted) == clear, mark.inner_text()


COLOUR = "element => getComputedStyle(element).color"


def test_another_model_becomes_the_baseline_and_the_address_keeps_it(site: Site, rows: list[dict[str, Any]]) -> None:
    with site.page(address(ids(rows[:2]), rows[0]["id"])) as page:
        cards = page.get_by_test_id("compared")
        expect(cards.first.get_by_text("baseline", exact=True)).to_be_visible()
        cards.nth(1).get_by_role("link", name="Make it the baseline").click()
        expect(cards.nth(1).get_by_text("baseline", exact=True)).to_be_visible()
        query = parse_qs(urlsplit(page.url).query)
        assert query == {"compare": ids(rows[:2]), "baseline": [rows[1]["id"]]}
        cards.first.get_by_role("link", name=rows[0]["set"], exact=True).click()
        page.wait_for_url("**model=**")


def test_the_addresses_of_earlier_versions_still_compare(site: Site, rows: list[dict[str, Any]]) -> None:
    left, right = ids(rows[:2])
    with site.page(f"{MODELS}?{urlencode({'left': left, 'right': right})}") as page:
        expect(page.get_by_role("heading", name="2 models compared")).to_be_visible()
        expect(page.get_by_test_id("compared").first.get_by_text("baseline", exact=True)).to_be_visible()


def test_what_cannot_be_compared_is_refused_in_a_sentence(site: Site, rows: list[dict[str, Any]]) -> None:
    one = rows[0]["id"]
    for models, sentence in (
        ([one], "'1 model'"),
        ([one, one], "'the same model twice'"),
        ([f"{one}{number}" for number in range(9)], "'9 models'"),
    ):
        with site.page(address(models)) as page:
            expect(page.get_by_text("These models cannot be compared")).to_be_visible()
            expect(page.get_by_text(sentence)).to_be_visible()
            page.get_by_role("link", name="Choose two to eight models").click()
            expect(page.get_by_role("table", name="Leaderboard")).to_be_visible()
    with site.page(address([one, "no/such/model"])) as page:
        expect(page.get_by_text("choose a model of the leaderboard")).to_be_visible()


def chart(page: Page, name: str) -> Any:
    return page.get_by_role("img", name=re.compile(f"^{name}:"))


def test_curves_have_a_log_scale_a_zoom_and_the_kept_epochs(site: Site, rows: list[dict[str, Any]]) -> None:
    with site.page(address(ids(rows))) as page:
        loss = chart(page, "Cross-entropy")
        expect(loss).to_have_attribute("data-series", "4")  # validation and training of both sets
        expect(loss).to_have_attribute("data-marks", "2")
        page.get_by_text("Training loss", exact=True).click()
        expect(loss).to_have_attribute("data-series", "2")
        expect(loss).to_have_attribute("data-scale", "linear")
        page.get_by_text("Log scale of losses").click()
        expect(loss).to_have_attribute("data-scale", "log")
        expect(loss.locator("canvas")).to_be_visible()
        expect(chart(page, "Balanced accuracy")).to_have_attribute("data-scale", "linear")
        kept = page.get_by_role("list", name="Kept epochs").get_by_role("listitem")
        expect(kept).to_have_count(2)
        expect(kept.first).to_have_text(re.compile(r"^1 quick_mlp: epoch \d+ kept: \w+"))
        loss.scroll_into_view_if_needed()
        box = loss.bounding_box()
        assert box
        page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 60)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 60, steps=5)
        page.mouse.up()
        page.get_by_role("button", name="Reset zoom").click()
        expect(page.get_by_role("button", name="Reset zoom")).to_have_count(0)


def test_only_differing_parameters_are_listed_and_an_ensemble_has_members(
    site: Site, rows: list[dict[str, Any]]
) -> None:
    with site.page(address(ids(rows))) as page:
        lines = page.get_by_role("table", name=re.compile("^Parameters")).first
        expect(lines.get_by_text("train.architecture")).to_be_visible()
        expect(lines.get_by_text("train.batch_size")).to_have_count(0)  # the same in both sets
        page.get_by_text("Only differences").click()
        expect(lines.get_by_text("train.batch_size")).to_be_visible()
        if len(rows) > 2:
            members = page.get_by_role("table", name="Members")
            expect(members.locator("tbody tr")).to_have_count(2)
            expect(lines.get_by_role("columnheader", name="ensemble")).to_have_count(0)


@both_themes
def test_the_comparison_is_readable_in_every_view(site: Site, rows: list[dict[str, Any]], dark: bool) -> None:
    with site.page(address(ids(rows)), dark=dark) as page:
        expect(chart(page, "Balanced accuracy").locator("canvas")).to_be_visible()
        expect(page.get_by_role("table", name="Scores").get_by_text("better with").first).to_be_visible()
        page.get_by_text("Log scale of losses").click()
        for width in widths(page):
            expect(chart(page, "Balanced accuracy").locator("canvas")).to_be_visible()
            shoot(page, f"comparison_{width}{'_dark' if dark else ''}")
            check_fits(page)
            check_accessibility(page)
