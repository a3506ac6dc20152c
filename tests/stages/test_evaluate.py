"""evaluate on listings written here, with a classifier that answers what each test tells it to."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from unicodedata import normalize

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sklearn.metrics

from meli_tasks.core.errors import BadData
from meli_tasks.core.models.classifier import Scored, TitleClassifier
from meli_tasks.core.stage_parameters import ModelEvaluation
from meli_tasks.planning.request import SECOND
from meli_tasks.sets.stored import RESERVED, RESERVED_ENDING
from meli_tasks.stages import evaluate
from meli_tasks.stages.evaluating import clock, predictions
from meli_tasks.stages.evaluating.parts import Compared
from meli_tasks.stages.evaluating.predictions import Predictor
from meli_tasks.stages.evaluation import Scores, TestSet
from meli_tasks.stages.figures import (
    AbstentionPoint,
    CategoryRecall,
    Confusion,
    GoldenResult,
    LostTitle,
    ReliabilityBin,
)
from meli_tasks.stages.hooks import Hooks, SilentLog
from meli_tasks.stages.listings.golden import FILE, GoldenFile, GoldenTitle
from meli_tasks.stages.listings.test_titles import read_test_table
from meli_tasks.stages.summaries import EvaluateSummary
from meli_tasks.stages.timings import Timings

PARAMS = ModelEvaluation(bootstrap_samples=100, seed=1)


@dataclass
class AnswersByTitle:
    """A stand-in for TitleClassifier: sure of the category that `answers` holds for a title, else of its first one."""

    categories: list[str]
    answers: dict[str, str]

    def rank(self, titles: list[str], top: int = 5) -> tuple[np.ndarray, np.ndarray]:
        first = [self.categories.index(self.answers.get(title, self.categories[0])) for title in titles]
        order = [[i, *(j for j in range(len(self.categories)) if j != i)][:top] for i in first]
        probabilities = np.linspace(0.9, 0.1, top, dtype=np.float32)[None].repeat(len(titles), 0)
        return np.array(order), probabilities

    def score(self, titles: list[str], labels: np.ndarray, top: int = 5) -> Scored:
        order, every = self.rank(titles, len(self.categories))
        is_true = order == labels[:, None]
        true = np.where(is_true.any(axis=1), every[np.arange(len(titles)), is_true.argmax(axis=1)], 0).astype(
            np.float32
        )
        unknown = np.array([title not in self.answers for title in titles], np.float32)
        return Scored(order[:, :top], every[:, :top], true, unknown)


@pytest.fixture
def listings(tmp_path: Path) -> Path:
    folder = tmp_path / "ingest"
    folder.mkdir()
    columns = {
        "row": pa.array(range(8), pa.int64()),
        "title": ["a1", "a2", "a3", "b1", "b2", "c1", "train me", "validate me"],
        "category": ["A", "A", "A", "B", "B", "C", "A", "A"],
        "language": ["spanish", "spanish", "portuguese", "spanish", None, "spanish", "spanish", "spanish"],
        "label_quality": pa.array(["reliable", "unreliable", None] + ["reliable"] * 5),
        "split": ["test"] * 6 + ["train", "validation"],
    }
    pq.write_table(pa.table(columns), folder / "listings.parquet")
    return folder


def evaluated(
    monkeypatch: pytest.MonkeyPatch,
    listings: Path,
    models: dict[str, AnswersByTitle],
    chunk: int = 4_096,
    *,
    golden: Path | None = None,
    hooks: Hooks | None = None,
) -> tuple[EvaluateSummary, Path]:
    monkeypatch.setattr(predictions, "CHUNK_TITLES", chunk)
    monkeypatch.setattr(evaluate, "load_model", lambda folder: models[folder.name])
    inputs = {"ingest": listings} | ({"golden": golden} if golden else {})
    for label in models:
        inputs[f"model:{label}"] = listings.parent / "models" / label
        inputs[f"model:{label}"].mkdir(parents=True)
        (inputs[f"model:{label}"] / "model.json").write_bytes(b"x" * 5_000)
    out = listings.parent / "out"
    out.mkdir()
    return evaluate.run(inputs, out, PARAMS, hooks or Hooks()), out


@pytest.mark.parametrize("chunk", [1, 4, 4_096])
def test_scores_and_predictions(monkeypatch: pytest.MonkeyPatch, listings: Path, chunk: int) -> None:
    perfect = AnswersByTitle(["C", "B", "A"], {"a1": "A", "a2": "A", "a3": "A", "b1": "B", "b2": "B", "c1": "C"})
    # Knows neither C nor the test's name for it, but a category that the test split lacks.
    partial = AnswersByTitle(["A", "B", "Z"], {"a1": "A", "a2": "A", "a3": "B", "b1": "B", "b2": "B", "c1": "Z"})
    summary, out = evaluated(monkeypatch, listings, {"perfect": perfect, "partial": partial}, chunk)

    accuracy = summary.balanced_accuracy
    assert summary.test_titles == 6
    assert accuracy == {"partial": pytest.approx((2 / 3 + 1 + 0) / 3), "perfect": 1.0}
    found = Scores.model_validate_json((out / "scores.json").read_bytes()).models["partial"]
    assert found.accuracy == pytest.approx(4 / 6)
    assert found.top3 == found.top5 == pytest.approx(5 / 6)
    # Wilson's interval of 0 of 1 ends at z^2 / (1 + z^2).
    interval = (0.0, 1.959963984540054**2 / (1 + 1.959963984540054**2))
    assert found.categories["C"].interval == pytest.approx(interval)
    assert found.categories["C"].model_copy(update={"interval": None}) == CategoryRecall(
        recall=0.0, titles=1, predicted=0
    )
    assert found.categories["B"].predicted == 3
    assert (found.by_language, found.by_label_quality) == (found.slices["language"], found.slices["label_quality"])
    assert [found.slices["language"][name].accuracy for name in ("unknown", "portuguese")] == [1.0, 0.0]
    # Only A is in the train split, with one title; every title is one word that the stand-in knows.
    sizes = found.slices["category_size"]
    assert {name: (one.titles, one.accuracy, one.balanced_accuracy) for name, one in sizes.items()} == {
        "0": (3, pytest.approx(2 / 3), 0.5), "1-20": (3, pytest.approx(2 / 3), pytest.approx(2 / 3))
    }  # fmt: skip
    assert list(found.slices["title_length"]) == ["1-3"] and list(found.slices["unknown_words"]) == ["0 %"]
    assert found.confusions == (
        Confusion(category="A", predicted="B", titles=1, of_titles=3),
        Confusion(category="C", predicted="Z", titles=1, of_titles=1),
    )
    assert found.calibration_error == pytest.approx(0.9 - 4 / 6)
    sure = float(np.float32(0.9))
    [bin_] = found.reliability
    assert bin_ == ReliabilityBin(
        lowest=sure, highest=sure, probability=bin_.probability, accuracy=4 / 6, titles=6
    ) and bin_.probability == pytest.approx(sure)
    assert found.abstention == (AbstentionPoint(threshold=sure, coverage=1.0, accuracy=4 / 6),)
    low, high = found.interval
    assert low <= accuracy["partial"] <= high
    assert found.megabytes == 0.005

    table = pq.read_table(out / "predictions.parquet")
    assert table["row"].to_pylist() == list(range(6))
    assert table["category"].to_pylist() == ["A", "A", "A", "B", "B", "C"]
    assert table["partial"].to_pylist() == ["A", "A", "B", "B", "B", "Z"]
    assert table["partial_second"].to_pylist() == ["B", "B", "A", "A", "A", "A"]
    assert table["partial_second_probability"].to_pylist() == pytest.approx([0.5] * 6)
    # The third, b1, is a B that the model puts second; it does not know C.
    assert table["partial_true_probability"].to_pylist() == pytest.approx([0.9, 0.9, 0.5, 0.9, 0.9, 0])
    assert table["partial_true_probability"].type == pa.float32()
    assert table["perfect_probability"].to_pylist() == pytest.approx([0.9] * 6)
    of_models = {
        label: {name for name in table.column_names if name.startswith(label)} for label in ("partial", "perfect")
    }
    assert set(table.column_names) - of_models["partial"] - of_models["perfect"] == RESERVED.keys() - {"ensemble"}
    endings = {RESERVED_ENDING, f"_true{RESERVED_ENDING}", SECOND, f"{SECOND}{RESERVED_ENDING}"}
    for label, columns in of_models.items():
        assert columns == {label, *(f"{label}{ending}" for ending in endings)}
    assert (found.suspect_labels, summary.suspects_by) == (1, "perfect")
    assert (out / "leaderboard.png").read_bytes().startswith(b"\x89PNG")


def test_every_model_is_checked_with_the_golden_titles(monkeypatch: pytest.MonkeyPatch, listings: Path) -> None:
    titles = [GoldenTitle(title="gold b", category="B"), GoldenTitle(title="gold x", category="X")]
    folder = listings.parent / "golden"
    folder.mkdir()
    (folder / FILE).write_text(GoldenFile(titles=tuple(titles)).model_dump_json())
    known, lost = AnswersByTitle(["A", "B"], {"gold b": "B"}), AnswersByTitle(["A", "B"], {})
    summary, out = evaluated(monkeypatch, listings, {"known": known, "lost": lost}, golden=folder)

    scores = Scores.model_validate_json((out / "scores.json").read_bytes())
    assert scores.golden is not None and scores.golden.unknown_categories == ("X",)
    assert scores.models["known"].golden == GoldenResult(titles=1)
    title = LostTitle(title="gold b", category="B", predicted="A")
    assert scores.models["lost"].golden == GoldenResult(titles=1, lost=(title,), lost_titles=1)
    assert (summary.golden_titles, summary.golden_lost) == (1, {"known": 0, "lost": 1})
    assert summary.notes() == ["Of 1 golden title, lost misclassifies 1.", *scores.golden.notes()]


def test_without_golden_titles_nothing_is_said_of_them(monkeypatch: pytest.MonkeyPatch, listings: Path) -> None:
    summary, out = evaluated(monkeypatch, listings, {"model": AnswersByTitle(["A", "B"], {})})
    scores = Scores.model_validate_json((out / "scores.json").read_bytes())
    assert (scores.golden, scores.models["model"].golden, summary.golden_titles) == (None, None, None)
    assert summary.notes() == []


class Slow(AnswersByTitle):
    """Takes its time by a clock of CPU time that only it moves: seconds by title."""

    clock = 0.0

    def rank(self, titles: list[str], top: int = 5) -> tuple[np.ndarray, np.ndarray]:
        Slow.clock += sum(SECONDS[title] for title in titles)
        return super().rank(titles, top)


SECONDS = {"a1": 0.002, "a2": 0.003, "a3": 0.004, "b1": 0.005, "b2": 0.006, "c1": 0.004}


def test_the_cpu_time_of_a_title_is_in_milliseconds_and_that_of_the_quietest_round(
    monkeypatch: pytest.MonkeyPatch, listings: Path
) -> None:
    monkeypatch.setattr(time, "process_time", lambda: Slow.clock)
    monkeypatch.setattr(clock, "TIMED_ROUNDS", 2)
    recorded: list[Timings] = []
    hooks = Hooks(record_timings=recorded.append)
    _, out = evaluated(monkeypatch, listings, {"slow": Slow(["A", "B", "C"], {})}, hooks=hooks)
    found = Scores.model_validate_json((out / "scores.json").read_bytes())
    assert found.models["slow"].milliseconds_p95 is None  # the file must be the same whenever it is computed again
    timed = found.timed(recorded[0].milliseconds_p95).models["slow"]
    # The rounds take every second title: 2, 4 and 6 ms, or 3, 5 and 4 ms, whose 95th percentile is 4.9 ms.
    assert timed.milliseconds_p95 == pytest.approx(4.9)


def test_one_category_that_is_not_in_the_test_split(monkeypatch: pytest.MonkeyPatch, listings: Path) -> None:
    summary, out = evaluated(monkeypatch, listings, {"lost": AnswersByTitle(["Z"], {})})
    assert summary.balanced_accuracy == {"lost": 0.0}
    table = pq.read_table(out / "predictions.parquet")
    assert table["lost_second"].to_pylist() == [None] * 6
    assert table["lost_second_probability"].to_pylist() == [0.0] * 6


def test_parts_with_models_of_their_own_give_one_set_of_predictions(listings: Path) -> None:
    table = read_test_table(listings / "listings.parquet")
    first = AnswersByTitle(["A", "B"], {"a1": "A", "a2": "B"})
    second = AnswersByTitle(["Z", "C", "B", "A"], {"a3": "A", "b1": "B", "b2": "Z", "c1": "C"})
    models = {listings / "first": first, listings / "second": second}
    parts = [(table.slice(0, 2), {"m": listings / "first"}, listings),
             (table.slice(2), {"m": listings / "second"}, listings)]  # fmt: skip
    compared = Compared.of(parts, TestSet(split_titles=6, titles=6, required=3))
    predictor = Predictor(compared, lambda folder: cast(TitleClassifier, models[folder]), SilentLog())
    found = predictor.predict("m", cast(TitleClassifier, first))
    assert compared.titles.rows.to_pylist() == list(range(6))
    assert [predictor.categories[place] for place in found.categories] == ["A", "B", "A", "B", "Z", "C"]
    assert found.true_ranks.tolist() == [0, 1, 0, 0, 2, 0]


def test_a_category_of_an_older_model_is_the_one_whose_accents_are_composed(
    monkeypatch: pytest.MonkeyPatch, listings: Path
) -> None:
    table = pq.read_table(listings / "listings.parquet")
    names = pa.array([{"A": "CAMIÓN"}.get(name, name) for name in table["category"].to_pylist()])
    place = table.column_names.index("category")
    pq.write_table(table.set_column(place, "category", names), listings / "listings.parquet")
    old = [normalize("NFD", "CAMIÓN"), "B", "CAMIÓN", "C"]
    answers = {"a1": old[0], "a2": old[0], "a3": "CAMIÓN", "b1": "B", "b2": "B", "c1": "C"}
    summary, _ = evaluated(monkeypatch, listings, {"old": AnswersByTitle(old, answers)})
    assert summary.balanced_accuracy == {"old": 1.0}


def test_no_test_titles_is_bad_data(monkeypatch: pytest.MonkeyPatch, listings: Path) -> None:
    path = listings / "listings.parquet"
    table = pq.read_table(path)
    pq.write_table(table.slice(6), path)
    with pytest.raises(BadData, match="no test titles"):
        evaluated(monkeypatch, listings, {"model": AnswersByTitle(["A"], {})})


def test_no_models_is_bad_data(monkeypatch: pytest.MonkeyPatch, listings: Path) -> None:
    with pytest.raises(BadData, match="No model"):
        evaluated(monkeypatch, listings, {})


@pytest.mark.parametrize("seed", range(5))
def test_the_figures_are_scikit_learns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, seed: int) -> None:
    random, names = np.random.default_rng(seed), [f"C{number}" for number in range(9)]
    titles = [f"title {number}" for number in range(300)]
    true = random.choice(names, 300, p=np.arange(1, 10) / 45)
    answers = {title: str(random.choice([label, *names])) for title, label in zip(titles, true, strict=True)}
    folder = tmp_path / "ingest"
    folder.mkdir()
    unknown = pa.array([None] * 300, pa.string())
    columns = {"row": pa.array(range(300), pa.int64()), "title": titles, "category": true.tolist(),
               "language": unknown, "label_quality": unknown, "split": ["test"] * 300}  # fmt: skip
    pq.write_table(pa.table(columns), folder / "listings.parquet")
    model = AnswersByTitle(names, answers)
    _, out = evaluated(monkeypatch, folder, {"model": model})

    found = Scores.model_validate_json((out / "scores.json").read_bytes()).models["model"]
    predicted = [answers[title] for title in titles]
    order, scores = model.rank(titles, top=9)
    probabilities = np.empty((300, 9))
    np.put_along_axis(probabilities, order, scores.astype(np.float64), axis=1)
    assert found.balanced_accuracy == pytest.approx(sklearn.metrics.balanced_accuracy_score(true, predicted))
    assert found.accuracy == pytest.approx(sklearn.metrics.accuracy_score(true, predicted))
    assert found.macro_f1 == pytest.approx(sklearn.metrics.f1_score(true, predicted, average="macro"))
    for k, fraction in ((3, found.top3), (5, found.top5)):
        assert fraction == pytest.approx(sklearn.metrics.top_k_accuracy_score(true, probabilities, k=k, labels=names))
    recalls = sklearn.metrics.recall_score(true, predicted, labels=names, average=None)
    assert [found.categories[name].recall for name in names] == pytest.approx(recalls.tolist())
