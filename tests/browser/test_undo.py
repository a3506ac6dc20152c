"""Promotion and rollback by button: the ledger, MLflow's alias, the page and predictions agree afterwards.

The other tests want the champion that the demo's run promoted, so this file is the last one by name.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.site import Site, run_path, shoot

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]

MODELS = "/plugin/models"
ROOT = Path(__file__).parents[2]
REASON = "<b>recall</b> of PHONES fell"


def in_force(site: Site, stack: dict[str, str]) -> dict[str, str]:
    """Which model is champion, by everybody who says so."""
    command = [sys.executable, "-m", "meli_tasks.cli", "champion", "--json"]
    ledger = subprocess.run(command, env=stack | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True)
    card = site.get("/meli/api/models")["champion"]
    alias = site.get("/meli/api/mlflow")
    predicted = predict(site, "funda de silicona para celular")
    assert alias["note"] == ""
    return {
        "ledger": json.loads(ledger.stdout)["train"],
        "alias": alias["train"],
        "page": card["train"],
        "predictions": predicted["train"],
    }


def predict(site: Site, title: str) -> Any:
    return site.post("/meli/api/predict", {"titles": [title]})


def decide(page: Page, question: str, button: str) -> None:
    """Answer a question with a reason."""
    dialog = page.get_by_role("alertdialog", name=question)
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("button", name=button)).to_be_disabled()  # without a reason
    dialog.get_by_label("Reason").fill(REASON)
    dialog.get_by_role("button", name=button).click()


def test_a_promotion_and_its_rollback_by_button_reach_everybody(site: Site, stack: dict[str, str]) -> None:
    before = site.get("/meli/api/models")
    first, last = before["champion"], before["last_decision"]
    others = [
        row for row in before["rows"] if row["interval"] and row["train"] != first["train"] and not row["external"]
    ]
    other = others[0]
    with site.page(MODELS) as page:
        page.get_by_label(f"Compare {other['set']} of {other['run_id']}").first.focus()
        page.keyboard.press("Space")
        page.get_by_role("button", name="Promote", exact=True).click()
        decide(page, f"Promote {other['set']} of {other['run_id']}?", "Promote")
        expect(page.get_by_text(f"Decision {last + 1}: the champion is now {other['set']}.")).to_be_visible()
        champion = page.get_by_test_id("champion")
        expect(champion.get_by_role("heading", name=other["set"])).to_be_visible()
        expect(champion.get_by_text(REASON)).to_be_visible()  # as text
        assert set(in_force(site, stack).values()) == {other["train"]}

        champion.get_by_role("button", name=f"Roll back to {first['set']}").click()
        shoot(page, "rollback")
        decide(page, f"Roll back from {other['set']} to {first['set']}?", "Roll back")
        expect(page.get_by_text(f"Decision {last + 2}: the champion is now {first['set']}.")).to_be_visible()
        expect(champion.get_by_role("heading", name=first["set"])).to_be_visible()
        page.get_by_text("Show all").click()
        history = page.get_by_role("table", name="Promotion history")
        expect(history.get_by_text("rollback", exact=True).first).to_be_visible()
        assert set(in_force(site, stack).values()) == {first["train"]}
    newest = site.get("/meli/api/decisions")["decisions"][0]
    assert (newest["number"], newest["action"], newest["reason"]) == (last + 2, "rollback", REASON)
    assert newest["by"] == site.user


def test_a_page_that_is_out_of_date_decides_nothing(site: Site, stack: dict[str, str]) -> None:
    last = site.get("/meli/api/models")["last_decision"]
    with site.page(MODELS) as page:
        page.get_by_test_id("champion").get_by_role("button", name="Roll back").click()
        # Somebody else promotes meanwhile; the page polls, so its own requests are held back.
        page.route("**/meli/api/models?**", lambda route: route.abort())
        rows = site.get("/meli/api/models")["rows"]
        champion = site.get("/meli/api/champion")
        restored = site.get("/meli/api/champion-news")["way_back"]["set"]
        other = next(row for row in rows if row["interval"] and row["train"] != champion["train"])
        body = {"model": other["id"], "reason": "needed now", "expected": last}
        assert site.post("/meli/api/promote", body)["decision"]["number"] == last + 1
        decide(page, f"Roll back from {champion['set']} to {restored}?", "Roll back")
        expect(page.get_by_role("alert").get_by_text(f"its last decision is {last + 1}, not {last}")).to_be_visible()
    assert set(in_force(site, stack).values()) == {other["train"]}
    assert site.get("/meli/api/models")["last_decision"] == last + 1


@pytest.mark.parametrize("dark", [False, True])
def test_the_question_fits_a_narrow_window(site: Site, dark: bool) -> None:
    with site.page(MODELS, narrow=True, dark=dark) as page:
        page.get_by_test_id("champion").get_by_role("button", name="Roll back").click()
        dialog = page.get_by_role("alertdialog")
        expect(dialog).to_be_visible()
        content = page.get_by_test_id("main-content")
        assert content.evaluate("element => element.scrollWidth <= element.clientWidth")
        dialog.scroll_into_view_if_needed()
        shoot(page, f"rollback_narrow{'_dark' if dark else ''}")


@pytest.mark.parametrize("narrow", [False, True])
def test_a_run_offers_its_models_and_its_report(site: Site, narrow: bool) -> None:
    run_id = next(row["run_id"] for row in site.get("/meli/api/models")["rows"])
    with site.page(f"{run_path(run_id)}/plugin/meli_run", narrow=narrow) as page:
        tab = page.get_by_test_id("meli-run")
        expect(tab.get_by_role("button", name="Promote quick_cnn")).to_be_visible()
        assert tab.evaluate("element => element.scrollWidth <= element.clientWidth")
        shoot(page, f"run_promote{'_narrow' if narrow else ''}")
        with page.context.expect_page() as opened:
            tab.get_by_role("link", name="Report").click()
        expect(opened.value.get_by_role("heading").first).to_be_visible()
        assert opened.value.evaluate("origin") == "null"  # sandboxed: it cannot reach Airflow
        shoot(opened.value, f"report{'_narrow' if narrow else ''}")
