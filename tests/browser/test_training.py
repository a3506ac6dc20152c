"""A run from the form to the leaderboard, in a real browser on a real stack."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.browser.forms import Form
from tests.browser.site import Site, run_path, shoot

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]

SETS = ("quick_mlp", "mlp", "quick_cnn", "cnn")
RUNS = "/api/v2/dags/meli_training/dagRuns"


@pytest.fixture(scope="module")
def run(site: Site) -> str:
    """The id of a run triggered through the form: two sets of each family, one override."""
    before = {found["dag_run_id"] for found in site.get(RUNS)["dag_runs"]}
    with site.page("/dags/meli_training") as page:
        form = Form(page)
        shoot(page, "form")
        form.choose_sets(*SETS)
        form.fill("Overrides", train__epochs="10")
        form.send()
    found = site.wait(RUNS, lambda answer: [r for r in answer["dag_runs"] if r["dag_run_id"] not in before], seconds=30)
    return str(found[0]["dag_run_id"])


@pytest.fixture(scope="module")
def finished(site: Site, run: str) -> str:
    state = site.wait(f"{RUNS}/{run}", lambda answer: answer["state"] in ("success", "failed") and answer["state"])
    assert state == "success"
    return run


def instances(site: Site, run: str) -> list[dict[str, Any]]:
    return list(site.get(f"{RUNS}/{run}/taskInstances?limit=100")["task_instances"])


def links_of(site: Site, run: str, task: str, index: int = -1) -> dict[str, str]:
    return dict(site.get(f"{RUNS}/{run}/taskInstances/{task}/links?map_index={index}")["extra_links"])


def points(page: Page) -> int:
    """The number of points in all charts of the tab."""
    charts = page.locator("[data-testid=meli-training] [data-points]")
    return int(charts.evaluate_all("all => all.reduce((sum, one) => sum + Number(one.dataset.points), 0)"))


def test_the_form_starts_the_chosen_sets(site: Site, run: str) -> None:
    conf = site.get(f"{RUNS}/{run}")["conf"]
    assert conf["sets"] == list(SETS)
    assert conf["train.epochs"] == 10


def test_curves_are_displayed_while_a_set_trains(site: Site, run: str) -> None:
    def training(answer: Any) -> Any:
        tasks = [t for t in answer["task_instances"] if t["task_id"] == "train_cnn" and t["state"] == "running"]
        return [t for t in tasks if t["rendered_map_index"] == "cnn"]

    found = site.wait(f"{RUNS}/{run}/taskInstances?limit=100", training)
    curves = f"{run_path(run)}/tasks/train_cnn/mapped/{found[0]['map_index']}/plugin/meli_training"
    with site.page(curves) as page:
        tab = page.get_by_test_id("meli-training")
        expect(tab).to_have_attribute("data-state", "running", timeout=120_000)
        expect(page.get_by_role("table", name="Epochs").locator("tbody tr").nth(1)).to_be_visible(timeout=180_000)
        before = points(page)
        shoot(page, "curves_live")
        # Nobody reloads: the page updates itself.
        expect(tab).to_have_attribute("data-state", "done", timeout=600_000)
        expect(page.get_by_role("table", name="Epochs").locator("tbody tr")).to_have_count(10)
        assert points(page) > before
        assert page.get_by_text("10 of 10").is_visible()
    with site.page(
        f"{run_path(run)}/tasks/train_cnn/mapped/{found[0]['map_index']}/plugin/meli_training", dark=True
    ) as page:
        expect(page.get_by_test_id("meli-training")).to_have_attribute("data-state", "done")
        shoot(page, "curves_done_dark")


def test_mapped_tasks_are_named_after_their_sets(site: Site, finished: str) -> None:
    with site.page(f"{run_path(finished)}/tasks/train_mlp/mapped") as page:
        for name in ("quick_mlp", "mlp"):
            expect(page.get_by_role("link", name=name, exact=True).first).to_be_visible()
        shoot(page, "mapped_tasks")
    found = instances(site, finished)
    trained = {task["rendered_map_index"] for task in found if task["task_id"].startswith("train_")}
    assert trained == set(SETS)


def test_the_tab_of_a_run_has_its_leaderboard_plan_and_decision(site: Site, finished: str) -> None:
    with site.page(run_path(finished)) as page:
        page.get_by_role("link", name="Result", exact=True).click()
        board = page.get_by_role("table", name="Leaderboard")
        for name in SETS:
            expect(board.get_by_text(name, exact=True).first).to_be_visible()
        expect(page.get_by_role("heading", name="Decision")).to_be_visible()
        plan = page.get_by_role("table", name="Plan")
        expect(plan.get_by_text("already there").first).to_be_visible()  # ingest, by the demo's own run
        expect(plan.get_by_text("computed", exact=True).first).to_be_visible()
        shoot(page, "run")
        page.get_by_role("link", name="Compare the best two").click()
        expect(page.get_by_role("heading", name="2 models compared")).to_be_visible()


def test_links_of_a_training_task_lead_to_its_mlflow_run_and_artifacts(site: Site, finished: str) -> None:
    links = links_of(site, finished, "train_mlp", 0)
    with site.page(f"{run_path(finished)}/tasks/train_mlp/mapped/0/details") as page:
        for name in ("MLflow run", "Artifacts"):
            expect(page.get_by_role("link", name=name)).to_have_attribute("href", links[name])
        shoot(page, "links")
        with page.context.expect_page() as opened:
            page.get_by_role("link", name="MLflow run").click()
        opened.value.wait_for_load_state()
        expect(opened.value.get_by_text("quick_mlp").first).to_be_visible()


def test_links_of_evaluate_and_ingest_lead_to_their_files(site: Site, finished: str) -> None:
    assert site.mlflow
    sign_in = site.mlflow["username"], site.mlflow["password"]
    page = links_of(site, finished, "evaluate")["MLflow run"].partition("#")[0]
    assert requests.get(page, auth=sign_in, timeout=30).ok
    for task, file in (("evaluate", "scores.json"), ("ingest", "listings.parquet")):
        link = links_of(site, finished, task)["Artifacts"]
        with site.page(link) as page:
            expect(page.get_by_role("table", name="Files").get_by_text(file)).to_be_visible()


def test_a_task_without_training_has_no_curves(site: Site, finished: str) -> None:
    with site.page(f"{run_path(finished)}/tasks/ingest/plugin/meli_training") as page:
        expect(page.get_by_text("This task has no training curves")).to_be_visible()
