"""Runs with folds, on real stages: every title is classified by a model that never saw it, champions included."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from meli_tasks.artifacts.manifest import Manifest, ModelRef, need, need_model
from meli_tasks.core.errors import BadData, Diverged
from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.sample.generator import sample
from meli_tasks.decision import Champion
from meli_tasks.ledger import Ledger
from meli_tasks.local_run import LocalRun
from meli_tasks.notifications.message import DagRun, failures_of
from meli_tasks.pipeline import Pipeline, PromotionOutcome
from meli_tasks.planning.evaluation import Evaluated, EvaluationReport
from meli_tasks.planning.plan import Plan
from meli_tasks.planning.preview import Preview
from meli_tasks.run_outcome import StepReport
from meli_tasks.settings import Settings
from meli_tasks.stages import train
from meli_tasks.stages.evaluation import Scores, TestSet
from meli_tasks.stages.files.model_files import load_model
from meli_tasks.stages.hooks import Hooks, Inputs
from meli_tasks.stages.summaries import TrainSummary

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


def test_a_run_without_folds_refuses_a_champion_that_was_trained_on_all_titles_and_says_what_to_do(
    first: Night, settings: Settings, tmp_path: Path, rows: pa.Table
) -> None:
    champion = champion_of(first)
    found = night(settings, tmp_path / "plain.parquet", rows.slice(0, 1_600), folds=0, sets=["quick_mlp"])
    assert list(found.scores.models) == ["quick_mlp"]
    assert found.decision.action == "keep"
    assert "the models cannot be compared" in found.decision.reason
    assert (
        f"It was promoted by a run with {FOLDS} folds and trained on all its titles: a run with folds = {FOLDS} can "
        "compare it on these." in found.decision.reason
    )
    assert champion_of(first) == champion


def test_a_champion_of_a_run_without_folds_is_compared_on_the_titles_that_it_was_not_fitted_on(
    tmp_path: Path, rows: pa.Table
) -> None:
    settings = Settings(store=f"file://{tmp_path}/store", cache=tmp_path / "cache", sets="quick_mlp")
    before = night(settings, tmp_path / "before.parquet", rows.slice(0, 800), folds=0, sets=["quick_mlp"])
    after = night(settings, tmp_path / "after.parquet", rows.slice(0, 1_600), sets=["quick_mlp"])
    assert list(after.scores.models) == ["quick_mlp", "quick_mlp (champion)"]
    fitted = titles_of(before.listings(before.plan.ingest.key), "train", "validation")
    base = {row["row"]: row["title"].lower() for row in after.listings(after.plan.ingest.key).to_pylist()}
    compared = [base[row] for row in after.predictions["row"].to_pylist()]
    assert sorted(compared) == sorted(title for title in base.values() if title not in fitted)
    assert f"{after.test.left_out:,} of {len(base):,} titles were left out" in after.decision.reason


def with_splits(rows: pa.Table, first: int) -> pa.Table:
    """The rows with a split column: the test split holds all from `first` on, and 40 of those before."""
    before = ["test" if row % 40 == 0 else "validation" if row % 40 == 1 else "train" for row in range(first)]
    return rows.append_column("split", pa.array(before + ["test"] * (len(rows) - first)))


def test_with_the_test_split_as_the_only_fold_the_promoted_model_is_trained_on_it_and_another_is_measured(
    tmp_path: Path, rows: pa.Table
) -> None:
    settings = Settings(store=f"file://{tmp_path}/store", cache=tmp_path / "cache", sets="quick_mlp")
    early, sets = rows.slice(0, 1_000), ["quick_mlp"]
    first = night(settings, tmp_path / "first.parquet", early, folds=1, sets=sets)
    champion = champion_of(first)
    [measured] = champion.fold_models
    assert (champion.sha256, champion.folds) == (first.evaluated.ref("quick_mlp").sha256, 1)
    trained = need(first.pipeline.store, "train", champion.train)
    listings = need(first.pipeline.store, "preprocess", trained.inputs["preprocess"]).inputs["ingest"]
    before = Counter(first.listings(first.plan.ingest.key)["split"].to_pylist())
    assert Counter(first.listings(listings)["split"].to_pylist()) == {
        "train": before["train"] + before["test"], "validation": before["validation"]
    }  # fmt: skip
    assert (first.test.titles, first.test.left_out) == (before["test"], 0)
    assert "The figures are of a model that was trained without the test titles" in first.decision.reason

    plain = night(settings, tmp_path / "first.parquet", early, folds=0, sets=sets)
    assert str(plain.evaluated.ref("quick_mlp")) == measured
    assert plain.scores.models["quick_mlp"].balanced_accuracy == champion.balanced_accuracy
    assert "a run with folds = 1 can compare it on these" in plain.decision.reason

    # The test split of a source that assigns it holds titles that the champion's model without "its" test titles saw.
    label = "quick_mlp (champion)"
    second = night(settings, tmp_path / "second.parquet", with_splits(rows, len(early)), folds=1, sets=sets)
    assert second.evaluated.fold_models[label] == (measured,)
    assert list(second.scores.models) == ["quick_mlp", label]
    assert 0 < second.test.fitted[label].train <= second.test.left_out


class Reported:
    """What a run in this process reported of its steps."""

    def __init__(self) -> None:
        self.steps: list[StepReport] = []
        self.running = ""

    def planned(self, preview: Preview) -> None:
        pass

    def started(self, stage: str, name: str) -> None:
        self.running = name

    def finished(self, step: StepReport) -> None:
        self.steps.append(step)


def test_a_set_that_fails_without_one_fold_is_not_evaluated_and_the_fold_is_named(
    settings: Settings, first: Night, tmp_path: Path, rows: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "titles.parquet"
    pq.write_table(rows.slice(0, 1_600), source)
    succeeding, reported = train.run, Reported()

    def failing(inputs: Inputs, out: Path, params: Train, hooks: Hooks) -> TrainSummary:
        if reported.running == "quick_cnn, fold 2 of 3":
            raise Diverged("The loss is not finite at step 12.")
        return succeeding(inputs, out, params, hooks)

    monkeypatch.setattr(train, "run", failing)
    local = LocalRun(reported, "failing", settings)
    overrides = {**OVERRIDES, "train.epochs": 1}
    local.go(
        {"source": str(source), "sets": SETS, "folds": FOLDS, "overrides": overrides, "min_category_rows": 20},
        date(2026, 11, 28),
        "promote",
    )
    assert local.failed == {"quick_cnn": "train, fold 2 of 3: The loss is not finite at step 12."}
    names = [step.name for step in reported.steps if step.stage == "train"]
    assert [name for name in names if name.startswith("quick_cnn")] == [
        "quick_cnn", "quick_cnn, fold 1 of 3", "quick_cnn, fold 2 of 3"
    ]  # fmt: skip
    assert set(local.scores) == {"quick_mlp", f"{champion_of(first).set_name} (champion)"}
    plan = local.plan
    assert plan is not None
    report = EvaluationReport.load(local.pipeline.store, plan.name)
    assert report is not None and report.failed == ("quick_cnn",)
    [failure] = failures_of(local.pipeline.store, DagRun("meli_training", "failing"), plan, report)
    assert (failure.of, failure.message) == ("quick_cnn, fold 2 of 3", "The loss is not finite at step 12.")


def test_fewer_titles_than_folds_stop_the_run_before_anything_is_trained(settings: Settings, tmp_path: Path) -> None:
    source = tmp_path / "few.csv"
    source.write_text("title,category\nmesa,TABLES\nsilla,CHAIRS\nmesa roja,TABLES\nsilla azul,CHAIRS\n", "utf-8")
    reported = Reported()
    local = LocalRun(reported, "few", settings)
    with pytest.raises(BadData, match=r"Fold \d of 10 cannot be used: of 4 listings, none is left for"):
        local.go(
            {"source": str(source), "sets": ["quick_mlp"], "folds": 10, "min_category_rows": 1},
            date(2026, 11, 28),
            "promote",
        )
    assert {step.stage for step in reported.steps} == {"ingest"}
