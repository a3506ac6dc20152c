"""What is written can be read by everybody: quoted, standard JSON, UTF-8, one name per column."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from meli_tasks.rowfiles.reading import RowFile
from meli_tasks.rowfiles.rows import TextRows
from meli_tasks.rowfiles.writing import RowTarget

NAN = float("nan")


def copy(source: Path, target: Path) -> None:
    with RowFile(source) as file, RowTarget(target) as writer:
        for chunk in file.chunks():
            writer.write(chunk.whole().rows)


def no_constant(name: str) -> Any:
    raise AssertionError(f"{name} is not JSON")


@pytest.mark.parametrize("source", ["in.csv", "in.jsonl"])
def test_carriage_returns_are_quoted(tmp_path: Path, source: str) -> None:
    rows = [["1", "funda\rroja"], ["2", "libro"], ["3", "mesa\r"], ["4", "a\r\nb"]]
    if source == "in.csv":
        text = "id,title\n" + "".join(f'{number},"{title}"\n' for number, title in rows)
    else:
        text = "".join(json.dumps({"id": number, "title": title}) + "\n" for number, title in rows)
    (tmp_path / source).write_text(text, newline="")
    copy(tmp_path / source, tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["id", "title"], *rows]
    assert pd.read_csv(tmp_path / "out.csv", dtype=str).to_numpy().tolist() == rows
    options = pyarrow.csv.ParseOptions(newlines_in_values=True)
    found = pyarrow.csv.read_csv(tmp_path / "out.csv", parse_options=options)
    assert found["title"].to_pylist() == [title for _, title in rows]
    assert "2,libro" in (tmp_path / "out.csv").read_text()


def test_nan_is_null_in_json_and_empty_in_csv(tmp_path: Path) -> None:
    table = pa.table({"title": ["funda", "libro"], "price": [1.5, NAN], "sizes": [[1.0, NAN], [float("inf")]]})
    pq.write_table(table, tmp_path / "in.parquet")
    copy(tmp_path / "in.parquet", tmp_path / "out.jsonl")
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert [json.loads(line, parse_constant=no_constant) for line in lines] == [
        {"title": "funda", "price": 1.5, "sizes": [1.0, None]},
        {"title": "libro", "price": None, "sizes": [None]},
    ]
    copy(tmp_path / "in.parquet", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().splitlines()[2].startswith("libro,,")


def test_bytes_of_another_encoding_are_written_out(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(b'title,n\nSill\xf3n,1\nSill\xc3\xb3n,2\n"a\\x",3\n')
    for name in ("out.csv", "out.jsonl", "out.parquet"):
        copy(tmp_path / "in.csv", tmp_path / name)
        with RowFile(tmp_path / name) as file:
            [chunk] = file.chunks()
        assert chunk.rows.texts(0) == ["Sill\\xf3n", "Sillón", "a\\x"]


def test_column_names_of_another_encoding_are_written_out(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes("title,category,año\nSilla,A,1\n".encode("latin-1"))
    (tmp_path / "in.jsonl").write_bytes('{"title": "Silla", "category": "A", "año": "1"}\n'.encode("latin-1"))
    for source in ("in.csv", "in.jsonl"):
        for name in ("out.csv", "out.jsonl", "out.parquet"):
            copy(tmp_path / source, tmp_path / name)
            with RowFile(tmp_path / name) as file:
                assert list(file.names) == ["title", "category", "a\\xf1o"]


def test_lone_surrogates_of_json_are_written_out(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"title": "a\\ud800b", "more": ["\\ud800"]}\n{"title": "é"}\n')
    for name in ("out.jsonl", "out.csv", "out.parquet"):
        copy(tmp_path / "in.jsonl", tmp_path / name)
        with RowFile(tmp_path / name) as file:
            [chunk] = file.chunks()
        assert chunk.rows.texts(0) == ["a\\xed\\xa0\\x80b", "é"]


def test_binary_text_is_text_in_csv_and_keeps_its_type_in_parquet(tmp_path: Path) -> None:
    table = pa.table({"title": pa.array([b"funda", b"Sill\xf3n", None])})
    pq.write_table(table, tmp_path / "in.parquet")
    copy(tmp_path / "in.parquet", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().splitlines() == ["title", "funda", "U2lsbPNu", '""']
    copy(tmp_path / "in.parquet", tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet").equals(table)


def test_columns_without_a_name_of_their_own_get_one(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("title,,\nfunda,1,2\n")
    for name in ("out.csv", "out.jsonl", "out.parquet"):
        copy(tmp_path / "in.csv", tmp_path / name)
        with RowFile(tmp_path / name) as file:
            assert list(file.names) == ["title", "column_2", "column_3"]
            assert [list(row.values()) for chunk in file.chunks() for row in chunk.rows.objects()] == [
                ["funda", "1", "2"]
            ]


def test_no_rows_leave_a_file_with_columns(tmp_path: Path) -> None:
    for name in ("out.csv", "out.parquet"):
        with RowTarget(tmp_path / name, {"n": "number"}) as target:
            target.write(TextRows(["title"], [[]]), {"n": []})
        with RowFile(tmp_path / name) as file:
            assert list(file.names) == ["title", "n"]
