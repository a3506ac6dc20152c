"""evaluate: evaluate every model of the run, and the champion, on the same test titles.

In: `ingest` (listings.parquet) and one `model:LABEL` folder per model. Out: scores.json, predictions.parquet,
leaderboard.png. A title whose category a model does not know counts as an error of that model.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from unicodedata import normalize

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from meli_tasks.core import metrics
from meli_tasks.core.errors import BadData
from meli_tasks.core.hyperparameters import Evaluate
from meli_tasks.stages.evaluation import CategoryRecall, Evaluation, Scores, SliceAccuracy
from meli_tasks.stages.files.model_files import load_model
from meli_tasks.stages.files.plots import Bar, draw_leaderboard
from meli_tasks.stages.hooks import Hooks, Inputs, Log
from meli_tasks.stages.summaries import EvaluateSummary
from meli_tasks.wording import count

if TYPE_CHECKING:
    from meli_tasks.core.models.ensemble import Classifier

TOP = 5
# A chunk's probabilities are the peak of memory: 4,096 titles x 1,588 categories x 4 bytes = 26 MB.
CHUNK_TITLES = 4_096
TIMED_TITLES = 200
TIMED_ROUNDS = 5
UNTIMED_TITLES = 20
UNKNOWN = "unknown"


@dataclass(frozen=True)
class TestTitles:
    """The test split, n titles. `labels` (n,) are positions in `categories`, which is sorted."""

    rows: pa.ChunkedArray
    titles: list[str]
    labels: NDArray[np.int32]
    categories: list[str]
    languages: list[str]
    label_qualities: list[str]


@dataclass(frozen=True)
class Predictions:
    """One model's predictions for the n test titles; `categories` (n,) are positions in the shared list."""

    categories: NDArray[np.int32]
    probabilities: NDArray[np.float32]
    in_top: NDArray[np.bool_]


def run(inputs: Inputs, out: Path, params: Evaluate, hooks: Hooks) -> EvaluateSummary:
    """Evaluate every model; the summary holds each one's balanced accuracy.

    Raises:
        BadData: there are no test titles, or no models.
    """
    models = {name.removeprefix("model:"): path for name, path in sorted(inputs.items()) if name.startswith("model:")}
    if not models:
        raise BadData(
            "No model to evaluate: every training run of this DAG run failed. Their task logs have the reasons."
        )
    test = _read_test(inputs["ingest"] / "listings.parquet")
    # Shared by all models; categories that only a model knows are appended, so a test category keeps its position.
    categories = list(test.categories)
    evaluations: dict[str, Evaluation] = {}
    predicted: dict[str, Predictions] = {}
    for label, folder in models.items():
        model = load_model(folder)
        predicted[label] = _predict(model, test, categories, label, hooks.log)
        megabytes = round(sum(file.stat().st_size for file in folder.glob("model.*")) / 1e6, 3)
        evaluations[label] = _evaluate(test, predicted[label], params, _milliseconds(model, test.titles), megabytes)
        accuracy = evaluations[label].balanced_accuracy
        hooks.log.info(f"{label}: balanced accuracy {accuracy:.4f} on {count(len(test.titles), 'test title')}")
    _write_predictions(out / "predictions.parquet", test, categories, predicted)
    (out / "scores.json").write_text(Scores(version=2, models=evaluations).model_dump_json(indent=1), encoding="utf-8")
    bars = [Bar(label, found.balanced_accuracy, *found.interval) for label, found in evaluations.items()]
    draw_leaderboard(
        bars, out / "leaderboard.png", f"{len(test.titles):,} test titles, {len(test.categories)} categories"
    )
    return EvaluateSummary(
        test_titles=len(test.titles),
        test_categories=len(test.categories),
        balanced_accuracy={label: found.balanced_accuracy for label, found in evaluations.items()},
    )


def _read_test(path: Path) -> TestTitles:
    columns = ["row", "title", "category", "language", "label_quality"]
    table = pq.read_table(path, columns=columns, filters=[("split", "==", "test")])
    if table.num_rows == 0:
        raise BadData(
            "The listings hold no test titles, so no model can be evaluated. If the source has a `split` column, some "
            "rows must say `test`; if it has none, 5 % of the titles become the test split, which may leave no title "
            "of a handful of rows."
        )
    names = sorted(pc.unique(table["category"]).to_pylist())
    labels = pc.index_in(table["category"], value_set=pa.array(names)).to_numpy().astype(np.int32)
    languages, qualities = (
        pc.fill_null(table[column], UNKNOWN).to_pylist() for column in ("language", "label_quality")
    )
    return TestTitles(table["row"], table["title"].to_pylist(), labels, names, languages, qualities)


