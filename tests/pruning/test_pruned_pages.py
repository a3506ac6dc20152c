"""The pages and the commands about a pruned run: they work, and say that it was pruned."""

from __future__ import annotations

from pathlib import Path

import pytest

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.cache import Cache
from meli_tasks.core.errors import NotFound
from meli_tasks.pages.runs import RunFilter
from meli_tasks.prediction.models import find_model
from meli_tasks.pruning.prune import Prune
from meli_tasks.pruning.rules import Rules
from tests.pages.served import ServedPages
from tests.pruning.memory import Nights

FEW = Rules(keep_runs=2, keep_days=2, keep_versions=1)


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    """Five nights of which the first promoted a model; all but the last two were pruned."""
    nights = Nights(tmp_path)
    for _ in range(5):
        nights.night()
    nights.store.pass_time(days=40)
    Prune(nights.store, Cache(tmp_path / "cache", 1.0), FEW, clock=nights.time).run()
    return nights


def test_the_page_of_a_pruned_run(nights: Nights) -> None:
    pages, run = ServedPages(nights.store), nights.runs[1]
    page = pages.run(run.plan.name)
    assert page["pruned"].startswith("20") and page["evaluated"]
    assert {step["state"] for step in page["steps"] if step["stage"] in ("train", "evaluate")} == {"already there"}
    assert [row["balanced_accuracy"] for row in page["rows"]] == [0.94, 0.92]
    assert pages.run(nights.runs[-1].plan.name)["pruned"] == ""


def test_the_page_of_a_pruned_model(nights: Nights) -> None:
    pages, run = ServedPages(nights.store), nights.runs[1]
    page = pages.model(paths.model_id(run.plan.name, "cnn"))
    assert page["row"]["balanced_accuracy"] == 0.92
    assert [sentence for sentence in page["missing"] if "This model was pruned on" in sentence]
    assert [sentence for sentence in page["missing"] if "The evaluation of the run night_2 was pruned on" in sentence]
    assert (page["load"], page["has_predictions"]) == ([], False)
    assert pages.training(run.plan.name, "cnn")["state"] == "done"


def test_the_page_of_a_pruned_artifact(nights: Nights) -> None:
    pages, made = ServedPages(nights.store), nights.runs[1].trainings["cnn"]
    page = pages.artifact("train", made.key)
    assert page["pruned"].startswith("20")
    assert pages.artifact("train", nights.runs[-1].trainings["cnn"].key)["pruned"] == ""


def test_the_leaderboard_has_pruned_runs(nights: Nights) -> None:
    rows = ServedPages(nights.store).models(RunFilter())["rows"]
    assert {row["run_id"] for row in rows} == {"night_3", "night_4", "night_5"}  # of which the first was pruned
    assert {row["balanced_accuracy"] for row in rows} == {0.94, 0.92}


def test_predicting_with_a_pruned_model_says_so(nights: Nights) -> None:
    made = nights.runs[1].trainings["cnn"]
    with pytest.raises(NotFound, match=f"{made.key} .* was pruned on"):
        find_model(nights.store, key=made.key)
    assert find_model(nights.store, set_name="cnn").manifest == nights.runs[-1].trainings["cnn"]
    assert find_model(nights.store).manifest == nights.runs[0].trainings["mlp"]
