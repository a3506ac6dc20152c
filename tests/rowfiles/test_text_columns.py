"""Columns in Arrow's memory: a sequence of texts like any other, and the same CSV."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from meli_tasks.rowfiles.csv_text import csv_text
from meli_tasks.rowfiles.text_columns import TextColumn, as_text_column, csv_bytes

FIELD = st.text(st.sampled_from("ab\",;\n\t \0'ñ|\x85\u2028"), max_size=6)
TABLE = st.integers(2, 4).flatmap(lambda width: st.lists(st.tuples(*[FIELD] * width), min_size=1, max_size=6))


@given(TABLE)
def test_the_bytes_are_those_of_the_text(rows: list[tuple[str, ...]]) -> None:
    columns = list(zip(*rows, strict=True))
    assert csv_bytes(columns) == csv_text(columns).encode()
    first = TextColumn(pa.array(["before", *columns[0], "behind"]))[1:-1]
    assert csv_bytes([first, *columns[1:]]) == csv_text(columns).encode()


def test_what_only_the_slow_way_can_tell() -> None:
    assert csv_bytes([["a"]]) is None, "one column"
    assert csv_bytes([["a\r"], ["b"]]) is None, "a carriage return"
    assert csv_bytes([["\udcf1"], ["b"]]) is None, "bytes that are not UTF-8"
    assert csv_bytes([[], []]) == b""


@given(st.lists(FIELD, max_size=6), st.integers(-7, 7), st.integers(-7, 7))
def test_a_column_is_a_sequence(texts: list[str], start: int, stop: int) -> None:
    column = as_text_column(texts)
    assert column is not None
    assert as_text_column(column) is column
    assert (list(column), len(column), list(column[start:stop])) == (texts, len(texts), texts[start:stop])
    assert [column[place] for place in range(len(texts))] == texts
    assert column[start:stop].utf8() == "".join(texts[start:stop]).encode()
