"""evaluate: evaluate every model of the run, and the champion, on the same test titles.

In: `ingest` (listings.parquet), one `model:LABEL` folder per model, and a `listings:LABEL` folder for each model whose
listings may hold test titles in another split. Out: scores.json, predictions.parquet, leaderboard.png.

A title that any compared model was fitted on counts for none of them. A title whose category a model does not know
counts as an error of that model.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from unicodedata import normalize

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from meli_tasks.core import metrics
from meli_tasks.core.errors import BadData
from meli_tasks.core.hyperparameters import Evaluate, ModelEvaluation
from meli_tasks.stages.evaluation import Evaluation, Scores, TestSet
from meli_tasks.stages.figures import CategoryRecall, SliceAccuracy
from meli_tasks.stages.files.model_files import load_model
from meli_tasks.stages.files.plots import Bar, draw_leaderboard
from meli_tasks.stages.hooks import Hooks, Inputs, Log
from meli_tasks.stages.listings.test_titles import (
    Selection,
    TestTitles,
    as_test_titles,
    fitted_on,
    read_test_table,
    select,
)
from meli_tasks.stages.summaries import EvaluateSummary
from meli_tasks.wording import count

if TYPE_CHECKING:
    from meli_tasks.core.models.ensemble import Classifier

MODEL, LISTINGS = "model:", "listings:"
TOP = 5
# A chunk's probabilities are the peak of memory: 4,096 titles x 1,588 categories x 4 bytes = 26 MB.
CHUNK_TITLES = 4_096
TIMED_TITLES = 200
TIMED_ROUNDS = 5
UNTIMED_TITLES = 20


@dataclass(frozen=True)
class Predictions:
    """One model's predictions for the n test titles; `categories` (n,) are positions in the shared list."""

    categories: NDArray[np.int32]
    probabilities: NDArray[np.float32]
    in_top: NDArray[np.bool_]


def run(inputs: Inputs, out: Path, params: ModelEvaluation, hooks: Hooks) -> EvaluateSummary:
    """Evaluate every model; the summary holds each one's balanced accuracy.

    Raises:
        BadData: there are no test titles, no models, or no titles that a model was not fitted on.
    """
    models = _named(inputs, MODEL)
    if not models:
        raise BadData(
            "No model to evaluate: every training run of this DAG run failed. Their task logs have the reasons."
        )
    test, selection, titles = _choose_titles(inputs, list(models), params)
    for note in titles.notes():
        hooks.log.info(note)
    # Shared by all models; categories that only a model knows are appended, so a test category keeps its position.
    categories = list(test.categories)
    evaluations: dict[str, Evaluation] = {}
    predicted: dict[str, Predictions] = {}
    clock = _Clock(test.titles, load_model(models[selection.labels[0]]))
    for label in selection.labels:
        folder = models[label]
        model = load_model(folder) if label != selection.labels[0] else clock.reference
        predicted[label] = _predict(model, test, categories, label, hooks.log)
        megabytes = round(sum(file.stat().st_size for file in folder.glob("model.*")) / 1e6, 3)
        evaluations[label] = _evaluate(test, predicted[label], params, clock.milliseconds(model), megabytes)
        accuracy = evaluations[label].balanced_accuracy
        hooks.log.info(f"{label}: balanced accuracy {accuracy:.4f} on {count(len(test.titles), 'test title')}")
    _write_predictions(out / "predictions.parquet", test, categories, predicted)
    scores = Scores(version=2, models=evaluations, test=titles)
    (out / "scores.json").write_text(scores.model_dump_json(indent=1), encoding="utf-8")
    bars = [Bar(label, found.balanced_accuracy, *found.interval) for label, found in evaluations.items()]
    draw_leaderboard(
        bars, out / "leaderboard.png", f"{len(test.titles):,} test titles, {len(test.categories)} categories"
    )
    return EvaluateSummary(
        test_titles=len(test.titles),
        left_out=titles.left_out,
        not_scored=titles.not_scored,
        test_categories=len(test.categories),
        balanced_accuracy={label: found.balanced_accuracy for label, found in evaluations.items()},
    )


def _named(inputs: Inputs, prefix: str) -> dict[str, Path]:
    return {name.removeprefix(prefix): path for name, path in sorted(inputs.items()) if name.startswith(prefix)}


def _choose_titles(inputs: Inputs, labels: list[str], params: ModelEvaluation) -> tuple[TestTitles, Selection, TestSet]:
    """The titles that no compared model was fitted on, and how they were chosen."""
    table = read_test_table(inputs["ingest"] / "listings.parquet")
    fitted = fitted_on(table["title"].to_pylist(), _named(inputs, LISTINGS))
    selection = select(labels, len(table), fitted)
    chosen = TestSet(
        split_titles=len(table),
        titles=int(selection.unseen.sum()),
        required=selection.required,
        fitted={label: fitted.titles(label) for label in labels if label in fitted.marks},
        unread=params.unread,
        not_scored=selection.not_scored,
    )
    return as_test_titles(table.filter(pa.array(selection.unseen))), selection, chosen


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


class _Clock:
    """Measures the CPU time that a model takes to classify one title at a time, with one thread.

    CPU time hardly depends on what else runs on the machine, wall time does: a model of 1 ms took 177 ms on a busy
    one. What is left, shared caches and the processor's frequency, changes within minutes. So every model, the champion
    too, is timed title by title in turn with the same reference model, and its figure is the reference's first figure
    times the quotient of the two.
    """

    def __init__(self, titles: list[str], reference: Classifier) -> None:
        self._titles, self.reference = titles, reference
        self._of_reference = self._percentiles([reference])[0]

    def milliseconds(self, model: Classifier) -> float:
        """95th percentile over the titles, in milliseconds of CPU time, after a warm-up."""
        if model is self.reference:
            return self._of_reference
        reference, own = self._percentiles([self.reference, model])
        return round(own / reference * self._of_reference, 3) if reference else own

    def _percentiles(self, models: list[Classifier]) -> list[float]:
        """One figure a model: the lowest of a few rounds, each over other titles, as most noise only adds time."""
        with _one_thread():
            for title in self._titles[:UNTIMED_TITLES]:
                for model in models:
                    model.rank([title], top=1)
            timed, rounds = self._titles[:TIMED_TITLES], []
            for first in range(min(TIMED_ROUNDS, len(timed))):
                seconds = [[_cpu_seconds(model, title) for model in models] for title in timed[first::TIMED_ROUNDS]]
                rounds.append(np.quantile(seconds, 0.95, axis=0))
        return [round(float(value) * 1e3, 3) for value in np.min(rounds, axis=0)]


def _cpu_seconds(model: Classifier, title: str) -> float:
    started = time.process_time()
    model.rank([title], top=1)
    return time.process_time() - started


@contextmanager
def _one_thread() -> Iterator[None]:
    """Threads that share the work of one title cost more CPU time than they save."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


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
