"""Checks a page of ours with axe-core, and that it fits its window.

Only our own parts are judged: whatever stands in `OURS`. Airflow's navigation, headers and tabs are not ours, and its
violations are not reported here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, TimeoutError

AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"
NOT_CHECKED = (
    "The accessibility of the pages was NOT CHECKED: axe-core is not installed. Install the npm packages: "
    "sh tests/js/run.sh install"
)
# The frame around each page and tab (pages.js), the link that leads to it, and our dialogs.
OURS = "[data-meli]"
SERIOUS = ("serious", "critical")
RUN = """async ours => {
    const only = {include: [[ours]]};
    // Animations that fade something in would be measured half-way.
    for (const animation of document.getAnimations()) {
        if (animation.effect?.getComputedTiming().endTime !== Infinity) animation.finish();
    }
    const {violations} = await axe.run(only, {resultTypes: ['violations']});
    return violations.map(({id, impact, help, nodes}) => ({
        id, impact, help,
        nodes: nodes.map(({html, failureSummary}) => `${html.slice(0, 300)}\\n      ${failureSummary}`),
    }));
}"""


def violations(page: Page) -> list[dict[str, Any]]:
    """What axe-core finds in our parts of a page, of every impact; the test is skipped, loudly, without axe-core."""
    if not AXE.is_file():
        pytest.skip(NOT_CHECKED)
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    assert page.locator(OURS).count(), f"nothing of ours is on {page.url}"
    return list(page.evaluate(RUN, OURS))


def check_accessibility(page: Page) -> None:
    """Fail if axe-core finds a serious or critical violation in our parts of a page.

    Call it last in a test: without axe-core it skips the rest.
    """
    found = [one for one in violations(page) if one["impact"] in SERIOUS]
    lines = [f"{one['id']} ({one['impact']}): {one['help']}\n    " + "\n    ".join(one["nodes"]) for one in found]
    assert not found, f"{page.url}\n" + "\n".join(lines)


FITS = """ours => document.querySelector(ours).getBoundingClientRect().right <= innerWidth
    && document.querySelector(ours).scrollWidth <= document.querySelector(ours).clientWidth"""
OVERFLOWING = """ours => {
    const scrolls = element => element !== null && !element.matches(ours)
        && (getComputedStyle(element).overflowX !== 'visible' || scrolls(element.parentElement));
    return [...document.querySelectorAll(`${ours} *`)]
        .filter(element => element.getBoundingClientRect().right > innerWidth && !scrolls(element.parentElement))
        .map(element => element.outerHTML.slice(0, 200));
}"""


def check_fits(page: Page) -> None:
    """Fail if our part of a page stays wider than its window. A wide table may scroll sideways, in its own frame."""
    try:
        page.wait_for_function(FITS, arg=OURS)
    except TimeoutError:
        wide = f"{page.url} is wider than its window:\n"
        raise AssertionError(wide + "\n".join(page.evaluate(OVERFLOWING, OURS)[:5])) from None
