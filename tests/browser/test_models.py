"""The page Models, with the demo's own run."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.site import Site, shoot

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]

MODELS = "/plugin/models"


def board(page: Page) -> list[str]:
    """The sets in the leaderboard, from the top."""
    table = page.get_by_role("table", name="Leaderboard")
    expect(table).to_be_visible()
    column = table.get_by_role("columnheader", name="Set").evaluate("header => header.cellIndex")
    cells = table.locator(f"tbody tr td:nth-child({column + 1})")
    return [text.split("\n")[0].strip() for text in cells.all_inner_texts()]


def accuracies(page: Page, direction: str) -> list[list[float]]:
    """The leaderboard's balanced accuracies from the top, once it is in this order: the address changes earlier.

    A list for each group of models that were tested on the same titles: only these are ranked together.
    """
    table = page.get_by_role("table", name="Leaderboard")
    header = table.get_by_role("columnheader", name="Balanced accuracy")
    expect(header).to_have_attribute("aria-sort", direction)
    column = header.evaluate("header => header.cellIndex")
    groups: list[list[float]] = []
    texts = "row => [...row.cells].map(cell => cell.innerText)"
    for cells in table.evaluate(f"table => [...table.tBodies].flatMap(body => [...body.rows]).map({texts})"):
        if len(cells) == 1:  # the heading of a group
            groups.append([])
        else:
            groups[-1].append(float(cells[column].split()[0]))
    return groups


def query(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_models_is_in_the_navigation_and_displays_the_champion(site: Site) -> None:
    with site.page("/") as page:
        page.get_by_role("link", name="Models").click()
        champion = page.get_by_test_id("champion")
        expect(champion.get_by_text("champion", exact=True)).to_be_visible()
        champion.get_by_text("Details: decision").click()
        expect(champion.get_by_text(re.compile(r"^as of .*, 3,000 titles"))).to_be_visible()
        expect(champion.get_by_role("link", name="MLflow version 1")).to_be_visible()
        expect(champion.get_by_text(re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d, decision 1"))).to_be_visible()
        page.get_by_text("Show all").click()
        expect(page.get_by_role("table", name="Promotion history").get_by_text("promote", exact=True)).to_be_visible()
        shoot(page, "models")


def test_sorting_and_filters_are_part_of_the_address(site: Site) -> None:
    with site.page(MODELS) as page:
        board(page)
        for direction, address in (("ascending", "up"), ("descending", "down")):  # the best is first at first
            page.get_by_role("button", name="Balanced accuracy").click()
            page.wait_for_url(f"**sort=balanced_accuracy.{address}**")
            groups = accuracies(page, direction)
            assert groups == [sorted(group, reverse=direction == "descending") for group in groups]
            assert len(groups[0]) > 1
        page.get_by_label("Set", exact=True).select_option("quick_cnn")
        page.wait_for_url("**set=quick_cnn**")
        expect(page.get_by_role("table", name="Leaderboard").get_by_text("quick_mlp")).to_have_count(0)
        address = page.url.removeprefix(site.url)
    with site.page(address) as page:  # a link gives the same
        assert set(board(page)) == {"quick_cnn"}
        page.get_by_label("Filter by run, source or set").fill("nobody has this")
        expect(page.get_by_text("No run matches")).to_be_visible()
        page.get_by_role("button", name="Clear").click()
        expect(page.get_by_role("table", name="Leaderboard").get_by_text("quick_mlp").first).to_be_visible()


def test_two_models_are_compared_with_the_keyboard_alone(site: Site) -> None:
    with site.page(MODELS) as page:
        board(page)
        for name in ("quick_mlp", "quick_cnn"):
            page.get_by_label(f"Compare {name} of ").first.focus()
            page.keyboard.press("Space")
        page.get_by_role("button", name="Compare", exact=True).focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="2 models compared")).to_be_visible()
        page.go_back()
        expect(page.get_by_role("heading", name="Leaderboard")).to_be_visible()


def test_test_titles_are_folded_and_a_pinned_model_stays_on_top(site: Site) -> None:
    with site.page(MODELS) as page:
        names = board(page)
        table = page.get_by_role("table", name="Leaderboard")
        # Backfills on other titles have groups of their own, below those of the newest titles.
        titles = table.get_by_role("button", name=re.compile("^.?On the "))
        expect(table.get_by_text(re.compile(r"bars from 0\.\d{3} to "))).to_have_count(titles.count())
        first = table.get_by_role("link", name=names[0], exact=True)
        before = first.count()
        titles.first.click()
        expect(titles.first).to_have_attribute("aria-expanded", "false")
        expect(first).to_have_count(before - 1)
        titles.first.click()
        table.get_by_role("button", name="Pin quick_mlp of ").first.click()
        page.wait_for_url("**pin=**quick_mlp**")
        expect(table.get_by_text("Pinned, each ranked on its own test titles")).to_be_visible()
        assert board(page)[0] == "quick_mlp"
        address = page.url.removeprefix(site.url)
    with site.page(address, narrow=True, dark=True) as page:
        assert board(page)[0] == "quick_mlp"


def test_a_note_is_written_on_a_models_page_and_removed_again(site: Site) -> None:
    text = "Kept for the audit <b>of May</b>"
    with site.page(MODELS) as page:
        board(page)
        table = page.get_by_role("table", name="Leaderboard")
        table.get_by_role("link", name="quick_mlp", exact=True).first.click()
        page.get_by_role("button", name="Add a note").click()
        page.get_by_label("Note", exact=True).fill(text)
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_test_id("note").get_by_text(text)).to_be_visible()
        page.get_by_role("link", name="← All models").click()
        expect(table.get_by_text(f"Note: {text}").first).to_be_visible()
        page.go_back()
        page.get_by_role("button", name="Edit the note").click()
        page.get_by_label("Note", exact=True).fill("")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("button", name="Add a note")).to_be_visible()


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_follows_airflows_theme(site: Site, dark: bool) -> None:
    colour = "element => getComputedStyle(element).color"
    with site.page(MODELS, dark=dark) as page:
        champion = page.get_by_test_id("champion").get_by_role("heading")
        expect(champion).to_be_visible()
        # The same colour as the text of Airflow's own page.
        assert champion.evaluate(colour) == page.locator("body").evaluate(colour)
        if dark:
            shoot(page, "models_dark")


PIXELS = """canvas => {
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    const counts = {};
    for (let at = 0; at < pixels.length; at += 4) {
        if (pixels[at + 3] < 255) continue;
        const colour = pixels.slice(at, at + 3).join();
        counts[colour] = (counts[colour] ?? 0) + 1;
    }
    return counts;
}"""
# A colour such as oklch(0.4 0.2 265) as the red, green and blue that a canvas makes of it.
STROKES = """lines => lines.map(line => {
    const context = document.createElement('canvas').getContext('2d');
    context.fillStyle = getComputedStyle(line).stroke;
    context.fillRect(0, 0, 1, 1);
    return context.getImageData(0, 0, 1, 1).data.slice(0, 3).join();
})"""


def drawn_colours(chart: Locator) -> dict[str, int]:
    """The opaque colours of a chart, with how many pixels have each."""
    return dict(chart.locator("canvas").evaluate(PIXELS))


def line_colours(page: Page) -> set[str]:
    """The colours of the two models: those of the lines in the legend."""
    return set(page.locator("svg line[stroke*=focus-ring]").evaluate_all(STROKES))


@pytest.fixture
def comparison(site: Site) -> str:
    """The address of the comparison of the two trained sets."""
    rows = {row["set"]: row["id"] for row in site.get("/meli/api/models")["rows"]}
    return f"{MODELS}?{urlencode({'left': rows['quick_mlp'], 'right': rows['quick_cnn']})}"


@pytest.mark.parametrize("narrow", [False, True])
def test_charts_are_drawn_in_the_colours_of_the_theme_and_follow_its_change(
    site: Site, comparison: str, narrow: bool
) -> None:
    with site.page(comparison, narrow=narrow) as page:
        chart = page.get_by_role("img", name="Balanced accuracy")
        expect(chart.locator("canvas")).to_be_visible()
        light = line_colours(page)
        assert len(light) == 2
        assert all(drawn_colours(chart).get(colour, 0) > 100 for colour in light)
        page.evaluate("document.documentElement.classList.replace('light', 'dark')")
        dark = line_colours(page)
        assert not dark & light
        assert all(drawn_colours(chart).get(colour, 0) > 100 for colour in dark)
        box = chart.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= page.evaluate("innerWidth")


def test_a_chart_is_zoomed_and_reset(site: Site, comparison: str) -> None:
    with site.page(comparison) as page:
        chart = page.get_by_role("img", name="Balanced accuracy")
        expect(chart.locator("canvas")).to_be_visible()
        whole = drawn_colours(chart)
        chart.scroll_into_view_if_needed()
        box = chart.bounding_box()
        assert box is not None
        middle = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + box["width"] * 0.4, middle)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.7, middle, steps=5)
        page.mouse.up()
        reset = page.get_by_role("button", name="Reset zoom")
        expect(reset).to_be_visible()
        assert drawn_colours(chart) != whole
        reset.click()
        expect(reset).to_be_hidden()
        page.mouse.move(0, 0)
        assert drawn_colours(chart) == whole


def test_the_page_fits_a_narrow_window(site: Site) -> None:
    with site.page(MODELS, narrow=True) as page:
        board(page)
        content = page.get_by_test_id("main-content")
        assert content.evaluate("element => element.scrollWidth <= element.clientWidth")
        shoot(page, "models_narrow")


def test_a_model_that_does_not_exist_says_what_to_do(site: Site) -> None:
    with site.page(f"{MODELS}?left=no%2Fsuch%2Fmodel&right=x%2Fy%2Fz") as page:
        expect(page.get_by_text("choose a model of the leaderboard")).to_be_visible()
