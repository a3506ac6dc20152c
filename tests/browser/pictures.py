"""Takes the pictures of docs/: `MELI_TEST_HOME=.meli python -m tests.browser.pictures`, with the demo running.

Its store should hold a run of the default sets on generated titles, and nothing that is not public.
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from meli_tasks.settings import home
from meli_tasks.stack.home import Home
from tests.browser import chromium
from tests.browser.conftest import RUNNING, settings_of
from tests.browser.site import signed_in
from tests.browser.visits import VISITS

DOCS = Path(__file__).parents[2] / "docs"
HEIGHT = 1000
# The file, the page, and whether in dark mode.
PICTURES = [
    ("models", "models", False), ("models-dark", "models", True), ("model", "model", False),
    ("comparison", "comparison", False), ("run", "run", False), ("curves", "training", False), ("try", "try", False),
]  # fmt: skip


def picture(page: Page, name: str) -> None:
    """Save what the window displays, once it has stopped loading."""
    expect(page.locator("[data-meli] [aria-busy=true]")).to_have_count(0)
    page.set_viewport_size({"width": page.evaluate("innerWidth"), "height": HEIGHT})
    page.screenshot(path=DOCS / f"{name}.png", animations="disabled")


def main() -> int:
    """Take all pictures, or those whose names are given."""
    stack = settings_of(Home(Path(RUNNING) if RUNNING else home()))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.found(), args=chromium.ARGUMENTS)
        site = signed_in(stack, browser)
        for name, visit, dark in PICTURES:
            if sys.argv[1:] and name not in sys.argv[1:]:
                continue
            with site.page(VISITS[visit].path(site), dark=dark) as page:
                expect(VISITS[visit].loaded(page)).to_be_visible()
                if name == "try":
                    page.get_by_role("textbox").first.fill("Funda Silicona Iphone 11")
                    page.keyboard.press("Enter")
                    expect(page.get_by_text("CELLPHONE_COVERS").first).to_be_visible()
                picture(page, name)
        if not sys.argv[1:] or "report" in sys.argv[1:]:
            with site.page(VISITS["run"].path(site)) as page, page.context.expect_page() as opened:
                page.get_by_test_id("meli-run").get_by_role("link", name="Report").click()
                opened.value.wait_for_load_state()
                opened.value.screenshot(path=DOCS / "report.png")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
