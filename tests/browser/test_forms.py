"""The trigger forms as they open: what will happen, no error before anybody has done anything, one date to set."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from meli_tasks.planning.form import OPEN, OVERRIDES
from tests.browser.forms import Form
from tests.browser.site import Site, shoot

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]

SECTIONS = {
    "meli_training": (OPEN, "Data", OVERRIDES, "Models", "Search", "Promotion"),
    "meli_backfill": (OPEN, "Data", OVERRIDES, "Models", "Promotion", "Run"),
}
INVALID = "[data-invalid]:visible, [aria-invalid=true]:visible"


def marked_in_red(page: Page) -> list[str]:
    """The titles of the sections that Airflow marks as wrong: in another colour than the others, with a sign."""
    titles = page.locator("[role=dialog] button[aria-controls*=':content:']")
    with_sign = titles.filter(has=page.locator("svg").nth(1))
    return with_sign.all_inner_texts()


@pytest.mark.parametrize("dag", SECTIONS)
@pytest.mark.parametrize("narrow", [False, True], ids=["1440", "390"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_form_opens_with_its_summary_and_without_an_error(site: Site, dag: str, narrow: bool, dark: bool) -> None:
    with site.page(f"/dags/{dag}", narrow=narrow, dark=dark) as page:
        form = Form(page)
        dialog = page.get_by_role("dialog")
        with form.section(OPEN) as opened:
            expect(opened.get_by_text("What will happen")).to_be_visible()
            expect(opened.get_by_role("list").first).to_contain_text(
                "titles" if dag == "meli_training" else "first and the last date"
            )
            expect(opened).to_contain_text("Trigger is grey only while a field with a red asterisk is empty")
            first = opened.locator("input[name^=element_]").first
            expect(first).to_have_attribute("name", "element_summary")
        for name in SECTIONS[dag]:
            with form.section(name):
                expect(dialog.locator(INVALID)).to_have_count(0)
        assert marked_in_red(page) == []
        expect(form.submit).to_be_enabled()
        shoot(page, f"{dag}_form_{'narrow' if narrow else 'wide'}_{'dark' if dark else 'light'}")


def test_the_overrides_start_with_what_is_changed_most_often(site: Site) -> None:
    with site.page("/dags/meli_training") as page:
        form = Form(page)
        with form.section(OVERRIDES) as overrides:
            names = overrides.locator("input[name^=element_]").evaluate_all("all => all.map(one => one.name)")
            assert names[:4] == [
                f"element_train.{name}" for name in ("epochs", "learning_rate", "batch_size", "dropout")
            ]
            expect(overrides).to_contain_text("Empty: the value of each set")


def test_a_choice_explains_each_option(site: Site) -> None:
    with site.page("/dags/meli_training") as page:
        form = Form(page)
        with form.section(OPEN) as opened:
            expect(opened.get_by_text("auto: promote a better model, except in a backfill")).to_be_visible()
            opened.get_by_text("auto: promote a better model").click(force=True)
            for option in ("approval: a person approves", "never: only evaluate", "always: promote a better model"):
                expect(page.get_by_role("option", name=option)).to_be_visible()


@pytest.mark.parametrize(("dag", "dates"), [("meli_training", ["as_of"]), ("meli_backfill", ["from_date", "to_date"])])
def test_a_date_has_a_picker(site: Site, dag: str, dates: list[str]) -> None:
    with site.page(f"/dags/{dag}") as page:
        form = Form(page)
        with form.section(OPEN) as opened:
            pickers = opened.locator("input[type=date]")
            assert pickers.evaluate_all("all => all.map(one => one.name)") == [f"element_{name}" for name in dates]
            pickers.first.fill("2026-11-01")
            pickers.first.fill("")
            pickers.first.blur()
            expect(form.submit).to_be_enabled()


def test_an_emptied_field_that_is_needed_is_marked_and_turns_the_button_grey(site: Site) -> None:
    with site.page("/dags/meli_backfill") as page:
        form = Form(page)
        form.fill(OPEN, source="")
        expect(form.submit).to_be_disabled()
        assert marked_in_red(page) == [OPEN]
        form.fill(OPEN, source="sample:rows=1500,seed=1")
        expect(form.submit).to_be_enabled()
