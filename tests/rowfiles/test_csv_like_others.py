"""CSV by RFC 4180 is read as the csv module, pandas and Arrow read it, whatever the lines of its fields look like."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meli_tasks.rowfiles.reading import RowFile

# Few letters: delimiters, quotes and line ends then come together in all ways, also as lines that look like rows.
tricky = st.text(st.sampled_from('ab1é ,;\t|"\n\r'), max_size=7) | st.sampled_from(
    ["a,b\nc,d\ne,f", "a;b\r\nc;d\r\ne;f", '"\n"', "a\rb", "\n", "\r\n", '""', ",", "nan", "NULL", " x "]
)
cells = tricky | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@dataclass
class Table:
    """A file of CSV by RFC 4180, and what is in it."""

    header: list[str]
    rows: list[list[str]]
    delimiter: str
    line_end: str
    data: bytes


def field(cell: str, delimiter: str, always: bool) -> str:
    needed = not cell.strip() or any(letter in cell for letter in f'{delimiter}"\r\n')
    return '"' + cell.replace('"', '""') + '"' if always or needed else cell


@st.composite
def csv_files(draw: st.DrawFn) -> Table:
    """Files with quotes where they are needed and where they are not, all line ends, BOMs and trailing delimiters."""
    width = draw(st.integers(1, 4))
    delimiter = draw(st.sampled_from(",;\t|")) if width > 1 else ","  # one column does not show its delimiter
    line_end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    names = st.text(st.sampled_from(f'ab é"\n\r{delimiter}'), min_size=1, max_size=4)
    title = draw(st.sampled_from(["title", "Title", " TITLE "]))
    header = [title, *draw(st.lists(names, min_size=width - 1, max_size=width - 1))]
    rows = draw(st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=12))
    trailing = draw(st.booleans()) and width > 1
    lines = [
        delimiter.join(field(cell, delimiter, draw(st.booleans())) for cell in record) + delimiter * trailing
        for record in [header, *rows]
    ]
    text = line_end.join(lines) + draw(st.sampled_from(["", line_end]))
    start = draw(st.sampled_from(["", "\ufeff"]))
    header, rows = ([[*record, *[""] * trailing] for record in records] for records in ([header], rows))  # type: ignore[assignment]
    return Table(header[0], rows, delimiter, line_end, (start + text).encode())  # type: ignore[arg-type]


@pytest.fixture(params=[40, 4 << 20], ids=["small blocks", "one block"])
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("meli_tasks.rowfiles.opening._BLOCK_BYTES", request.param)
    monkeypatch.setattr("meli_tasks.rowfiles.reading._START_BYTES", min(request.param * 4, 1 << 16))
    return


def read(path: Path) -> tuple[list[str], list[list[str]]]:
    with RowFile(path) as file:
        rows = list[list[str]]()
        for chunk in file.chunks():
            assert not chunk.bad
            rows += map(list, zip(*chunk.rows.cells(), strict=True))
        return list(file.names), rows


def by_csv(table: Table) -> tuple[list[str], list[list[str]]]:
    text = table.data.decode("utf-8-sig")
    header, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=table.delimiter)
    return header, rows


def by_pandas(table: Table) -> list[list[str]]:
    found = pd.read_csv(io.BytesIO(table.data), sep=table.delimiter, dtype=str, keep_default_na=False, header=None)
    return [list(row) for row in found.to_numpy()[1:].tolist()]


def by_arrow(table: Table) -> Sequence[list[str]]:
    names = [str(place) for place in range(len(table.header))]
    found = pyarrow.csv.read_csv(
        io.BytesIO(table.data),
        read_options=pyarrow.csv.ReadOptions(column_names=names),
        parse_options=pyarrow.csv.ParseOptions(delimiter=table.delimiter, newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
    )
    return [list(row.values()) for row in found.to_pylist()[1:]]


@pytest.mark.usefixtures("blocks")
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(table=csv_files(), zipped=st.booleans())
def test_csv_is_read_as_others_read_it(tmp_path: Path, table: Table, zipped: bool) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(gzip.compress(table.data, 1) if zipped else table.data)
    assert read(path) == (table.header, table.rows) == by_csv(table)
    assert by_pandas(table) == by_arrow(table) == table.rows
