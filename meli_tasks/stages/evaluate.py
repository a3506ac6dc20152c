"""evaluate: every model of the run, and the champion, measured on the same test titles.

In: `ingest` (listings.parquet) and one `model:LABEL` folder a model. Out: scores.json, predictions.parquet,
leaderboard.png. A title whose category a model has never seen counts as an error of that model.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from meli_tasks.core import metrics as comparison
from meli_tasks.core.errors import BadData
from meli_tasks.core.hyperparameters import Evaluate
from meli_tasks.stages.files.model_files import load_model
from meli_tasks.stages.files.plots import Bar, draw_leaderboard
from meli_tasks.stages.hooks import Hooks, Inputs, Log
from meli_tasks.stages.summaries import EvaluateSummary

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
    slices: dict[str, list[str]]


@dataclass(frozen=True)
class Answers:
    """What one model says of the n test titles; `predictions` are positions in the shared list of categories."""

    predictions: NDArray[np.int32]
    probabilities: NDArray[np.float32]
    in_top: NDArray[np.bool_]


def run(inputs: Inputs, out: Path, params: Evaluate, hooks: Hooks) -> EvaluateSummary:
    """Measure every model; the summary holds each one's balanced accuracy.

    Raises:
        BadData: no test titles, or no models.
    """
    models = {name.removeprefix("model:"): path for name, path in sorted(inputs.items()) if name.startswith("model:")}
    if not models:
        raise BadData("No model to evaluate: every training of this run failed. Their task logs say why.")
    test = _read_test(inputs["ingest"] / "listings.parquet")
    # Shared by all models; what only a model knows is appended, so a test category keeps its position.
    categories = list(test.categories)
    scores: dict[str, Any] = {}
    columns: dict[str, Any] = {}
    for label, folder in models.items():
        model = load_model(folder)
        answers = _answer(model, test, categories, label, hooks.log)
        scores[label] = {
            **_score(test, answers, params),
            "milliseconds_p95": _milliseconds(model, test.titles),
            "megabytes": round(sum(file.stat().st_size for file in folder.glob("model.*")) / 1e6, 3),
        }
        columns[label], columns[f"{label}_probability"] = answers.predictions, answers.probabilities
        hooks.log.info(
            f"{label}: balanced accuracy {scores[label]['balanced_accuracy']:.4f} on {len(test.titles)} test titles"
        )
    _write_predictions(out / "predictions.parquet", test, categories, columns)
    (out / "scores.json").write_text(json.dumps(scores, ensure_ascii=False, indent=1), encoding="utf-8")
    bars = [Bar(label, s["balanced_accuracy"], *s["interval"]) for label, s in scores.items()]
    draw_leaderboard(
        bars, out / "leaderboard.png", f"{len(test.titles):,} test titles, {len(test.categories)} categories"
    )
    return EvaluateSummary(
        test_titles=len(test.titles),
        test_categories=len(test.categories),
        balanced_accuracy={label: s["balanced_accuracy"] for label, s in scores.items()},
    )


def _read_test(path: Path) -> TestTitles:
    columns = ["row", "title", "category", "language", "label_quality"]
    table = pq.read_table(path, columns=columns, filters=[("split", "==", "test")])
    if table.num_rows == 0:
        raise BadData(
            "The listings hold no test titles: nothing can be measured. With a `split` column of your own some rows "
            "must say `test`; without one, 5 % of the titles become the test split: a handful of rows may leave none."
        )
    names = sorted(pc.unique(table["category"]).to_pylist())
    labels = pc.index_in(table["category"], value_set=pa.array(names)).to_numpy().astype(np.int32)
    slices = {column: pc.fill_null(table[column], UNKNOWN).to_pylist() for column in ("language", "label_quality")}
    return TestTitles(table["row"], table["title"].to_pylist(), labels, names, slices)


def _answer(model: Classifier, test: TestTitles, categories: list[str], label: str, log: Log) -> Answers:
    """Rank every test title; `categories` grows by those that only this model knows."""
    known = {name: position for position, name in enumerate(categories)}
    for name in model.categories:
        if known.setdefault(name, len(categories)) == len(categories):
            categories.append(name)
    position_of = np.array([known[name] for name in model.categories], np.int32)
    n, started = len(test.titles), time.monotonic()
    answers = Answers(np.empty(n, np.int32), np.empty(n, np.float32), np.empty(n, np.bool_))
    for start in range(0, n, CHUNK_TITLES):
        part = slice(start, start + CHUNK_TITLES)
        ranked, probabilities = model.rank(test.titles[part], top=min(TOP, len(model.categories)))
        positions = position_of[ranked]
        answers.predictions[part] = positions[:, 0]
        answers.probabilities[part] = probabilities[:, 0]
        answers.in_top[part] = (positions == test.labels[part, None]).any(axis=1)
        done = min(start + CHUNK_TITLES, n)
        speed = done / max(time.monotonic() - started, 1e-9)
        log.progress(model=label, titles=done, of_titles=n, titles_per_second=round(speed))
    return answers


def _score(test: TestTitles, answers: Answers, options: Evaluate) -> dict[str, Any]:
    correct = answers.predictions == test.labels
    seen = comparison.recalls(test.labels, correct)
    interval = comparison.bootstrap_interval(test.labels, correct, samples=options.bootstrap_samples, seed=options.seed)
    return {
        "balanced_accuracy": float(seen.values.mean()),
        "interval": list(interval),
        "accuracy": float(correct.mean()),
        "top5": float(answers.in_top.mean()),
        "macro_f1": comparison.macro_f1(test.labels, answers.predictions),
        "by_language": _by_slice(test.slices["language"], test.labels, correct),
        "by_label_quality": _by_slice(test.slices["label_quality"], test.labels, correct),
        "categories": {
            test.categories[category]: {"recall": float(recall), "titles": int(titles)}
            for category, recall, titles in zip(seen.categories, seen.values, seen.titles, strict=True)
        },
    }


def _by_slice(values: list[str], labels: NDArray[np.int32], correct: NDArray[np.bool_]) -> dict[str, dict[str, float]]:
    """Balanced accuracy and titles of each slice, e.g. of each language."""
    names, positions = np.unique(np.array(values), return_inverse=True)
    found = {}
    for position, name in enumerate(names):
        inside = positions == position
        accuracy = comparison.recalls(labels[inside], correct[inside]).values.mean()
        found[str(name)] = {"balanced_accuracy": float(accuracy), "titles": int(inside.sum())}
    return found


def _milliseconds(model: Classifier, titles: list[str]) -> float:
    """95th percentile of the wall time of one title at a time, once the model is warm.

    In the quietest of a few rounds: what other trainings on the same machine take is no property of the model.
    """
    for title in titles[:UNTIMED_TITLES]:
        model.rank([title], top=1)
    timed, percentiles = titles[:TIMED_TITLES], []
    for first in range(min(TIMED_ROUNDS, len(timed))):
        taken = []
        for title in timed[first::TIMED_ROUNDS]:
            started = time.perf_counter()
            model.rank([title], top=1)
            taken.append(time.perf_counter() - started)
        percentiles.append(float(np.quantile(taken, 0.95)))
    return round(min(percentiles) * 1e3, 3)


def _write_predictions(path: Path, test: TestTitles, categories: list[str], columns: Mapping[str, Any]) -> None:
    names = pa.array(categories)

    def as_names(positions: NDArray[np.int32]) -> pa.DictionaryArray:
        return pa.DictionaryArray.from_arrays(pa.array(positions), names)

    table: dict[str, Any] = {"row": test.rows, "category": as_names(test.labels)}
    for name, values in columns.items():
        table[name] = as_names(values) if values.dtype == np.int32 else pa.array(values)
    pq.write_table(pa.table(table), path, compression="zstd")
