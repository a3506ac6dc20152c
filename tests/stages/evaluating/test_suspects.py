"""The table of suspect labels: what it holds, and that no spreadsheet runs it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from meli_tasks.stages.evaluating.predictions import NONE, Predictions
from meli_tasks.stages.evaluating.suspects import COLUMNS, judge, suspects_of, write_suspects
from meli_tasks.stages.evaluation import Evaluation
from meli_tasks.stages.listings.test_titles import TestTitles

CATEGORIES = ["COVERS", "=MUGS", "SHOES"]


def titles_of(titles: list[str], labels: list[int]) -> TestTitles:
    rows = pa.chunked_array([pa.array([100 + place for place in range(len(titles))], pa.int64())])
    unknown = ["unknown"] * len(titles)
    return TestTitles(rows, titles, np.array(labels, np.int32), CATEGORIES, ["spanish"] * len(titles), unknown)


def predictions_of(
    ranked: list[tuple[int, int]], probabilities: list[tuple[float, float]], true: list[float]
) -> Predictions:
    found = Predictions.empty(len(ranked))
    found.categories[:], found.second[:] = zip(*ranked, strict=True)
    found.probabilities[:], found.second_probabilities[:] = zip(*probabilities, strict=True)
    found.true_probabilities[:] = true
    return found


def test_the_table_has_the_most_suspect_first_and_nothing_that_a_spreadsheet_runs(tmp_path: Path) -> None:
    texts = ["funda", '=cmd|" /C calc"!A0', "zapatilla, roja", "taza", "@taza"]
    titles = titles_of(texts, [0, 0, 2, 1, 2])
    predicted = predictions_of(
        [(0, 1), (1, 0), (2, 0), (1, 0), (1, NONE)],
        [(0.9, 0.1), (0.8, 0.2), (0.9, 0.05), (0.7, 0.3), (1.0, 0.0)],
        [0.9, 0.2, 0.9, 0.7, 0.0],
    )
    suspects = suspects_of(titles, predicted)
    write_suspects(tmp_path / "suspects.csv", titles, CATEGORIES, predicted, suspects)
    with (tmp_path / "suspects.csv").open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    assert head == list(COLUMNS)
    assert rows == [
        ["104", "'@taza", "spanish", "SHOES", "'=MUGS", "0.0", "1.0"],
        ["101", '\'=cmd|" /C calc"!A0', "spanish", "COVERS", "'=MUGS", "0.2", "0.8"],
    ]


@pytest.mark.parametrize("text", ["a\rb", "línea\nnueva", "\ttab", "-5 %", "\udcff foreign"])
def test_a_text_stays_in_its_cell(tmp_path: Path, text: str) -> None:
    titles = titles_of([text, "taza"], [0, 1])
    predicted = predictions_of([(1, 0), (1, 0)], [(0.9, 0.1), (0.9, 0.1)], [0.1, 0.9])
    write_suspects(tmp_path / "suspects.csv", titles, CATEGORIES, predicted, suspects_of(titles, predicted))
    with (tmp_path / "suspects.csv").open(newline="", encoding="utf-8") as file:
        _, row = csv.reader(file)
    assert len(row) == len(COLUMNS) and row[1].lstrip("'") == text.replace("\udcff", r"\xff")
    assert not row[1].startswith(("=", "+", "-", "@", "\t", "\r"))


def test_no_suspects_leave_the_names_of_the_columns(tmp_path: Path) -> None:
    titles = titles_of(["taza"], [1])
    predicted = predictions_of([(1, 0)], [(0.9, 0.1)], [0.9])
    write_suspects(tmp_path / "suspects.csv", titles, CATEGORIES, predicted, suspects_of(titles, predicted))
    assert (tmp_path / "suspects.csv").read_text() == ",".join(f'"{name}"' for name in COLUMNS) + "\n"


def test_the_model_of_the_best_validation_figure_judges_else_the_one_of_the_best_accuracy() -> None:
    def evaluation(accuracy: float) -> Evaluation:
        return Evaluation(balanced_accuracy=accuracy, interval=(0, 1), accuracy=accuracy)

    evaluations = {"a": evaluation(0.8), "b": evaluation(0.9), "c (champion)": evaluation(0.95)}
    assert judge(evaluations, {"a": 0.9, "b": 0.8}) == "a"
    assert judge(evaluations, {}) == "c (champion)"
