"""`meli search` finds a set, `meli sets` shows and removes it, `meli run` trains nothing for it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from meli_tasks.core.errors import BadHyperparameters
from meli_tasks.planning.plan import make_plan
from meli_tasks.planning.request import Request
from meli_tasks.sets import catalog as named_sets
from meli_tasks.settings import Settings
from tests.cli.program import document, here

SMALL = ("--override", "train.epochs=2", "--override", "embed.epochs=1", "--override", "preprocess.max_ngrams=500")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"file://{tmp_path}/store"
    monkeypatch.setenv("MELI_STORE", url)
    monkeypatch.setenv("MELI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MELI_SOURCE", "sample:rows=1500,seed=1")
    return url


def test_a_search_from_its_first_trial_to_a_run_of_what_it_found(store: str) -> None:
    search = ("search", "--minutes", "5", "--from", "quick_mlp", "--trials", "3", "--name", "found", *SMALL)
    result = here(*search)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["ingest", "preprocess", "embed"]
    assert [line.split()[:2] for line in lines[3:6]] == [["trial", "1"], ["trial", "2"], ["trial", "3"]]
    assert lines[6].startswith("found: balanced accuracy 0.")
    assert lines[-1] == "meli run all --sets found"

    found = next(row for row in document("sets") if row["name"] == "found")
    assert (found["family"], found["variant"], found["where"]) == ("mlp", "searched", "store")
    about = document("sets", "found")
    assert about["made_by"]["start"] == "quick_mlp"
    assert about["parameters"]["train.epochs"] == about["parameters"]["train.epochs"] | {"value": 2, "from": "store"}

    ran = document("run", "train", "--sets", "found,quick_mlp")
    trained = {step["name"]: step["hit"] for step in ran["steps"] if step["stage"] == "train"}
    assert trained == {"found": True, "quick_mlp": False}

    assert isinstance(here(*search).exception, BadHyperparameters)  # the name is taken
    assert here("sets", "found", "--remove").exit_code == 0
    assert "found" not in [row["name"] for row in document("sets")]
    assert isinstance(here("sets", "found").exception, BadHyperparameters)


def test_the_family_follows_the_set_to_start_from(store: str) -> None:
    outcome = document("search", "--minutes", "5", "--from", "quick_cnn", "--trials", "1", *SMALL)
    assert (outcome["family"], outcome["start"], outcome["changed"]) == ("cnn", "quick_cnn", {})
    assert outcome["name"].startswith("search_cnn_")
    resolved = named_sets.resolve(outcome["name"], {}, Settings.from_environment())
    assert resolved.train.architecture == "cnn"
    refused = here("search", "--minutes", "1", "--from", "quick_cnn", "--family", "mlp").exception
    assert "belongs to the family cnn" in str(refused)


def test_a_search_uses_exactly_the_titles_of_a_run_with_the_same_options(store: str, tmp_path: Path) -> None:
    words = ("funda", "silicona", "iphone", "mesa", "silla", "roja")
    rows = [
        f"{words[n % 3 + 3 * (n % 2)]} modelo {n},{'CASES' if n % 2 else 'CHAIRS'},2026-11-{1 + n % 20:02}"
        for n in range(400)
    ]
    source = tmp_path / "titles.csv"
    source.write_text("title,category,day\n" + "\n".join([*rows, *[",CASES,2026-11-09"] * 60]) + "\n")
    fields = {"source": str(source), "window_days": 10, "date_column": "day", "max_bad_fraction": 0.5}
    options = [part for name, value in fields.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    small = ("--from", "quick_mlp", "--trials", "1", *SMALL)
    outcome = document("search", "--minutes", "5", *small, "--as-of", "2026-11-12", *options)

    settings = Settings.from_environment()
    held = {"train.epochs": 2, "embed.epochs": 1, "preprocess.max_ngrams": 500}
    request = Request.check({**fields, "sets": "quick_mlp", "overrides": held}, settings)
    plan = make_plan(request, settings, "run", date(2026, 11, 12))
    assert outcome["train"] == plan.sets["quick_mlp"].key


def test_sets_of_the_package_cannot_be_removed_and_a_broken_set_hides_no_other(store: str) -> None:
    assert "part of the package" in str(here("sets", "mlp", "--remove").exception)
    Settings.from_environment().open_store().write("sets/odd.yaml", b"title: x\ntrain: {architecture: rnn}\n")
    result = here("sets")
    assert "odd" not in result.stdout and "mlp" in result.stdout
    assert "Set 'odd': train.architecture = 'rnn'" in result.stderr
    assert here("sets", "odd", "--remove").exit_code == 0
