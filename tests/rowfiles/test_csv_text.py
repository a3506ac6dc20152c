"""CSV written in columns is what Python's csv module writes row by row."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meli_tasks.rowfiles.csv_text import csv_text
from meli_tasks.rowfiles.values import as_cell, as_cells

FIELD = st.text(st.sampled_from("ab\",;\n\r\t \0'ñ|\udcf1\x85\u2028"), max_size=6)
TABLE = st.integers(1, 4).flatmap(lambda width: st.lists(st.tuples(*[FIELD] * width), max_size=6))
FLOAT = st.floats() | st.sampled_from([0.0, -0.0, 1e-06, 5e-05, 1e16, 0.123457, float("nan"), float("inf")])


def by_rows(rows: Sequence[Sequence[str]]) -> str:
    """Row by row, as the csv module writes them; a row with a carriage return all in quotes."""
    text = io.StringIO(newline="")
    for row in rows:
        risky = any("\r" in cell for cell in row)
        quoting = csv.QUOTE_ALL if risky else csv.QUOTE_MINIMAL
        csv.writer(text, lineterminator="\n", quoting=quoting).writerow(row)
    return text.getvalue()


@given(TABLE)
def test_the_text_is_that_of_the_csv_module(rows: list[tuple[str, ...]]) -> None:
    assert csv_text(list(zip(*rows, strict=True))) == by_rows(rows)


def test_only_the_fields_that_need_quotes_get_them() -> None:
    columns = [["a", 'b "c"', "d, e", "", "f\ng"], ["1", "2", "3", "4", "5"]]
    assert csv_text(columns) == 'a,1\n"b ""c""",2\n"d, e",3\n,4\n"f\ng",5\n'
    assert csv_text([["", "a"]]) == '""\na\n', "a row that is one empty field is no blank line"
    assert csv_text([["a\rb", "c"], ["1", "2"]]) == '"a\rb","1"\nc,2\n'
    assert csv_text([]) == csv_text([[], []]) == ""


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        csv_text([["a", "b"], ["1"]])


@given(
    st.lists(FIELD)
    | st.lists(FLOAT)
    | st.lists(FLOAT | st.none())
    | st.lists(st.booleans() | st.none())
    | st.lists(st.lists(FLOAT, max_size=4).map(tuple))
    | st.lists(st.lists(FIELD, max_size=4).map(tuple))
    | st.lists(st.lists(FLOAT | FIELD | st.none() | st.booleans(), max_size=3).map(tuple) | FLOAT | FIELD)
    | st.lists(st.lists(FLOAT, max_size=3))
)
def test_a_column_of_cells_is_that_of_single_cells(values: list[object]) -> None:
    assert as_cells(values) == list(map(as_cell, values))
