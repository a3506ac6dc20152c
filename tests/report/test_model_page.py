"""The page of a model against the files of real runs, read as plain JSON and Parquet: each figure is the stored one."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from typing import Any

import pyarrow.parquet as pq
import pytest

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import Manifest, need
from meli_tasks.ledger import Ledger
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.planning.plan import Plan
from tests.pages.served import ServedPages
from tests.report.conftest import RealRuns

MODELS = [(0, "quick_mlp"), (1, "quick_mlp"), (1, "mlp_fast"), (1, "quick_mlp (champion)")]


class Stored:
    """What a run left: the manifest of its evaluation, and the evaluation of one model as plain JSON."""

    def __init__(self, runs: RealRuns, plan: Plan, label: str) -> None:
        self.store, self.label = runs.store, label
        report = EvaluationReport.load(runs.store, plan.name)
        assert report is not None
        self.evaluate: Manifest = need(runs.store, "evaluate", report.key)
        self.scores: Any = json.loads(self.file("scores.json"))
        assert label in self.scores["models"], f"{label} is not one of {list(self.scores['models'])}"
        self.model: Any = self.scores["models"][label]
        self.listings = need(runs.store, "ingest", plan.ingest.key)

    def file(self, name: str) -> bytes:
        blob = self.store.read(self.evaluate.file_name(name))
        assert blob is not None
        return blob.data

    def predictions(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(self.file("predictions.parquet"))).to_pylist()
        return rows


@pytest.fixture(params=MODELS, ids=[f"{run}-{label}" for run, label in MODELS])
def page_and_stored(request: pytest.FixtureRequest, real_runs: RealRuns) -> tuple[ServedPages, str, Stored]:
    number, label = request.param
    plan = real_runs.plans[number]
    return ServedPages(real_runs.store), paths.model_id(plan.name, label), Stored(real_runs, plan, label)


def test_every_figure_is_the_stored_one(page_and_stored: tuple[ServedPages, str, Stored]) -> None:
    pages, model, stored = page_and_stored
    page, found = pages.model(model), stored.model
    row = {name: page["row"][name] for name in ("balanced_accuracy", "interval", "accuracy", "top5", "macro_f1")}
    assert row == {name: found[name] for name in row}
    assert page["figures"] == {name: found[name] for name in page["figures"]}
    assert page["figure"]["evaluated"] == found["balanced_accuracy"]
    assert page["figure"]["interval"] == found["interval"]
    assert (page["reliability"], page["abstention"]) == (found["reliability"], found["abstention"])
    assert page["reference"] == stored.scores["reference"]
    assert page["test_set"]["titles"] == stored.scores["test"]["titles"]
    assert page["missing"] == []


def test_every_slice_and_every_category_is_there(page_and_stored: tuple[ServedPages, str, Stored]) -> None:
    pages, model, stored = page_and_stored
    page = pages.model(model)
    slices: dict[str, dict[str, Any]] = {}
    for row in page["slices"]:
        slices.setdefault(row["kind"], {})[row["name"]] = {k: row[k] for k in row if k not in ("kind", "name", "few")}
    assert slices == stored.model["slices"]
    categories = {
        row["category"]: {k: row[k] for k in row if k not in ("category", "few")} for row in page["categories"]
    }
    assert categories == stored.model["categories"]
    assert all(row["few"] == (row["titles"] < 30) for row in page["slices"])


def test_every_confusion_is_one_of_the_predictions(page_and_stored: tuple[ServedPages, str, Stored]) -> None:
    pages, model, stored = page_and_stored
    page, label = pages.confusions(model), stored.label
    assert page["pairs"] == stored.model["confusions"]
    wrong = Counter((row["category"], row[label]) for row in stored.predictions() if row["category"] != row[label])
    most = sorted(wrong.items(), key=lambda item: (-item[1], item[0]))[:100]
    assert [((one["category"], one["predicted"]), one["titles"]) for one in page["pairs"]] == most
    first = page["pairs"][0]
    titles = pages.confused_titles(model, first["category"], first["predicted"], 1_000)
    by_row = {row["row"]: row for row in stored.predictions()}
    blob = stored.store.read(stored.listings.file_name("listings.parquet"))
    assert blob is not None
    texts = {row["row"]: row["title"] for row in pq.read_table(io.BytesIO(blob.data)).to_pylist()}
    assert len(titles["shown"]) == titles["titles"] == first["titles"]
    for one in titles["shown"]:
        predicted = by_row[one["row"]]
        assert one["title"] == texts[one["row"]]
        assert one["probability"] == predicted[f"{label}_probability"]
        assert one["true_probability"] == predicted[f"{label}_true_probability"]
        assert (predicted["category"], predicted[label]) == (first["category"], first["predicted"])


def test_all_pairs_of_a_category_are_reachable(page_and_stored: tuple[ServedPages, str, Stored]) -> None:
    pages, model, stored = page_and_stored
    category = stored.model["confusions"][0]["category"]
    page = pages.confusions(model, category)
    wrong = Counter((row["category"], row[stored.label]) for row in stored.predictions())
    expected = {pair: count for pair, count in wrong.items() if category in pair and pair[0] != pair[1]}
    assert page["of"] == category
    assert {(one["category"], one["predicted"]): one["titles"] for one in page["pairs"]} == expected
    titles = Counter(row["category"] for row in stored.predictions())
    assert all(one["of_titles"] == titles[one["category"]] for one in page["pairs"])


def test_the_suspect_labels_are_as_many_as_the_page_says(page_and_stored: tuple[ServedPages, str, Stored]) -> None:
    pages, model, stored = page_and_stored
    table = pages.suspect_labels(model)
    assert table == stored.file("suspect_labels.csv")
    lines = list(csv.DictReader(io.StringIO(table.decode(), newline="")))
    if stored.label == stored.scores["suspects_by"]:
        assert len(lines) == stored.model["suspect_labels"]


def test_a_champions_figure_is_without_its_selection_bias(real_runs: RealRuns) -> None:
    pages, decisions = ServedPages(real_runs.store), Ledger(real_runs.store).decisions()
    champion = decisions[0].champion
    assert champion is not None
    page = pages.model(paths.model_id(real_runs.plans[0].name, champion.set_name))
    assert page["figure"]["selection_bias"] == champion.selection_bias
    assert page["figure"]["balanced_accuracy"] == champion.figure
    assert page["champion"] == (decisions[-1].champion is not None and decisions[-1].champion.train == champion.train)
    assert page["decisions"][-1]["number"] == 1
