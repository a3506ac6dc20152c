"""Predictions as CSV fields are what `as_cells` makes of them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from meli_tasks.prediction.cells import cells_of
from meli_tasks.prediction.ranking import Predictions
from meli_tasks.rowfiles.values import as_cells

NAMES = ["MESAS", "a, b", 'with "quotes"', "", "ñandú", "line\nend"]


def predictions(scores: NDArray[np.float64], flags: list[int] | None = None) -> Predictions:
    rows, width = scores.shape
    ranked = np.arange(rows * width, dtype=np.int64).reshape(rows, width) % len(NAMES)
    known = np.ones(rows, np.int8) if flags is None else np.array(flags, np.int8)
    return Predictions(NAMES, ranked, scores, known)


@pytest.mark.parametrize("width", [1, 3])
def test_every_probability_is_written_as_python_writes_it(width: int) -> None:
    millionths = np.array([*range(0, 1_500), *range(1_500, 998_000, 37), *range(998_000, 1_000_001)])
    scores = (millionths[: len(millionths) // width * width] / 1e6).reshape(-1, width)
    found = predictions(scores)
    cells = cells_of(found)
    assert cells is not None
    for name, column in found.columns(lists_as_json=False).items():
        assert list(cells[name]) == as_cells(column), name


def test_rows_without_a_prediction_have_empty_fields() -> None:
    found = predictions(np.array([[0.5, 0.25], [0.0, 0.0], [0.0, 0.0], [1.0, 0.0]]), [1, 0, -1, 1])
    cells = cells_of(found)
    assert cells is not None
    assert {name: list(column) for name, column in cells.items()} == {
        "category": ["MESAS", "", "", "MESAS"],
        "probability": ["0.5", "", "", "1.0"],
        "categories": ["MESAS | a, b", "", "", "MESAS | a, b"],
        "probabilities": ["0.5 | 0.25", "", "", "1.0 | 0.0"],
        "known": ["true", "false", "", "true"],
    }
    assert all(list(cells[name]) == as_cells(column) for name, column in found.columns(lists_as_json=False).items())
    nothing = cells_of(predictions(np.zeros((0, 2))))
    assert nothing is not None
    assert [len(column) for column in nothing.values()] == [0] * 5


def test_what_has_no_such_fields_is_left_to_the_plain_way() -> None:
    assert cells_of(predictions(np.array([[np.nan]]))) is None
    assert cells_of(predictions(np.array([[1.5]]))) is None
    one = np.ones((1, 1))
    assert cells_of(Predictions(["\udcf1"], np.zeros((1, 1), np.int64), one, np.ones(1, np.int8))) is None
