"""The page *Try a title* in Chromium: typing, no known word, and a file scored from choosing it to the download."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.site import Site, shoot

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]

TRY = "/plugin/models?try=1"
FIELD = "A listing title"
FILE = "A CSV file"


@pytest.fixture
def page(site: Site) -> Iterator[Page]:
    with site.page(TRY) as page:
        expect(page.get_by_label(FIELD)).to_be_focused()
        yield page


def test_the_page_is_linked_from_the_models(site: Site) -> None:
    with site.page("/plugin/models") as page:
        page.get_by_role("link", name="Try a title").first.click()
        expect(page.get_by_role("heading", name="Try a title")).to_be_visible()


def test_a_typed_title_is_classified_by_keyboard_alone(page: Page) -> None:
    page.keyboard.type("Funda Iphone qwxzyq")
    page.keyboard.press("Enter")
    answer = page.get_by_test_id("meli-answer")
    expect(answer).to_contain_text("Funda Iphone qwxzyq")
    expect(answer.get_by_role("listitem")).to_have_count(5)
    words = page.get_by_role("table", name="Words of the title").get_by_role("row")
    expect(words).to_have_count(4)
    expect(words.nth(3)).to_contain_text("unknown")
    expect(answer).to_contain_text(re.compile("champion "))
    assert "title=Funda" in page.url  # the link can be sent
    shoot(page, "try")


def test_nonsense_has_no_category(page: Page) -> None:
    page.get_by_label(FIELD).fill("asdkjh qwxzyq vwvwvw")
    answer = page.get_by_test_id("meli-answer")
    expect(answer).to_contain_text("No known word")
    expect(answer.get_by_role("listitem")).to_have_count(0)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("narrow", [False, True])
def test_a_file_is_scored_and_downloaded(site: Site, dark: bool, narrow: bool) -> None:
    rows = [["id", "title", "note"], ["1", "Funda Iphone", "=1+1"], ["2", "asdkjh qwxzyq", "-5"], ["3", "", ""]]
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    with site.page(TRY, dark=dark, narrow=narrow) as page:
        chosen = {"name": "titles.csv", "mimeType": "text/csv", "buffer": text.getvalue().encode()}
        page.get_by_label(FILE).set_input_files([chosen])  # type: ignore[list-item]
        scored = page.get_by_test_id("meli-scored")
        expect(scored).to_contain_text("titles.csv: 3 rows, 1 classified by champion")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        shoot(page, f"try-file-{'dark' if dark else 'light'}-{'narrow' if narrow else 'wide'}")
        with page.expect_download() as download:
            page.get_by_role("button", name="Download the result").click()
        assert download.value.suggested_filename == "titles_categories.csv"
        found = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8"), newline="")))
        assert [(row["id"], row["note"], row["known"]) for row in found] == [
            ("1", "'=1+1", "true"), ("2", "-5", "false"), ("3", "", ""),
        ]  # fmt: skip
        assert [bool(row["category"]) for row in found] == [True, False, False]


def test_what_is_wrong_with_a_file_is_said(page: Page) -> None:
    for content, sentence in (
        (b"name,id\nabc,1\n", "no column 'title'. Its columns: name, id."),
        (b"title\n" + b"x" * 1_000_001, "can have at most"),
        ("title\nabc\n".encode("utf-16"), "iconv -f UTF-16"),
        (b"", "is empty"),
    ):
        page.get_by_label(FILE).set_input_files([{"name": "t.csv", "mimeType": "text/csv", "buffer": content}])
        expect(page.get_by_text(sentence)).to_be_visible()


def test_a_model_that_is_gone_is_a_sentence(site: Site) -> None:
    with site.page(f"{TRY}&title=perfume&model=no/such/model") as page:
        expect(page.get_by_text("This title could not be classified")).to_be_visible()
