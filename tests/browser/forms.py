"""Fills in Airflow's trigger forms as a person does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Locator, Page, expect


class Form:
    """The trigger form of a DAG, open on its page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.get_by_test_id("trigger-dag-button").click()
        self.submit = page.get_by_test_id("trigger-dag-submit")
        expect(self.submit).to_be_visible()

    @contextmanager
    def section(self, name: str) -> Iterator[Locator]:
        """One section, opened, and closed again."""
        head = self.page.get_by_role("button", name=name, exact=True)
        head.click()
        content = self.page.locator(f"[id$=':content:{name}']")
        expect(content).to_be_visible()
        yield content
        head.click()

    def choose_sets(self, *names: str) -> None:
        """These sets and no others."""
        with self.section("Sets") as sets:
            sets.get_by_label("Clear selected options").first.click(force=True)
            for name in names:
                box = sets.locator("input[aria-autocomplete=list]").first
                box.fill(f"{name}: ")
                expect(self.page.get_by_role("option").first).to_contain_text(f"{name}: ")
                box.press("Enter")
            chosen = sets.locator("input[name=element_sets]").evaluate_all("all => all.map(one => one.value)")
            assert chosen == list(names)

    def fill(self, section: str, **values: str) -> None:
        """Fields by name; `__` stands for the point."""
        with self.section(section) as fields:
            for name, value in values.items():
                box = fields.locator(f"input[name='element_{name.replace('__', '.')}']")
                box.fill(value)
                box.blur()

    def send(self) -> None:
        """Trigger, and wait until Airflow has taken it."""
        expect(self.submit).to_be_enabled()
        self.submit.click()
        expect(self.submit).to_be_hidden()
