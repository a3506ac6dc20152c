"""The reference model: what it learns, and which titles it is fitted on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from meli_tasks.core.errors import BadData
from meli_tasks.core.models.reference import predict_by_reference
from meli_tasks.core.stage_parameters import Evaluate, Reference
from meli_tasks.stages import reference
from meli_tasks.stages.evaluating.predictions import Predictions
from meli_tasks.stages.evaluating.reference import reference_model, write_reference
from meli_tasks.stages.figures import ReferenceModel
from meli_tasks.stages.hooks import Hooks
from meli_tasks.stages.listings.test_titles import TestTitles
from tests.stages.small_titles import NOUNS, titles_of

NAMES = sorted(NOUNS)


def write_listings(folder: Path, splits: list[str], titles: list[str], labels: list[int]) -> Path:
    folder.mkdir(parents=True)
    n, unknown = len(titles), pa.array([None] * len(titles), pa.string())
    columns = {
        "row": pa.array(range(10, 10 + n), pa.int64()), "title": titles, "category": [NAMES[one] for one in labels],
        "language": unknown, "label_quality": unknown, "split": splits,
    }  # fmt: skip
    pq.write_table(pa.table(columns), folder / "listings.parquet", row_group_size=50)
    return folder


def run(listings: Path, **params: int) -> tuple[list[int], list[str], int]:
    out = listings.parent / "reference"
    out.mkdir()
    summary = reference.run({"ingest": listings}, out, Reference.model_validate(params), Hooks())
    table = pq.read_table(out / "reference.parquet")
    return table["row"].to_pylist(), table["category"].to_pylist(), summary.trained_titles


@pytest.mark.parametrize("rows_at_once", [7, 131_072])
def test_it_learns_the_train_titles_and_classifies_the_test_titles(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rows_at_once: int
) -> None:
    monkeypatch.setattr(reference, "_ROWS_AT_ONCE", rows_at_once)
    titles, labels = titles_of(400, seed=1)
    splits = ["test" if place % 4 == 0 else "train" for place in range(400)]
    rows, categories, trained = run(write_listings(tmp_path / "ingest", splits, titles, labels))
    assert rows == list(range(10, 410, 4)) and trained == 300
    assert categories == [NAMES[label] for label in labels[::4]]


@pytest.mark.parametrize("most", [1, 3, 7, 100, 299, 300, 301])
def test_titles_are_taken_evenly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, most: int) -> None:
    monkeypatch.setattr(reference, "_ROWS_AT_ONCE", 13)
    titles = [f"{place}" for place in range(400)]
    splits = ["validation" if place % 4 == 0 else "train" for place in range(400)]
    listings = write_listings(tmp_path / "ingest", splits, titles, [0] * 400)
    taken, available = reference._train_titles(listings / "listings.parquet", most)
    train = [title for title, split in zip(titles, splits, strict=True) if split == "train"]
    wanted = min(most, 300)
    assert available == 300
    assert taken["title"].to_pylist() == [train[place * 300 // wanted] for place in range(wanted)]


def test_listings_without_train_titles_are_bad_data(tmp_path: Path) -> None:
    listings = write_listings(tmp_path / "ingest", ["test"], ["taza"], [1])
    with pytest.raises(BadData, match="no train titles"):
        run(listings)


@pytest.mark.parametrize("titles", [["", "...", "!"], ["taza", "funda", "mesa"]])
def test_with_nothing_to_learn_it_predicts_the_most_frequent_category(titles: list[str]) -> None:
    labels = np.array([2, 1, 2]) if not titles[0] else np.array([2, 2, 2])
    assert predict_by_reference(titles, labels, ["taza", ""], seed=1).tolist() == [2, 2]


def test_it_is_the_same_each_time() -> None:
    titles, labels = titles_of(60, seed=3)
    found = [predict_by_reference(titles, np.array(labels), titles_of(200, seed=4)[0], seed=1) for _ in range(2)]
    np.testing.assert_array_equal(*found)


def some_titles(rows: list[int], labels: list[int]) -> TestTitles:
    numbers = pa.chunked_array([pa.array(rows, pa.int64())])
    return TestTitles(numbers, [""] * len(rows), np.array(labels, np.int32), ["A", "B"], [], [])


def predictions(categories: list[int]) -> Predictions:
    found = Predictions.empty(len(categories))
    found.categories[:] = categories
    return found


def test_the_figures_over_parts_and_the_models_that_do_not_beat_it(tmp_path: Path) -> None:
    # It is right about 30 of 40 titles: the first 10 of each 20 are of A, and every fourth is wrong.
    labels, right = [0] * 20 + [1] * 20, [place % 4 > 0 for place in range(40)]
    guessed = ["AB"[label if fine else 1 - label] for label, fine in zip(labels, right, strict=True)]
    inputs = {}
    for fold, trained in ((1, 300), (2, 280)):
        rows = list(range(fold - 1, 40, 2))
        inputs[f"reference:{fold}"] = folder = tmp_path / str(fold)
        folder.mkdir()
        write_reference(folder, pa.chunked_array([rows]), pa.array([guessed[row] for row in rows]), trained)
    # The titles come in the order of the parts.
    order = [*range(0, 40, 2), *range(1, 40, 2)]
    titles = some_titles(order, [labels[row] for row in order])
    every = {
        "perfect": predictions([labels[row] for row in order]),
        "same": predictions(["AB".index(guessed[row]) for row in order]),
        "one better": predictions([labels[row] if row == 0 else "AB".index(guessed[row]) for row in order]),
    }
    found = reference_model(inputs, titles, every, Evaluate(bootstrap_samples=1_000))
    assert found is not None
    assert (found.accuracy, found.balanced_accuracy, found.trained_titles) == (0.75, 0.75, 280)
    assert found.interval[0] < 0.75 < found.interval[1]
    assert found.not_beaten_by == ("same", "one better")
    assert found.notes() == [
        "same, one better do not significantly beat the reference model, TF-IDF with a linear classifier (balanced "
        "accuracy 0.7500)."
    ]


def test_a_reference_of_other_listings_is_bad_data(tmp_path: Path) -> None:
    write_reference(tmp_path, pa.chunked_array([[1]]), pa.array(["A"]), 5)
    with pytest.raises(BadData, match="1 of 2 test titles have no prediction"):
        reference_model({"reference": tmp_path}, some_titles([1, 2], [0, 1]), {}, Evaluate())


def test_without_one_there_are_no_figures() -> None:
    assert reference_model({}, some_titles([1], [0]), {}, Evaluate()) is None


def test_a_model_that_beats_it_gives_no_note() -> None:
    assert ReferenceModel(balanced_accuracy=0.5, interval=(0, 1), accuracy=0.5, trained_titles=1).notes() == []
