"""`meli backfill` in this process, through the real stages on small titles of two days."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from meli_tasks.core.errors import BadHyperparameters, BadSettings, Diverged, NotFound
from tests.cli.program import document, here

DATES = ("--from", "2026-11-01", "--to", "2026-11-02")
QUICK = ("--override", "train.epochs=2", "--override", "embed.dimensions=8", "--override", "preprocess.max_ngrams=500")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the titles of two days; the store and the cache go there too."""
    folder = tmp_path_factory.mktemp("backfill")
    for day in (1, 2):
        file = str(folder / f"titles-2026-11-0{day}.csv")
        assert here("sample", "--rows", "1200", "--seed", str(day), "--output", file).exit_code == 0
    return folder


@pytest.fixture(autouse=True)
def settings(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setenv("MELI_STORE", (place / "store").as_uri())
    monkeypatch.setenv("MELI_CACHE", str(place / "cache"))
    monkeypatch.setenv("MELI_SOURCE", "titles-{ds}.csv")


def backfill(*arguments: str, sets: str = "quick_mlp") -> Any:
    return json.loads(here("backfill", *DATES, *QUICK, "--sets", sets, "--here", "--yes", *arguments, "--json").stdout)


@pytest.fixture
def outcome(settings: None, place: Path) -> Any:
    """The backfill; computed for the first test that asks, and found by the others."""
    return backfill()


def test_each_date_trains_on_its_own_titles_and_promotes_nothing(outcome: Any, place: Path) -> None:
    found = outcome["report"]
    assert found["state"] == "success"
    assert [day["date"] for day in found["dates"]] == ["2026-11-01", "2026-11-02"]
    accuracies = [day["scores"]["quick_mlp"]["balanced_accuracy"] for day in found["dates"]]
    assert accuracies[0] != accuracies[1]
    assert not (place / "store" / "ledger").exists()


def test_title_and_ensemble_options_reach_every_run(settings: None) -> None:
    options = ("--reliable-only", "--max-bad-share", "0.2", "--min-category-rows", "1000000", "--no-ensemble")
    found = backfill(*options)
    wanted = {"reliable_only": True, "max_bad_fraction": 0.2, "min_category_rows": 1_000_000, "ensemble": False}
    for day in found["preview"]["dates"]:
        assert wanted.items() <= day["conf"].items()
    assert [day["state"] for day in found["report"]["dates"]] == ["failed", "failed"]  # no category is so large


def test_a_second_backfill_computes_nothing_and_reports_the_same_scores(outcome: Any) -> None:
    again = backfill()
    assert [day["done"] for day in again["preview"]["dates"]] == [True, True]
    assert (again["report"]["computed"], again["report"]["reused"]) == (0, 8)
    assert [day["scores"] for day in again["report"]["dates"]] == [day["scores"] for day in outcome["report"]["dates"]]


def test_another_set_only_computes_its_own_training_runs(outcome: Any, place: Path) -> None:
    plans = {path: path.read_bytes() for path in (place / "store" / "plans").rglob("*.json")}
    more = backfill(sets="quick_mlp,quick_cnn")
    assert [(day["computed"], day["reused"]) for day in more["report"]["dates"]] == [(2, 4), (2, 4)]
    # Whether the mean of the two is a candidate as well is for the validation titles to say.
    assert set(more["report"]["dates"][0]["scores"]) - {"ensemble"} == {"quick_mlp", "quick_cnn"}
    assert {path: path.read_bytes() for path in plans} == plans


def test_only_a_failed_set_is_named_and_tried_again(outcome: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from meli_tasks.pipeline import Pipeline

    def diverges(self: Pipeline, plan: Any, set_name: str, fold: int) -> Any:
        if plan.as_of == "2026-11-02":
            raise Diverged("The loss is not finite at step 12.")
        return train(self, plan, set_name, fold)

    train = Pipeline.train
    more = ("--override", "train.dropout=0.2")
    monkeypatch.setattr(Pipeline, "train", diverges)
    failed = here("backfill", *DATES, *QUICK, *more, "--sets", "quick_mlp", "--here", "--yes")
    assert failed.exit_code == 1
    assert "meli: 2026-11-02" in failed.stderr
    monkeypatch.setattr(Pipeline, "train", train)
    again = backfill(*more)
    assert [day["done"] for day in again["preview"]["dates"]] == [True, False]
    assert [day["computed"] for day in again["report"]["dates"]] == [0, 1]
    assert again["report"]["state"] == "success"


def test_only_a_model_that_failed_itself_has_a_failed_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    from meli_tasks.backfill.report import BackfillReport, DateReport, Score
    from meli_tasks.cli import backfill_runs

    score = Score(0.9, (0.8, 1.0))
    dates = (
        DateReport("2026-11-01", "", "", "computed", scores=dict.fromkeys(["quick_mlp", "ensemble"], score)),
        # One model failed, so there is nothing to weigh: no ensemble was tried.
        DateReport("2026-11-02", "", "", "computed", scores={"quick_mlp": score}, failed={"quick_cnn": "diverged"}),
        # A step that every set needs failed, so no model was tried.
        DateReport("2026-11-03", "", "", "failed", failed={"": "ingest titles.csv: no titles"}),
    )
    found = BackfillReport("local__1", "", "failed", dates, computed=3, reused=0, seconds=1.0)
    monkeypatch.setattr(backfill_runs, "in_this_process", lambda *_, **__: found)
    result = here("backfill", *DATES, *QUICK, "--override", "train.dropout=0.3", "--here", "--yes").stdout
    table = result[result.index("balanced accuracy") :].splitlines()
    assert [line.split() for line in table[1:5]] == [
        ["date", "state", "quick_mlp", "ensemble", "quick_cnn"],
        ["2026-11-01", "computed", "0.9000", "0.9000", "-"],
        ["2026-11-02", "computed", "0.9000", "-", "failed"],
        ["2026-11-03", "failed", "-", "-", "-"],
    ]


def test_backfills_started_in_the_same_second_have_different_ids(outcome: Any) -> None:
    # Nothing is to be computed, so they begin at once.
    assert len({backfill()["preview"]["id"] for _ in range(4)}) == 4


def test_backfills_are_listed_with_their_outcome(outcome: Any) -> None:
    found = document("backfill", "--list")["backfills"]
    assert {line["state"] for line in found} == {"success", "failed"}
    assert found == sorted(found, key=lambda line: line["at"], reverse=True)
    result = here("backfill", "--list")
    assert found[0]["id"] in result.stdout


def test_without_a_terminal_the_preview_is_printed_and_nothing_runs(place: Path) -> None:
    before = sorted((place / "store").rglob("*.json"))
    result = here("backfill", *DATES, "--sets", "quick_cnn", "--override", "train.epochs=3", "--here")
    assert result.exit_code == 2
    assert "2 of 2 dates to run" in result.stdout
    assert "add --yes" in result.stderr
    assert sorted((place / "store").rglob("*.json")) == before


def test_wrong_dates_are_refused_before_anything_runs() -> None:
    refused = here("backfill", "--from", "2026-11-02", "--to", "2026-11-01", "--here")
    assert isinstance(refused.exception, BadHyperparameters)
    refused = here("backfill", *DATES, "--override", "train.epoch=2", "--here")
    assert "did you mean train.epochs" in str(refused.exception)
    assert isinstance(here("backfill", *DATES).exception, BadSettings)  # no Airflow, and not here


def test_cancelling_needs_a_running_backfill(monkeypatch: pytest.MonkeyPatch) -> None:
    from meli_tasks.airflow_client import AirflowApi

    monkeypatch.setenv("MELI_AIRFLOW_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(AirflowApi, "run_state", lambda self, dag, run: "")
    refused = here("backfill", "--cancel", "manual__1")
    assert isinstance(refused.exception, NotFound)
    assert "has no backfill manual__1" in str(refused.exception)
