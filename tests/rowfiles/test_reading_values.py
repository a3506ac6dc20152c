"""What is read as text, alike from every format; what is not text makes bad rows; what makes a file binary."""

from __future__ import annotations

import json
import random
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meli_tasks.core.errors import BadData
from meli_tasks.rowfiles.parquet_values import is_text, texts_of, values_of
from meli_tasks.rowfiles.reading import RowFile
from tests.rowfiles.row_files import ingested, predicted
from tests.stages.listings.listing_files import LENIENT, as_json_lines, listings, quarantine, run

Rows = list[dict[str, Any]]
NUMBERS = [1.0, 2.5, -0.0, 1e16, 0.1, 100.0]


@pytest.mark.parametrize("kind", [pa.float64(), pa.float32(), pa.dictionary(pa.int8(), pa.float64())], ids=str)
def test_numbers_are_the_same_text_from_every_format(tmp_path: Path, kind: pa.DataType) -> None:
    texts = ["1.0", "2.5", "-0.0", "1e+16", "0.1", "100.0"]
    (tmp_path / "a.csv").write_text("title,category\n" + "".join(f"{text},{text}\n" for text in texts))
    (tmp_path / "a.jsonl").write_bytes(as_json_lines([{"title": number, "category": number} for number in NUMBERS]))
    column = pa.array(NUMBERS).cast(kind) if pa.types.is_floating(kind) else pa.array(NUMBERS).dictionary_encode()
    pq.write_table(pa.table({"title": column, "category": column}), tmp_path / "a.parquet")
    for name in ("a.csv", "a.jsonl", "a.parquet"):
        assert predicted(tmp_path / name, tmp_path) == ingested(tmp_path / name, tmp_path) == texts
        with RowFile(tmp_path / name) as file:
            [chunk] = file.chunks()
        assert list(map(list, chunk.rows.cells())) == [texts, texts]


def test_values_of_json_that_are_no_text_make_bad_rows(tmp_path: Path) -> None:
    rows: Rows = [
        {"title": "Silla", "category": "A"}, {"title": ["Mesa"], "category": "A"}, {"title": {"a": 1}, "category": "A"},
        {"title": True, "category": "A"}, {"title": "Sofá", "category": ["B"]}, {"title": "Tv", "category": {}},
        {"title": "Cama", "category": False}, {"title": "Banco", "category": float("inf")},
        {"title": float("-inf"), "category": "A"}, {"title": "Mueble", "category": "NaN", "language": ["es"]},
        {"title": "nan", "category": "B"},
    ]  # fmt: skip
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert ingested(tmp_path / "a.jsonl", tmp_path) == ["Silla", "nan"]
    assert [(bad["line"], bad["reason"]) for bad in quarantine(tmp_path / "out")] == [
        (2, "title is a list"), (3, "title is an object"), (4, "title is a boolean"), (5, "category is a list"),
        (6, "category is an object"), (7, "category is a boolean"), (8, "no category"), (9, "no title"),
        (10, "language is a list"),
    ]  # fmt: skip
    titles = ["Silla", "Sofá", "Tv", "Cama", "Banco", "Mueble", "nan"]
    assert predicted(tmp_path / "a.jsonl", tmp_path) == titles


def test_a_value_that_is_no_text_is_bad_only_in_the_window_of_days(tmp_path: Path) -> None:
    rows: Rows = [
        {"title": "Silla", "category": "A", "day": "2026-11-01"},
        {"title": "Mesa", "category": ["A"], "day": "2026-11-02"},
        {"title": "Sofá", "category": ["A"], "day": "2026-11-03"},
        {"title": "Tv", "category": "B", "day": "2026-11-03"},
        {"title": "Cama", "category": "A", "day": ["2026-11-03"]},
        {"title": "Banco", "category": "A", "day": "2026-11-03"},
    ]  # fmt: skip
    (tmp_path / "a.jsonl").write_bytes(as_json_lines(rows))
    (tmp_path / "out").mkdir()
    run(
        tmp_path / "a.jsonl",
        tmp_path / "out",
        {**LENIENT, "date_column": "day", "since": "2026-11-03", "until": "2026-11-03"},
    )
    assert [row["title"] for row in listings(tmp_path / "out")] == ["Tv", "Banco"]
    assert [(bad["line"], bad["reason"]) for bad in quarantine(tmp_path / "out")] == [
        (3, "category is a list"),
        (5, "day is a list"),
    ]


def test_objects_that_spell_a_key_in_several_ways_are_read_alike(tmp_path: Path) -> None:
    rows: Rows = [
        {"title": "Silla", "category": "A"}, {"Title": "Mesa", "CATEGORY": "B"}, {"category": "A", " title ": "Sofá"},
        {"Title": "no", "title": "Tv", "category": "B"},
    ]  # fmt: skip
    (tmp_path / "a.jsonl").write_bytes(as_json_lines(rows))
    titles = ["Silla", "Mesa", "Sofá", "Tv"]
    assert predicted(tmp_path / "a.jsonl", tmp_path) == ingested(tmp_path / "a.jsonl", tmp_path) == titles


