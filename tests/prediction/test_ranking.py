"""Predictions of some titles are the same whatever titles are beside them."""

from __future__ import annotations

import pytest

from meli_tasks.prediction.ranking import Predictions, predict_titles
from tests.prediction.test_files import ByLength

TITLES = ["Silla", "Mesa", "Libro usado", "Funda"]


def rows_of(found: Predictions) -> list[tuple[object, ...]]:
    columns = (found.category, found.probability, found.categories, found.probabilities, found.known)
    return list(zip(*columns, strict=True))


@pytest.mark.parametrize("top", [1, 3, 50])
def test_titles_without_a_prediction_do_not_change_the_others(top: int) -> None:
    alone = predict_titles(ByLength(), TITLES, [""] * 4, top)
    mixed = predict_titles(ByLength(), [*TITLES[:2], "qwertz", "", *TITLES[2:]], ["", "", "", "no title", "", ""], top)
    rows = rows_of(mixed)
    assert rows[:2] + rows[4:] == rows_of(alone)
    assert rows[2:4] == [("", None, (), (), False), ("", None, (), (), None)]
    assert [len(ranked) for ranked in alone.categories] == [min(top, 7)] * 4
    assert all(type(value) is float for row in alone.probabilities for value in row)


def test_no_titles() -> None:
    assert rows_of(predict_titles(ByLength(), [], [], 5)) == []
    assert rows_of(predict_titles(ByLength(), ["qwertz"], ["no title"], 5)) == [("", None, (), (), None)]
