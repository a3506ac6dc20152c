"""Fills in Airflow's trigger forms as a user does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Locator, Page, expect

from meli_tasks.planning.form import OPEN


class Form:
    """The trigger form on the page of a DAG, opened."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.get_by_test_id("trigger-dag-button").click()
        self.submit = page.get_by_test_id("trigger-dag-submit")
        expect(self.submit).to_be_visible()
        # Its first section opens by itself, a little later: whoever clicks on it before that closes it again.
        expect(page.locator(f"[id$=':content:{OPEN}']")).to_be_visible()

    @contextmanager
    def section(self, name: str) -> Iterator[Locator]:
        """One section, which stays open until another one is opened."""
        content = self.page.locator(f"[id$=':content:{name}']")
        if not content.is_visible():
            self.page.get_by_role("button", name=name, exact=True).click()
        expect(content).to_be_visible()
        yield content

    def choose_sets(self, *names: str) -> None:
        """Choose these sets and no others."""
        with self.section(OPEN) as sets:  # the first list of the section is the summary
            sets.get_by_label("Clear selected options").nth(1).click(force=True)
            for name in names:
                box = sets.locator("input[aria-autocomplete=list]").nth(1)
                box.fill(f"{name}: ")
                expect(self.page.get_by_role("option").first).to_contain_text(f"{name}: ")
                box.press("Enter")
            chosen = sets.locator("input[name=element_sets]").evaluate_all("all => all.map(one => one.value)")
            assert chosen == list(names)

    def fill(self, section: str, **values: str) -> None:
        """Fill in fields by name, with `__` for each dot."""
        with self.section(section) as fields:
            for name, value in values.items():
                box = fields.locator(f"input[name='element_{name.replace('__', '.')}']")
                box.fill(value)
                box.blur()

    def send(self) -> None:
        """Trigger the run, and wait until Airflow has accepted it."""
        expect(self.submit).to_be_enabled()
        self.submit.click()
        expect(self.submit).to_be_hidden()
