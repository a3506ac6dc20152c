"""One reader behind ingest and predict: the same titles from every format, and what the standard parsers read."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meli_tasks.core.errors import BadData
from meli_tasks.rowfiles.reading import RowFile
from tests.rowfiles.row_files import ingested, predicted
from tests.stages.listings.listing_files import as_json_lines, csv_of

Rows = list[dict[str, Any]]


def read(path: Path) -> tuple[list[str], list[list[str | None]]]:
    """The columns of a file and its rows as text."""
    with RowFile(path) as file:
        chunks = list(file.chunks())
        assert not any(chunk.bad for chunk in chunks)
        names = list(file.names)
        rows: list[list[str | None]] = []
        for chunk in chunks:
            columns = [chunk.rows.texts(place) for place in range(len(chunk.rows.names))]
            rows += [list(row) for row in zip(*columns, strict=True)]
    return names, rows


def parquet_of(rows: Rows, kind: pa.DataType) -> bytes:
    columns = {name: pa.array([row[name] for row in rows]).cast(kind) for name in rows[0]}
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def renamed(rows: Rows, **names: str) -> Rows:
    return [{names.get(name, name): value for name, value in row.items()} for row in rows]


WRITERS = {
    "csv": csv_of,
    "csv, semicolons": lambda rows: csv_of(rows, delimiter=";"),
    "csv, tabs": lambda rows: csv_of(rows, delimiter="\t"),
    "csv, all quoted": lambda rows: csv_of(rows, quoting=csv.QUOTE_ALL),
    "csv, byte order mark": lambda rows: b"\xef\xbb\xbf" + csv_of(rows),
    "csv, windows line ends": lambda rows: csv_of(rows).replace(b"\n", b"\r\n"),
    "csv, old mac line ends": lambda rows: csv_of(rows).replace(b"\n", b"\r"),
    "json lines, old mac line ends": lambda rows: as_json_lines(rows).replace(b"\n", b"\r"),
    "csv, blank lines above": lambda rows: b"\n \n" + csv_of(rows),
    "csv, names in another case": lambda rows: csv_of(renamed(rows, title=" Title ", category="CATEGORY")),
    "json lines": as_json_lines,
    "json lines, names in another case": lambda rows: as_json_lines(renamed(rows, title="Title", category="Category ")),
    "parquet": lambda rows: parquet_of(rows, pa.string()),
    "parquet, large strings": lambda rows: parquet_of(rows, pa.large_string()),
    "parquet, dictionaries": lambda rows: parquet_of(rows, pa.dictionary(pa.int32(), pa.string())),
    "parquet, binary": lambda rows: parquet_of(rows, pa.binary()),
    "parquet, names in another case": lambda rows: parquet_of(renamed(rows, title="TITLE"), pa.string()),
}
TITLES = [
    "Silla de pino",
    'Monitor 24" led',
    "Sofá, gris; grande",
    "Funda\troja",
    "501",
    "  Mesa   ratona ",
    "📱 funda",
]


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("form", WRITERS)
def test_every_format_gives_the_same_titles_to_training_and_prediction(tmp_path: Path, form: str, zipped: bool) -> None:
    rows = [{"title": title, "category": "AB"[at % 2], "price": str(at)} for at, title in enumerate(TITLES)]
    path = tmp_path / "titles.dat"  # the name says nothing
    data = WRITERS[form](rows)
    path.write_bytes(gzip.compress(data) if zipped else data)
    assert predicted(path, tmp_path) == ingested(path, tmp_path) == [" ".join(title.split()) for title in TITLES]


def test_numbers_are_titles(tmp_path: Path) -> None:
    rows = [{"title": 501, "category": "JEANS"}, {"title": 502, "category": "SILLAS"}]
    (tmp_path / "a.jsonl").write_bytes(as_json_lines(rows))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    for name in ("a.jsonl", "a.parquet"):
        assert predicted(tmp_path / name, tmp_path) == ingested(tmp_path / name, tmp_path) == ["501", "502"]


def test_nan_is_a_missing_value(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"title": NaN}\n{"title": "NaN"}\n{"title": null}\n{"title": 1.5}\n')
    floats = pa.array([float("nan"), 2.5, None]).cast(pa.float32())
    pq.write_table(pa.table({"title": floats}), tmp_path / "a.parquet")
    assert [title for (title,) in read(tmp_path / "a.jsonl")[1]] == [None, "NaN", None, "1.5"]
    assert [title for (title,) in read(tmp_path / "a.parquet")[1]] == [None, "2.5", None]


def test_json_lines_whose_first_line_is_damaged_are_json_lines_by_name(tmp_path: Path) -> None:
    text = 'cut off", "category": "A"}\n{"title": "Silla", "category": "A"}\n{"title": "Mesa", "category": "B"}\n'
    (tmp_path / "a.jsonl").write_text(text)
    assert predicted(tmp_path / "a.jsonl", tmp_path) == ingested(tmp_path / "a.jsonl", tmp_path) == ["Silla", "Mesa"]


# What follows compares with Python's and Arrow's own readers; `test_csv_like_others` does so for CSV.

cell = st.text(st.sampled_from('ab1é,;"\n '), max_size=6) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), max_size=8
)


@pytest.fixture(params=[40, 4 << 20], ids=["small blocks", "one block"])
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("meli_tasks.rowfiles.opening._BLOCK_BYTES", request.param)
    monkeypatch.setattr("meli_tasks.rowfiles.reading._START_BYTES", min(request.param, 1 << 16))
    return


json_value = st.recursive(
    st.none()
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.integers()
    | st.booleans()
    | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)
json_lines = st.dictionaries(st.sampled_from(["title", "x", "y"]), json_value).map(json.dumps) | st.sampled_from(
    [
        "",
        "  ",
        "[1]",
        "12",
        "null",
        '"x"',
        "{",
        '{"title": "cut o',
        '{"title": "a"} {"title": "b"}',
        "{'title': 1}",
        "NaN",
    ]
)


@pytest.mark.usefixtures("blocks")
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    lines=st.lists(json_lines, min_size=1, max_size=12),
    line_end=st.sampled_from(["\n", "\r\n"]),
    mark=st.sampled_from(["", "\ufeff"]),
    last=st.booleans(),
)
def test_json_lines_read_like_the_json_module(
    tmp_path: Path, lines: list[str], line_end: str, mark: str, last: bool
) -> None:
    lines = ['{"title": "Silla"}', *lines]
    path = tmp_path / "a.jsonl"
    path.write_bytes((mark + line_end.join(lines) + line_end * last).encode())
    with RowFile(path) as file:
        chunks = list(file.chunks())
        assert file.fraction_read() == 1.0
    expected = dict[int, Any]()
    for number, line in enumerate(lines, 1):
        try:
            expected[number] = json.loads(line) if line.strip() else None
        except ValueError:
            expected[number] = "malformed"
    found = {
        line: row for chunk in chunks for line, row in zip(chunk.lines.tolist(), chunk.rows.objects(), strict=True)
    }
    assert repr(found) == repr({line: row for line, row in expected.items() if isinstance(row, dict)})  # NaN, too
    assert [bad.line for chunk in chunks for bad in chunk.bad] == [
        line for line, row in expected.items() if not isinstance(row, dict) and lines[line - 1].strip()
    ]


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    end = os.open(tmp_path / "pipe.csv", os.O_RDWR)
    try:
        with pytest.raises(BadData, match=r"pipe.csv is a pipe or a device, and only files"):
            RowFile(tmp_path / "pipe.csv")
    finally:
        os.close(end)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ('{"title":"funda","category":"A"', '"x":1},{"title":"libro","category":"B"}'),
        ('{"title":"funda","x":[{"y":1}', '{"y":2}]}'),
        ('{"title":"funda"},{"title":"libro"}', '{"title":"silla"'),
        ('{"title":"funda', '"},{"title":"libro"}'),
    ],
)
def test_two_broken_lines_do_not_make_up_whole_ones(tmp_path: Path, first: str, second: str) -> None:
    lines = [first, second, '{"title":"mesa"}', '{"title":"a"},{"title":"b"}']
    (tmp_path / "a.jsonl").write_text("\n".join(['{"title":"sofá"}', *lines]) + "\n")
    with RowFile(tmp_path / "a.jsonl") as file:
        chunks = list(file.chunks())
    assert [row for chunk in chunks for row in chunk.rows.objects()] == [{"title": "sofá"}, {"title": "mesa"}]
    assert [bad.line for chunk in chunks for bad in chunk.bad] == [2, 3, 5]
    for pair in ([first, second], [second, first]):
        (tmp_path / "b.jsonl").write_text("\n".join(['{"title":"sofá"}', *pair]))
        assert predicted(tmp_path / "b.jsonl", tmp_path) == ["sofá"]


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    titles=st.lists(st.none() | cell, min_size=1, max_size=30),
    kind=st.sampled_from([pa.string(), pa.large_string(), pa.binary(), pa.dictionary(pa.int32(), pa.string())]),
    group=st.integers(1, 9),
)
def test_parquet_reads_like_arrow(tmp_path: Path, titles: list[str | None], kind: pa.DataType, group: int) -> None:
    table = pa.table({"n": list(range(len(titles))), "title": pa.array(titles, pa.string()).cast(kind)})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=group)
    with RowFile(tmp_path / "a.parquet") as file:
        found = [title for chunk in file.chunks([1]) for title in chunk.rows.texts(0)]
        assert file.fraction_read() == 1.0
    assert found == titles
    assert read(tmp_path / "a.parquet")[1] == [[str(at), title] for at, title in enumerate(titles)]


def test_a_file_that_is_not_on_this_machine_is_refused() -> None:
    with pytest.raises(BadData, match=r"s3:/bucket/a\.csv cannot be read: .*download it first"):
        RowFile(Path("s3://bucket/a.csv"))


def test_a_damaged_gzip_file_is_refused_even_if_it_holds_parquet(tmp_path: Path) -> None:
    whole = gzip.compress(parquet_of([{"title": f"Silla {n}"} for n in range(5_000)], pa.string()))
    (tmp_path / "a.parquet.gz").write_bytes(whole[:-2_000])
    with pytest.raises(BadData, match="incomplete"):
        RowFile(tmp_path / "a.parquet.gz")