@pytest.mark.parametrize("kind", [pa.bool_(), pa.list_(pa.string()), pa.struct([("a", pa.string())])], ids=str)
def test_a_parquet_column_of_no_text_is_refused(tmp_path: Path, kind: pa.DataType) -> None:
    pq.write_table(pa.table({"title": pa.array([None, None], kind), "category": ["A", "B"]}), tmp_path / "a.parquet")
    for read_titles in (predicted, ingested):
        with pytest.raises(BadData, match="the column 'title' holds"):
            read_titles(tmp_path / "a.parquet", tmp_path)


def test_a_few_zero_bytes_do_not_make_a_text_binary(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"title,category\nSi\0lla,A\nMesa,B\nTv\0,A\n")
    titles = ["Si\0lla", "Mesa", "Tv\0"]
    assert predicted(tmp_path / "a.csv", tmp_path) == ingested(tmp_path / "a.csv", tmp_path) == titles


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_byte_order_mark_is_named(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.csv").write_bytes("title,category\nSillón,A\n".encode(encoding))
    with pytest.raises(
        BadData, match=encoding.replace("utf-16-", "iconv -f UTF-16").replace("le", "LE").replace("be", "BE")
    ):
        RowFile(tmp_path / "a.csv")


def test_a_file_of_random_bytes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(random.Random(1).randbytes(2_000))
    with pytest.raises(BadData, match="not text"):
        RowFile(tmp_path / "a.csv")


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\ufeff"), max_size=8)
columns = (
    st.lists(st.none() | texts | st.sampled_from(["nan", "NULL", "1.0", "1"]), min_size=1, max_size=9)
    | st.lists(st.integers(-(2**53), 2**53), min_size=1, max_size=9)
    | st.lists(st.integers(-4000, 4000).map(lambda number: number / 4) | st.just(float("nan")), min_size=1, max_size=9)
)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(values=columns)
def test_what_pandas_writes_is_the_same_text_from_every_format(tmp_path: Path, values: list[Any]) -> None:
    frame = pd.DataFrame({"title": values, "n": range(len(values))})
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True, double_precision=15)
    frame.to_parquet(tmp_path / "a.parquet", index=False)
    expected = ["" if pd.isna(value) else str(value) for value in frame["title"]]
    for name in ("a.csv", "a.jsonl", "a.parquet"):
        with RowFile(tmp_path / name) as file:
            found = [text or "" for chunk in file.chunks() for text in chunk.rows.texts(0)]
        assert found == expected, name


MOMENT = datetime(2026, 11, 1, 2, 3, 4)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([Decimal("1.50"), None]), ["1.50", None]),
        (pa.array([Decimal("0"), None], pa.decimal128(20, 8)), ["0.00000000", None]),
        (pa.array([date(2026, 11, 1), None]), ["2026-11-01", None]),
        (pa.array([MOMENT, None], pa.timestamp("us")), ["2026-11-01 02:03:04", None]),
        (pa.array([1, None], pa.timestamp("ns")), ["1970-01-01 00:00:00.000000001", None]),
        (pa.array([0, None], pa.timestamp("s", "UTC")), ["1970-01-01 00:00:00Z", None]),
        (pa.array([0, None], pa.timestamp("ms", "America/Argentina/Buenos_Aires")), ["1969-12-31 21:00:00-0300", None]),
        (pa.array([0, None], pa.timestamp("ms", "Nowhere/City")), ["1970-01-01 00:00:00Z", None]),
        (pa.array([None, None]), [None, None]),
        (pa.array(["a", None], pa.string_view()), ["a", None]),
        (pa.array([b"ab", None], pa.binary(2)), ["ab", None]),
        (pa.array([b"\xf1", None]).dictionary_encode(), ["\udcf1", None]),
        (pa.array([2**64 - 1, None], pa.uint64()), ["18446744073709551615", None]),
        (pa.array([np.float16(0.1), None], pa.float16()), ["0.1", None]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_typed_values_as_text(column: pa.Array, expected: list[str | None]) -> None:
    assert is_text(column.type)
    assert texts_of(column) == expected


def test_nested_text_that_is_not_utf_8_is_written_in_base64() -> None:
    foreign = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.array([0, 2], pa.int32()).buffers()[1], pa.py_buffer(b"a\xf1")]
    )
    column = pa.ListArray.from_arrays([0, 1], foreign)
    assert values_of(column) == ([["YfE="]], 1)
    assert values_of(pa.array([{"a": [b"x", b"\xff"]}])) == ([{"a": ["x", "/w=="]}], 1)
