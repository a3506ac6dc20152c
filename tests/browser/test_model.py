"""The page of one model: what it displays is what the server sends, and its parts can be used."""

from __future__ import annotations

import csv
import io
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accessibility import check_accessibility, check_fits
from tests.browser.site import Site, both_themes, shoot, widths
from tests.browser.visits import MODELS, first_models

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def model(site: Site) -> dict[str, Any]:
    """The JSON of a model that a run has trained and evaluated."""
    return served(site, first_models(site)[0]["id"])


def served(site: Site, model: str, more: str = "") -> Any:
    return site.get(f"/meli/api/model/{'/'.join(quote(part, safe='') for part in model.split('/', 2))}{more}")


def path(model: str, **more: str) -> str:
    return f"{MODELS}?{urlencode({'model': model, **more})}"


def rows(page: Page, name: str) -> list[list[str]]:
    """The cells of a table, without those that the window is too narrow for."""
    table = page.get_by_role("table", name=name, exact=True)
    expect(table).to_be_visible()
    read = (
        "table => [...table.tBodies].flatMap(body => [...body.rows]).map(row => [...row.cells].map(c => c.innerText))"
    )
    cells: list[list[str]] = table.evaluate(read)
    return cells


def interval(found: list[float], digits: int = 4) -> str:
    return f"{found[0]:.{digits}f} to {found[1]:.{digits}f}"


def test_the_head_has_the_figure_how_sure_it_is_and_the_number_of_titles(site: Site, model: dict[str, Any]) -> None:
    figure, row = model["figure"], model["row"]
    with site.page(path(row["id"])) as page:
        head = page.get_by_test_id("model-head")
        expect(head.get_by_text(f"{figure['balanced_accuracy']:.4f}", exact=True)).to_be_visible()
        expect(head).to_contain_text(f"95 % interval {interval(figure['interval'])}")
        expect(head).to_contain_text(f"on the {model['test_set']['titles']:,} test titles of")
        values = page.get_by_test_id("model-figures")
        for label, value in {
            "Accuracy": row["accuracy"], "Top 3": model["figures"]["top3"], "Top 5": row["top5"],
            "Macro F1": row["macro_f1"], "Calibration error": model["figures"]["calibration_error"],
            "Reference model": model["reference"]["balanced_accuracy"],
        }.items():  # fmt: skip
            expect(values).to_contain_text(f"{label}{value:.4f}")
        assert page.title().startswith(f"{row['set']} of {row['run_id']} - ")
        shoot(page, "model")


def figure(value: float) -> str:
    """Rounded as JavaScript does, which rounds 0.78125 up; Python rounds it to an even digit."""
    return str(Decimal(value).quantize(Decimal("0.0001"), ROUND_HALF_UP))


def test_every_slice_has_its_stored_figures(site: Site, model: dict[str, Any]) -> None:
    with site.page(path(model["row"]["id"])) as page:
        displayed = [cells for cells in rows(page, "Slices") if len(cells) > 1]
        assert [(cells[1], cells[2], cells[3], cells[5]) for cells in displayed] == [
            (
                f"{one['titles']:,}",
                figure(one["balanced_accuracy"]),
                interval(one["interval"]),
                figure(one["accuracy"]),
            )
            for one in model["slices"]
        ]
        assert ["few titles" in cells[0] for cells in displayed] == [one["few"] for one in model["slices"]]


def test_every_category_can_be_reached_sorted_and_found(site: Site, model: dict[str, Any]) -> None:
    categories = model["categories"]
    with site.page(path(model["row"]["id"])) as page:
        assert [cells[0] for cells in rows(page, "Categories")] == [one["category"] for one in categories[:10]]
        page.get_by_role("button", name="more of").first.click()
        assert [(cells[0], cells[1], cells[2], cells[4], cells[5]) for cells in rows(page, "Categories")] == [
            (
                one["category"],
                f"{one['recall']:.3f}",
                interval(one["interval"], 3),
                f"{one['titles']:,}",
                f"{one['predicted']:,}",
            )
            for one in categories
        ]
        page.get_by_role("button", name="Test titles").click()
        most = [int(cells[4]) for cells in rows(page, "Categories")]
        assert most == sorted(most, reverse=True)
        page.get_by_role("searchbox", name="Find categories").fill(categories[3]["category"].lower())
        expect(page.get_by_text("1 category found")).to_be_visible()
        assert [cells[0] for cells in rows(page, "Categories")] == [categories[3]["category"]]


