"""Runs with folds, on real stages: every title is classified by a model that never saw it, champions included."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from meli_tasks.artifacts.manifest import Manifest, ModelRef, need, need_model
from meli_tasks.core.sample.generator import sample
from meli_tasks.ledger import Champion, Ledger
from meli_tasks.pipeline import Pipeline, PromotionOutcome
from meli_tasks.planning.evaluation import Evaluated
from meli_tasks.planning.plan import Plan
from meli_tasks.settings import Settings
from meli_tasks.stages.evaluation import Scores, TestSet
from meli_tasks.stages.files.model_files import load_model

ROWS = 2_400
FOLDS = 3
SETS = ["quick_mlp", "quick_cnn"]
OVERRIDES = {"preprocess.max_ngrams": 3_000, "embed.dimensions": 16, "embed.epochs": 1, "train.epochs": 3}


@dataclass(frozen=True)
class Night:
    """One run, with what it left."""

    pipeline: Pipeline
    plan: Plan
    evaluated: Evaluated
    decision: PromotionOutcome

    @property
    def scores(self) -> Scores:
        manifest = need(self.pipeline.store, "evaluate", self.evaluated.key)
        blob = self.pipeline.store.read(manifest.file_name("scores.json"))
        assert blob is not None
        return Scores.model_validate_json(blob.data)

    @property
    def test(self) -> TestSet:
        assert self.scores.test is not None
        return self.scores.test

    def table(self, manifest: Manifest, file: str) -> pa.Table:
        return pq.read_table(self.pipeline.runner.folder(manifest) / file)

    def listings(self, key: str) -> pa.Table:
        return self.table(need(self.pipeline.store, "ingest", key), "listings.parquet")

    @property
    def predictions(self) -> pa.Table:
        return self.table(need(self.pipeline.store, "evaluate", self.evaluated.key), "predictions.parquet")


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    chunk = next(iter(sample(ROWS, seed=4)))
    table = pa.table({name: chunk[name] for name in ("title", "category")})
    sizes = Counter(table["category"].to_pylist())
    return table.filter(pa.array([sizes[name] >= 20 for name in table["category"].to_pylist()]))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("nights")
    return Settings(store=f"file://{folder}/store", cache=folder / "cache", sets="quick_mlp")


def night(
    settings: Settings, path: Path, table: pa.Table, *, folds: int = FOLDS, sets: list[str] | None = None
) -> Night:
    """A run up to its decision. Steps that exist are reused."""
    pq.write_table(table, path)
    pipeline = Pipeline(settings, path.stem)
    names = sets or SETS
    plan, _ = pipeline.plan(
        {"source": str(path), "sets": names, "folds": folds, "overrides": OVERRIDES, "min_category_rows": 20}, None
    )
    pipeline.ingest(plan)
    for recipe in range(len(plan.all_recipes)):
        pipeline.preprocess(plan, recipe)
        pipeline.embed(plan, recipe)
    for name in names:
        for number in range(len(plan.training_runs(name))):
            pipeline.train(plan, name, number)
    pipeline.ensemble(plan, names)
    evaluated = pipeline.evaluate(plan, names, [])
    return Night(pipeline, plan, evaluated, pipeline.promote(plan, pipeline.decide(plan, evaluated)))


@pytest.fixture(scope="module")
def first(settings: Settings, rows: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Night:
    """The first night: two thirds of the titles."""
    return night(settings, tmp_path_factory.mktemp("first") / "first.parquet", rows.slice(0, 1_600))


def champion_of(night: Night) -> Champion:
    champion = Ledger(night.pipeline.store).champion()
    assert champion is not None
    return champion


def titles_of(table: pa.Table, *splits: str) -> set[str]:
    return {row["title"].lower() for row in table.to_pylist() if row["split"] in splits}


def test_every_title_of_the_listings_is_predicted_exactly_once(first: Night) -> None:
    base = first.listings(first.plan.ingest.key)
    assert first.predictions["row"].to_pylist() == base["row"].to_pylist()
    assert first.predictions["category"].cast(pa.string()).to_pylist() == base["category"].to_pylist()
    assert (first.test.titles, first.test.split_titles, first.test.folds) == (len(base), len(base), FOLDS)
    for evaluation in first.scores.models.values():
        assert sum(category.titles for category in evaluation.categories.values()) == len(base)


def test_each_title_is_predicted_by_a_model_that_saw_neither_it_nor_its_words(first: Night) -> None:
    base = {row["row"]: row["title"] for row in first.listings(first.plan.ingest.key).to_pylist()}
    predicted = {row["row"]: row for row in first.predictions.to_pylist()}
    for fold in first.plan.folds:
        listings = first.listings(fold.listings.key)
        tested = [row for row in listings.to_pylist() if row["split"] == "test"]
        assert not titles_of(listings, "train", "validation") & titles_of(listings, "test")
        for name in SETS:
            manifest = need(first.pipeline.store, "train", fold.sets[name].key)
            assert ModelRef.parse(first.evaluated.fold_models[name][fold.number - 1]) == manifest.ref
            prepared = need(first.pipeline.store, "preprocess", manifest.inputs["preprocess"])
            assert prepared.inputs == {"ingest": fold.listings.key}
            assert prepared.summary["titles"] == {
                split: listings["split"].to_pylist().count(split) for split in ("train", "validation")
            }
            model = load_model(first.pipeline.runner.folder(manifest))
            ranked, _ = model.rank([base[row["row"]] for row in tested], top=1)
            names = [model.categories[place] for place in ranked[:, 0]]
            assert [predicted[row["row"]][name] for row in tested] == names


def test_the_promoted_model_was_trained_on_all_titles_and_the_decision_says_so(first: Night) -> None:
    champion = champion_of(first)
    assert (champion.folds, len(champion.fold_models)) == (FOLDS, FOLDS)
    assert champion.balanced_accuracy == first.scores.models[champion.set_name].balanced_accuracy
    model = need_model(first.pipeline.store, champion.train, champion.sha256)
    listings = first.listings(
        model.inputs.get("ingest")
        or need(first.pipeline.store, "preprocess", model.inputs["preprocess"]).inputs["ingest"]
    )
    assert Counter(listings["split"].to_pylist()).keys() == {"train", "validation"}
    assert first.decision.action == "promote"
    assert f"cross-validated over {FOLDS} folds ({first.test.titles:,} titles)" in first.decision.reason
    assert "The model itself was trained on all titles." in first.decision.reason


def test_running_again_computes_nothing(
    first: Night, settings: Settings, tmp_path: Path, rows: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = Pipeline(settings, "again")
    params = {"source": first.plan.request.source, "sets": SETS, "folds": FOLDS}
    plan, preview = again.plan({**params, "overrides": OVERRIDES, "min_category_rows": 20}, None)
    assert (preview.computed, plan.steps()) == (0, first.plan.steps())
    assert preview.nothing_new.startswith("The same titles, sets and champion as before; decision 1")


def test_a_champion_is_compared_on_the_titles_of_each_fold_by_its_own_model_of_the_fold(
    first: Night, settings: Settings, rows: pa.Table, tmp_path: Path
) -> None:
    champion = champion_of(first)
    second = night(settings, tmp_path / "second.parquet", rows)
    label = f"{champion.set_name} (champion)"
    assert second.evaluated.fold_models[label] == champion.fold_models
    assert (second.test.left_out, second.test.titles) == (0, len(second.listings(second.plan.ingest.key)))
    predicted = {row["row"]: row[label] for row in second.predictions.to_pylist()}
    for fold, ref in zip(second.plan.folds, map(ModelRef.parse, champion.fold_models), strict=True):
        tested = [row for row in second.listings(fold.listings.key).to_pylist() if row["split"] == "test"]
        model = load_model(second.pipeline.runner.folder(need_model(second.pipeline.store, ref.key, ref.sha256)))
        ranked, _ = model.rank([row["title"] for row in tested], top=1)
        assert [predicted[row["row"]] for row in tested] == [model.categories[place] for place in ranked[:, 0]]
        before = first.listings(first.plan.folds[fold.number - 1].listings.key)
        assert not titles_of(before, "train", "validation") & {row["title"].lower() for row in tested}
