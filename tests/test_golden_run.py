"""Golden titles through the whole pipeline, with real stages: the run that loses one promotes nothing."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from meli_tasks.ledger import Ledger
from meli_tasks.planning.plan import Plan
from meli_tasks.planning.preview import nothing_new
from meli_tasks.settings import Settings
from tests.cli.program import document, here

QUICK = ("--override", "train.epochs=2", "--override", "embed.dimensions=8", "--override", "preprocess.max_ngrams=500")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of titles, in which golden titles go too; the store is elsewhere."""
    monkeypatch.setenv("MELI_STORE", (tmp_path / "store").as_uri())
    monkeypatch.setenv("MELI_CACHE", str(tmp_path / "cache"))
    titles = tmp_path / "titles"
    titles.mkdir()
    assert here("sample", "--rows", "1200", "--output", str(titles / "titles.csv")).exit_code == 0
    return titles


def run(folder: Path) -> Any:
    return document("run", "all", "--source", f"{folder}/*.csv", "--sets", "quick_mlp", "--as-of", "2026-11-20", *QUICK)


def categories(folder: Path) -> list[str]:
    with (folder / "titles.csv").open(newline="", encoding="utf-8") as file:
        rows = Counter(row["category"] for row in csv.DictReader(file))
    return [name for name, count in rows.most_common(2)]


def computed(made: Any) -> set[str]:
    return {step["stage"] for step in made["steps"] if not step.get("hit")}


def test_a_run_that_loses_a_golden_title_promotes_nothing_until_the_file_changes(folder: Path) -> None:
    golden = folder / "golden.csv"
    [first, second] = categories(folder)
    # A model cannot tell words that it does not know, so it loses one of the two.
    golden.write_text(f"title,category\nqqq www,{first}\nwww qqq,{second}\nTaza,TYPO\n", encoding="utf-8")
    blocked = run(folder)
    [evaluated] = [step for step in blocked["steps"] if step["stage"] == "evaluate"]
    assert evaluated["notes"][1] == (
        "1 of 3 golden titles was not checked, because no title of this run has the category 'TYPO': it is spelled "
        "differently in the source, or has too few rows."
    )
    decision = blocked["decision"]
    assert (decision["action"], decision["champion"]) == ("keep", None)
    assert decision["reason"].startswith("No model becomes champion: quick_mlp ")
    lost = blocked["scores"]["quick_mlp"]["golden"]["lost"][0]
    assert f"'{lost['title']}' is predicted {lost['predicted']}, not {lost['category']}" in decision["reason"]
    assert "1 of 3 golden titles was not checked" in decision["reason"]

    settings = Settings.from_environment()
    store = settings.open_store()
    assert nothing_new(Plan.load(store, blocked["plan"]), store)
    golden.write_text(f"title,category\nqqq www,{lost['predicted']}\n", encoding="utf-8")
    promoted = run(folder)
    assert computed(promoted) == {"evaluate", "promote"}
    assert promoted["decision"]["champion"]["set_name"] == "quick_mlp"
    last = Ledger(store).last()
    assert last is not None
    [gate] = [gate for gate in last.evidence.gates if gate.name == "golden_titles"]
    assert (gate.passed, gate.value, gate.detail) == (True, 0, "1 golden title classified correctly")
