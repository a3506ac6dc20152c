"""Where Arrow reads a block of CSV, it sees the rows that Python's parser sees; where it might not, it does not try."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meli_tasks.rowfiles.plain_csv import read_plain

PLACES = [0, 1]

plain_field = st.text("ab é", max_size=3)
quoted_field = st.lists(st.sampled_from(["a", '""', ",", "é", " ", "\n"]), max_size=4).map(lambda x: f'"{"".join(x)}"')
odd_field = st.text("a\" \r\n',\0", max_size=4)
rows = st.lists(st.one_of(plain_field, plain_field, quoted_field, odd_field), min_size=2, max_size=2).map(",".join)
line_ends = st.sampled_from(["\n", "\r\n"])


@given(st.lists(rows, min_size=1, max_size=4), line_ends, st.sampled_from(["\n", "\r\n", ""]))
@settings(max_examples=400, deadline=None)
def test_arrow_sees_what_python_sees_or_nothing(lines: list[str], between: str, last: str) -> None:
    text = between.join(lines) + last
    found = read_plain(text.encode(), ",", 2, PLACES, 1_000)
    if found is not None:
        expected = list(csv.reader(io.StringIO(text, newline="\n")))
        assert [list(row) for row in zip(*found, strict=True)] == expected


def test_plain_blocks_are_read() -> None:
    block = 'Sillón,SOFAS,x\r\n"Tv 32"", usada",,\r\n\'a,"b",c"d\r\n'.encode()
    assert read_plain(block, ",", 3, [0, 1], 1_000) == [
        ["Sillón", 'Tv 32", usada', "'a"],
        ["SOFAS", "", "b"],
    ]
    assert read_plain(block.replace(b",", b";"), ";", 3, [2], 1_000) == [["x", "", 'c"d']]


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"a,b",
        b"a,b\n\nc,d\n",
        b"a,b\nc\n",
        b"a,b,c\n",
        b'"a\nb",c\n',
        b'a,"b\n',
        b"a\rb,c\n",
        b"a\0,b\n",
        b"Sill\xf3n,b\n",
        b"a" * 1_001 + b",b\n",
    ],
    ids=[
        "empty", "no line end", "blank line", "short row", "long row", "line end in quotes", "open quote",
        "carriage return", "zero byte", "not UTF-8", "too long",
    ],
)  # fmt: skip
def test_a_block_with_anything_odd_is_left_alone(block: bytes) -> None:
    assert read_plain(block, ",", 2, PLACES, 1_000) is None
