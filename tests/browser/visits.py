"""Every page and tab of ours, as tests visit them: add yours here, and test_access.py looks at it in every view."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Locator, Page

from tests.browser.site import Site, run_path

MODELS = "/plugin/models"
TRAININGS = "/api/v2/dags/meli_training/dagRuns"
BACKFILLS = "/api/v2/dags/meli_backfill/dagRuns"


@dataclass(frozen=True)
class Visit:
    """A page: where it is, and what is visible once it has loaded."""

    path: Callable[[Site], str]
    loaded: Callable[[Page], Locator]


def first_models(site: Site) -> list[dict[str, Any]]:
    """The models of the oldest training run that compared two of its own."""
    rows = site.get("/meli/api/models?limit=1000")["rows"]
    own: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: str(row["at"])):
        if row["interval"] and not row["external"]:
            own.setdefault(row["run_id"], []).append(row)
    return next(models for models in own.values() if len(models) > 1)


def _first_run(site: Site) -> str:
    return str(first_models(site)[0]["run_id"])


def _comparison(site: Site) -> str:
    left, right = first_models(site)[:2]
    return f"{MODELS}?{urlencode({'left': left['id'], 'right': right['id']})}"


def _artifact(site: Site) -> str:
    run = _first_run(site)
    links = site.get(f"{TRAININGS}/{run}/taskInstances/evaluate/links")["extra_links"]
    return str(links["Artifacts"]).removeprefix(site.url)


def _task(site: Site, task: str) -> str:
    return f"{run_path(_first_run(site))}/tasks/{task}/plugin/meli_training"


def _training(site: Site) -> str:
    instances = site.get(f"{TRAININGS}/{_first_run(site)}/taskInstances?limit=100")["task_instances"]
    one = next(one for one in instances if one["task_id"].startswith("train_") and one["state"] == "success")
    return f"{run_path(_first_run(site))}/tasks/{one['task_id']}/mapped/{one['map_index']}/plugin/meli_training"


VISITS = {
    "models": Visit(lambda _: MODELS, lambda page: page.get_by_role("table", name="Leaderboard")),
    "no models": Visit(lambda _: f"{MODELS}?text=nobody+has+this", lambda page: page.get_by_text("No run matches")),
    "comparison": Visit(_comparison, lambda page: page.get_by_role("img", name="Balanced accuracy")),
    "model": Visit(
        lambda site: f"{MODELS}?{urlencode({'model': first_models(site)[0]['id']})}",
        lambda page: page.get_by_role("table", name="Slices"),
    ),
    "try": Visit(lambda _: f"{MODELS}?try=1", lambda page: page.get_by_role("button", name="Classify")),
    "unknown model": Visit(
        lambda _: f"{MODELS}?{urlencode({'left': 'no/such/model', 'right': 'x/y/z'})}",
        lambda page: page.get_by_text("choose a model of the leaderboard"),
    ),
    "artifact": Visit(_artifact, lambda page: page.get_by_role("table", name="Files")),
    "run": Visit(
        lambda site: f"{run_path(_first_run(site))}/plugin/meli_run", lambda page: page.get_by_role("table").first
    ),
    "unknown run": Visit(
        lambda _: f"{run_path('no_such_run')}/plugin/meli_run", lambda page: page.locator("[data-meli] *").first
    ),
    "training": Visit(_training, lambda page: page.get_by_role("table", name="Epochs")),
    "task without training": Visit(
        lambda site: _task(site, "ingest"), lambda page: page.get_by_text("This task has no training curves")
    ),
}