def test_a_confused_pair_unfolds_into_its_titles(site: Site, model: dict[str, Any]) -> None:
    model_id = model["row"]["id"]
    pair = served(site, model_id, "/confusions")["pairs"][0]
    query = urlencode({"category": pair["category"], "predicted": pair["predicted"]})
    titles = served(site, model_id, f"/confusions?{query}")["shown"]
    with site.page(path(model_id)) as page:
        button = page.get_by_role("button", name=f"of {pair['category']} put into {pair['predicted']}")
        button.click()
        expect(button).to_have_attribute("aria-expanded", "true")
        assert rows(page, f"Titles of {pair['category']} put into {pair['predicted']}") == [
            [one["title"], f"{one['probability']:.3f}", f"{one['true_probability']:.3f}"] for one in titles
        ]
        shoot(page, "model_confusion")


def test_a_category_leads_to_its_confusions_and_the_address_can_be_sent(site: Site, model: dict[str, Any]) -> None:
    category = model["categories"][0]["category"]
    with site.page(path(model["row"]["id"])) as page:
        page.get_by_role("button", name=category, exact=True).click()
        expect(page.get_by_role("heading", name=f"Confusions of {category}")).to_be_visible()
        sent = page.url.removeprefix(site.url)
    with site.page(sent) as page:
        expect(page.get_by_role("heading", name=f"Confusions of {category}")).to_be_visible()
        page.get_by_role("button", name="Most confused pairs of all categories").click()
        expect(page.get_by_role("heading", name="Most confused pairs")).to_be_visible()


def test_suspect_labels_are_a_csv_file(site: Site, model: dict[str, Any]) -> None:
    with site.page(path(model["row"]["id"])) as page:
        with page.expect_download() as download:
            page.get_by_role("link", name="(CSV)").click()
        text = Path(download.value.path()).read_text(encoding="utf-8")
    assert download.value.suggested_filename == "suspect_labels.csv"
    assert next(csv.reader(io.StringIO(text)))[:4] == ["row", "title", "language", "category"]


def test_reliability_and_abstention_are_charts_with_their_values(site: Site, model: dict[str, Any]) -> None:
    with site.page(path(model["row"]["id"])) as page:
        reliability = page.get_by_role("img", name="Reliability")
        expect(reliability).to_have_attribute("data-points", str(2 * len(model["reliability"])))
        expect(page.get_by_role("img", name="If it abstains")).to_be_visible()
        for summary in page.get_by_text("Values as a table").all():
            summary.click()
        assert [cells[1:3] for cells in rows(page, "Reliability")] == [
            [f"{one['probability']:.4f}", f"{one['accuracy']:.4f}"] for one in model["reliability"]
        ]
        assert rows(page, "Abstention") == [
            [f"{one[name]:.4f}" for name in ("threshold", "coverage", "accuracy")] for one in model["abstention"]
        ]


def test_the_card_is_headings_and_tables(site: Site) -> None:
    champion = next(row for row in site.get("/meli/api/models?limit=1000")["rows"] if row["champion"])
    with site.page(path(champion["id"])) as page:
        page.get_by_text("Show the card").click()
        card = page.get_by_test_id("model-card")
        expect(card.get_by_role("heading", name="Training data")).to_be_visible()
        expect(card.get_by_role("table", name="metric, value, 95 % interval")).to_contain_text("balanced accuracy")
        expect(card).not_to_contain_text("model-index:")


def test_what_is_copied_is_the_command(site: Site, model: dict[str, Any]) -> None:
    with site.page(path(model["row"]["id"])) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("button", name="Copy: Command line").click()
        expect(page.get_by_text("Copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == model["load"][0]["code"]


def test_an_unknown_model_is_named(site: Site) -> None:
    with site.page(path("no/such/model")) as page:
        expect(page.get_by_text("choose a model of the leaderboard")).to_be_visible()


@both_themes
def test_the_page_can_be_read_in_every_view(site: Site, model: dict[str, Any], dark: bool) -> None:
    with site.page(path(model["row"]["id"]), dark=dark) as page:
        expect(page.get_by_role("table", name="Slices")).to_be_visible()
        expect(page.get_by_role("img", name="If it abstains")).to_be_visible()
        page.get_by_role("button", name="Show the").first.click()
        for summary in page.locator("[data-meli] summary").all():
            summary.click()
        expect(page.locator("[data-meli] [aria-busy=true]")).to_have_count(0)
        for width in widths(page):
            shoot(page, f"model_{width}{'_dark' if dark else ''}", height=3000)
            check_fits(page)
            check_accessibility(page)
