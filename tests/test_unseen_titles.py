"""A champion meets its own training titles in the test split: a source whose `split` column changes, on real stages."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from meli_tasks.artifacts.manifest import need
from meli_tasks.core.sample.generator import sample
from meli_tasks.core.text.splits import SPLITS, normalise, split_of
from meli_tasks.ledger import Ledger
from meli_tasks.pipeline import Pipeline
from meli_tasks.promotion import PromotionOutcome
from meli_tasks.settings import Settings
from meli_tasks.stages.evaluation import Scores

ROWS = 3_000


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    """Generated titles, each a single time, of categories that are not too rare to be used."""
    chunk = next(iter(sample(ROWS, seed=4)))
    _, first = np.unique(np.array(normalise(chunk["title"])), return_index=True)
    sizes = Counter(np.array(chunk["category"])[first].tolist())
    used = [row for row in sorted(first) if sizes[chunk["category"][row]] >= 20]
    return pa.table({name: chunk[name] for name in ("title", "category")}).take(pa.array(used))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, rows: pa.Table) -> Settings:
    """A store whose champion was trained on the titles that the hash puts into the train split."""
    folder = tmp_path_factory.mktemp("nights")
    settings = Settings(store=f"file://{folder}/store", cache=folder / "cache", sets="quick_mlp")
    night(settings, folder / "first.parquet", rows)
    champion = Ledger(settings.open_store()).champion()
    assert champion is not None and champion.set_name == "quick_mlp"
    return settings


def night(settings: Settings, path: Path, table: pa.Table) -> tuple[Scores, PromotionOutcome]:
    pq.write_table(table, path)
    pipeline = Pipeline(settings, path.stem)
    plan, _ = pipeline.plan({"source": str(path), "sets": ["quick_mlp"]}, None)
    pipeline.ingest(plan)
    pipeline.preprocess(plan, 0)
    pipeline.embed(plan, 0)
    pipeline.train(plan, "quick_mlp")
    evaluated = pipeline.evaluate(plan, ["quick_mlp"], [])
    scores = pipeline.store.read(need(pipeline.store, "evaluate", evaluated.key).file_name("scores.json"))
    assert scores is not None
    return Scores.model_validate_json(scores.data), pipeline.promote(plan, pipeline.decide(plan, evaluated))


def with_splits(rows: pa.Table, splits: np.ndarray) -> pa.Table:
    return rows.append_column("split", pa.array([SPLITS[split] for split in splits]))


def test_a_split_column_that_appears_compares_nobody_with_the_champion(
    settings: Settings, rows: pa.Table, tmp_path: Path
) -> None:
    hashed = split_of(rows["title"].to_pylist())
    given = np.random.default_rng(0).choice(3, len(rows), p=[0.8, 0.1, 0.1])
    scores, decision = night(settings, tmp_path / "appears.parquet", with_splits(rows, given))
    assert scores.test is not None
    found, test = scores.test.fitted["quick_mlp (champion)"], given == 2
    assert (found.train, found.validation) == ((test & (hashed == 0)).sum(), (test & (hashed == 1)).sum())
    assert list(scores.models) == ["quick_mlp"]
    assert (scores.test.split_titles, scores.test.titles) == (test.sum(), test.sum())
    assert decision.action == "keep"
    assert decision.reason.startswith("quick_mlp (champion) stays champion, because the models cannot be compared: ")
    assert f"it was fitted on {found.train:,} of its train split and {found.validation:,} of its" in decision.reason
    champion = Ledger(settings.open_store()).champion()
    assert champion is not None and champion.set_name == "quick_mlp"


def test_a_split_column_that_moves_some_titles_compares_on_the_others(
    settings: Settings, rows: pa.Table, tmp_path: Path
) -> None:
    given = split_of(rows["title"].to_pylist())
    moved = np.flatnonzero(given == 0)[:60]
    given[moved[:50]], given[moved[50:]] = 2, 1
    tests = int((given == 2).sum())
    scores, decision = night(settings, tmp_path / "moves.parquet", with_splits(rows, given))
    assert scores.test is not None
    assert list(scores.models) == ["quick_mlp", "quick_mlp (champion)"]
    assert (scores.test.split_titles, scores.test.titles) == (tests, tests - 50)
    assert sum(category.titles for category in scores.models["quick_mlp"].categories.values()) == tests - 50
    assert f"50 of {tests:,} test titles were left out" in decision.reason
    assert "quick_mlp (champion): 50 of its train split" in decision.reason


def test_titles_that_a_source_has_in_two_splits_are_no_test_titles(
    settings: Settings, rows: pa.Table, tmp_path: Path
) -> None:
    given = split_of(rows["title"].to_pylist())
    both = rows.take(pa.array(np.flatnonzero(given == 2)[:40]))
    table = pa.concat_tables([with_splits(rows, given), with_splits(both, np.zeros(len(both), int))])
    scores, _ = night(settings, tmp_path / "twice.parquet", table)
    assert scores.test is not None
    assert scores.test.fitted["quick_mlp"].train == 40
    assert scores.test.left_out == 40
