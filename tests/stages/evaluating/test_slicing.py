"""Slices of the titles, counted by hand."""

from __future__ import annotations

import tracemalloc
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from meli_tasks.core.stage_parameters import Evaluate
from meli_tasks.stages.evaluating.parts import Compared
from meli_tasks.stages.evaluating.slicing import (
    CATEGORY_SIZE,
    NEWEST_DAY,
    TITLE_LENGTH,
    Slicing,
    by_newest_day,
    by_unknown_words,
    slicings_of,
    train_rows,
)
from meli_tasks.stages.evaluation import TestSet
from meli_tasks.stages.listings.test_titles import read_test_table


def listings(path: Path, train: dict[str, int], test: dict[str, str]) -> Path:
    """Listings with so many train titles of each category, and test titles with their category."""
    titles = [f"{name} {place}" for name, rows in train.items() for place in range(rows)]
    categories = [name for name, rows in train.items() for _ in range(rows)]
    n = len(titles) + len(test)
    columns = {
        "row": pa.array(range(n), pa.int64()), "title": [*titles, *test],
        "category": [*categories, *test.values()],
        "language": ["spanish"] * n, "label_quality": pa.array([None] * n, pa.string()),
        "split": ["train"] * len(titles) + ["test"] * len(test),
    }  # fmt: skip
    pq.write_table(pa.table(columns), path)
    return path


def test_the_size_of_a_category_is_that_in_the_train_split_of_the_part(tmp_path: Path) -> None:
    first = listings(tmp_path / "1.parquet", {"A": 20, "B": 21}, {"a": "A", "b": "B", "c": "C"})
    second = listings(tmp_path / "2.parquet", {"A": 501, "B": 100}, {"a": "A", "b": "B"})
    assert train_rows(second) == {"A": 501, "B": 100}
    found = [(read_test_table(path), {"m": tmp_path}, path) for path in (first, second)]
    compared = Compared.of(found, TestSet(split_titles=5, titles=5, required=3))
    sizes = slicings_of(compared)[CATEGORY_SIZE]
    assert [sizes.names[place] for place in sizes.places] == ["1-20", "21-50", "0", "over 500", "51-100"]


def test_values_are_told_apart_whatever_is_in_them(tmp_path: Path) -> None:
    slicing = Slicing.by_value(["b", "a\0", "a", "a\0"])
    assert [slicing.names[place] for place in slicing.places] == ["b", "a\0", "a", "a\0"]
    path = listings(tmp_path / "1.parquet", {"A\0": 20, "A": 21}, {"a": "A\0", "b": "A"})
    compared = Compared.of(
        [(read_test_table(path), {"m": tmp_path}, path)], TestSet(split_titles=2, titles=2, required=1)
    )
    sizes = slicings_of(compared)[CATEGORY_SIZE]
    assert [sizes.names[place] for place in sizes.places] == ["1-20", "21-50"]


def test_of_very_many_values_the_most_frequent_are_slices_and_all_others_one_more() -> None:
    values = [f"v{number:03}" for number in range(200)] + ["v150", "v199"]
    slicing = Slicing.by_value(values)
    right = np.ones(len(values), np.bool_)
    found = slicing.figures(np.zeros(len(values), np.int64), right, Evaluate(bootstrap_samples=100))
    assert {name: one.titles for name, one in found.items()} == {
        **{f"v{number:03}": 1 for number in range(48)}, "v150": 2, "v199": 2, "(all others)": 150
    }  # fmt: skip


def test_a_long_value_takes_its_room_a_single_time() -> None:
    tracemalloc.start()
    try:
        slicing = Slicing.by_value(["x" * 100_000, *["y"] * 1_000])
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
    assert slicing.places.tolist() == [0, *[1] * 1_000]


def test_the_length_of_a_title_is_in_words(tmp_path: Path) -> None:
    titles = {" ".join("x" * words): "A" for words in (1, 3, 4, 7, 8, 12, 13)}
    path = listings(tmp_path / "1.parquet", {"A": 1}, titles)
    compared = Compared.of(
        [(read_test_table(path), {"m": tmp_path}, path)], TestSet(split_titles=7, titles=7, required=3)
    )
    lengths = slicings_of(compared)[TITLE_LENGTH]
    assert [lengths.names[place] for place in lengths.places] == [
        "1-3", "1-3", "4-5", "6-7", "8-9", "10-12", "over 12"
    ]  # fmt: skip


def test_the_newest_day_is_that_of_all_parts_and_the_others_are_earlier(tmp_path: Path) -> None:
    paths = [
        listings(tmp_path / f"{part}.parquet", {"A": 1}, {f"a {part}": "A", f"b {part}": "A"}) for part in range(2)
    ]
    for path, (first, second) in zip(paths, [(27, 28), (28, 1)], strict=True):
        table = pq.read_table(path)
        days = pa.array([date(2026, 12, 1), date(2026, 11, first), date(2026, 11, second)])  # the first is in train
        pq.write_table(table.append_column("day", days), path)
    found = [(read_test_table(path), {"m": tmp_path}, path) for path in paths]
    days = slicings_of(Compared.of(found, TestSet(split_titles=4, titles=4, required=3)))[NEWEST_DAY]
    assert [days.names[place] for place in days.places] == ["earlier", "2026-11-28", "2026-11-28", "earlier"]


def test_without_days_there_is_no_slice_of_the_newest_one_and_of_a_single_day_no_earlier_one(tmp_path: Path) -> None:
    path = listings(tmp_path / "1.parquet", {"A": 1}, {"a": "A"})
    compared = Compared.of(
        [(read_test_table(path), {"m": tmp_path}, path)], TestSet(split_titles=1, titles=1, required=1)
    )
    assert NEWEST_DAY not in slicings_of(compared)
    only = by_newest_day(["2026-11-28"] * 2)
    found = only.figures(np.array([0, 1]), np.array([True, False]), Evaluate(bootstrap_samples=100))
    assert {name: (one.titles, one.accuracy) for name, one in found.items()} == {"2026-11-28": (2, 0.5)}


def test_the_figures_of_slices() -> None:
    slicing = by_unknown_words(np.array([0, 0, 0.2, 0.2, 0.2, 1], np.float32))
    labels, correct = np.array([0, 1, 0, 0, 1, 1]), np.array([True, True, True, False, False, False])
    found = slicing.figures(labels, correct, Evaluate(bootstrap_samples=100))
    assert {name: (one.titles, one.accuracy, one.balanced_accuracy) for name, one in found.items()} == {
        "0 %": (2, 1.0, 1.0), "up to 20 %": (3, pytest.approx(1 / 3), 0.25), "over 40 %": (1, 0.0, 0.0)
    }  # fmt: skip
    for one in found.values():
        assert one.interval is not None and one.interval[0] <= one.balanced_accuracy <= one.interval[1]