def _predict(model: Classifier, test: TestTitles, categories: list[str], label: str, log: Log) -> Predictions:
    """Rank the categories of every test title; those that only this model knows are appended to `categories`."""
    known = {name: position for position, name in enumerate(categories)}
    # As listings have them since ingest composes accents; older models know a category as it was written.
    own = [normalize("NFC", name) for name in model.categories]
    for name in own:
        if known.setdefault(name, len(categories)) == len(categories):
            categories.append(name)
    position_of = np.array([known[name] for name in own], np.int32)
    n, started = len(test.titles), time.monotonic()
    predicted = Predictions(np.empty(n, np.int32), np.empty(n, np.float32), np.empty(n, np.bool_))
    for start in range(0, n, CHUNK_TITLES):
        part = slice(start, start + CHUNK_TITLES)
        ranked, probabilities = model.rank(test.titles[part], top=min(TOP, len(model.categories)))
        positions = position_of[ranked]
        predicted.categories[part] = positions[:, 0]
        predicted.probabilities[part] = probabilities[:, 0]
        predicted.in_top[part] = (positions == test.labels[part, None]).any(axis=1)
        done = min(start + CHUNK_TITLES, n)
        speed = done / max(time.monotonic() - started, 1e-9)
        log.progress(model=label, titles=done, of_titles=n, titles_per_second=round(speed))
    return predicted


def _evaluate(
    test: TestTitles, predicted: Predictions, params: Evaluate, milliseconds: float, megabytes: float
) -> Evaluation:
    correct = predicted.categories == test.labels
    recalls = metrics.recalls(test.labels, correct)
    interval = metrics.bootstrap_interval(test.labels, correct, samples=params.bootstrap_samples, seed=params.seed)
    return Evaluation(
        balanced_accuracy=float(recalls.values.mean()),
        interval=interval,
        accuracy=float(correct.mean()),
        top5=float(predicted.in_top.mean()),
        macro_f1=metrics.macro_f1(test.labels, predicted.categories),
        milliseconds_p95=milliseconds,
        megabytes=megabytes,
        by_language=_by_slice(test.languages, test.labels, correct),
        by_label_quality=_by_slice(test.label_qualities, test.labels, correct),
        categories={
            test.categories[category]: CategoryRecall(recall=float(recall), titles=int(titles))
            for category, recall, titles in zip(recalls.categories, recalls.values, recalls.titles, strict=True)
        },
    )


def _by_slice(values: list[str], labels: NDArray[np.int32], correct: NDArray[np.bool_]) -> dict[str, SliceAccuracy]:
    """Balanced accuracy and number of titles of each slice, e.g. of each language."""
    names, positions = np.unique(np.array(values), return_inverse=True)
    found = {}
    for position, name in enumerate(names):
        inside = positions == position
        accuracy = metrics.recalls(labels[inside], correct[inside]).values.mean()
        found[str(name)] = SliceAccuracy(balanced_accuracy=float(accuracy), titles=int(inside.sum()))
    return found


def _milliseconds(model: Classifier, titles: list[str]) -> float:
    """95th percentile of the wall time of classifying one title at a time, in milliseconds, after a warm-up.

    The best of a few rounds counts, because load from other processes is not a property of the model.
    """
    for title in titles[:UNTIMED_TITLES]:
        model.rank([title], top=1)
    timed, percentiles = titles[:TIMED_TITLES], []
    for first in range(min(TIMED_ROUNDS, len(timed))):
        seconds = []
        for title in timed[first::TIMED_ROUNDS]:
            started = time.perf_counter()
            model.rank([title], top=1)
            seconds.append(time.perf_counter() - started)
        percentiles.append(float(np.quantile(seconds, 0.95)))
    return round(min(percentiles) * 1e3, 3)


def _write_predictions(path: Path, test: TestTitles, categories: list[str], predicted: dict[str, Predictions]) -> None:
    """Write one row per test title: its row in the listings, its category, each model's prediction and probability."""
    names = pa.array(categories)

    def as_names(positions: NDArray[np.int32]) -> pa.DictionaryArray:
        return pa.DictionaryArray.from_arrays(pa.array(positions), names)

    columns = {"row": test.rows, "category": as_names(test.labels)}
    for label, prediction in predicted.items():
        columns[label] = as_names(prediction.categories)
        columns[f"{label}_probability"] = pa.array(prediction.probabilities)
    pq.write_table(pa.table(columns), path, compression="zstd")
