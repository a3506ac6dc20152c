"""What predict writes is read back by csv, json, pandas and pyarrow as what went in."""

from __future__ import annotations

import base64
import csv
import io
import json
import math
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meli_tasks.prediction.files import Progress, predict_file
from meli_tasks.rowfiles.text import decode

SETTINGS = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
ADDED = ["category", "probability", "categories", "probabilities", "known"]


class One:
    """A classifier with one category."""

    def __init__(self, *categories: str) -> None:
        self.categories = list(categories or ["A"])

    def rank(self, titles: Sequence[str], top: int = 5) -> tuple[Any, Any]:
        found = np.tile(np.arange(top), (len(titles), 1))
        return found, np.full(found.shape, 0.5, np.float32)

    def known(self, titles: Sequence[str]) -> Any:
        return np.ones(len(titles), np.bool_)


def predict(source: Path, target: Path, classifier: One | None = None) -> Progress:
    return predict_file(classifier or One(), source, target, batch_rows=3)


def csv_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, on which csv, pandas and pyarrow agree."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    options = {"dtype": str, "keep_default_na": False}
    by_pandas = pd.read_csv(path, **options)  # type: ignore[call-overload]
    by_arrow = pyarrow.csv.read_csv(
        path,
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(rows[0], pa.string())),
    )
    values = [list(row.values()) for row in rows]
    assert by_pandas.to_numpy().tolist() == [list(row.values()) for row in by_arrow.to_pylist()] == values
    assert list(by_pandas.columns) == by_arrow.column_names == list(rows[0])
    return rows


def json_rows(path: Path, texts: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of a JSON Lines file, on whose `texts` json, pandas and pyarrow agree."""
    lines = path.read_bytes().split(b"\n")
    assert lines.pop() == b""
    rows = [json.loads(line, parse_constant=pytest.fail) for line in lines]
    by_pandas = pd.read_json(path, lines=True, dtype=False)
    schema = pa.schema([(name, pa.string()) for name in texts])
    options = pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    by_arrow = pyarrow.json.read_json(path, parse_options=options)
    for name in texts:
        expected = [row[name] for row in rows]
        assert by_arrow[name].to_pylist() == expected
        assert [None if pd.isna(text) else text for text in by_pandas[name]] == expected
    return rows


letters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
text = st.text(st.sampled_from('aé ,;"\n\r\t|\u2028'), max_size=6) | st.text(letters, max_size=8)
text |= st.sampled_from(["nan", "NULL", "None", "1.0", "b'x'", "a\rb", "\r", "\r\n", '"'])
floats = st.floats(width=32) | st.sampled_from([math.nan, math.inf, -math.inf, -0.0, 1.0])
moments = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1))
COLUMNS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "text": (pa.string(), text),
    "large": (pa.large_string(), text),
    "word": (pa.dictionary(pa.int32(), pa.string()), text),
    "bytes": (pa.binary(), text.map(str.encode) | st.binary(max_size=6)),
    "float": (pa.float64(), floats),
    "single": (pa.float32(), floats),
    "half": (pa.float16(), st.floats(width=16).map(np.float16)),
    "integer": (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    "decimal": (pa.decimal128(12, 4), st.decimals(-(10**7), 10**7, places=4)),
    "moment": (pa.timestamp("us"), moments),
    "day": (pa.date32(), st.dates(date(1, 1, 1))),
    "list": (pa.list_(pa.float64()), st.lists(floats, max_size=3)),
    "object": (pa.struct([("a", pa.string()), ("b", pa.float32())]), st.fixed_dictionaries({"a": text, "b": floats})),
}


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    rows = draw(st.integers(1, 8))
    values = {
        name: draw(st.lists(st.none() | strategy, min_size=rows, max_size=rows))
        for name, (_, strategy) in COLUMNS.items()
    }
    columns = {
        name: pa.array(values[name], pa.string() if name == "word" else kind) for name, (kind, _) in COLUMNS.items()
    }
    columns["word"] = columns["word"].dictionary_encode()
    return pa.table({"title": pa.array(draw(st.lists(text, min_size=rows, max_size=rows))), **columns})


def finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def text_of_bytes(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


def single(value: float | None) -> np.float32 | None:
    return None if value is None or not math.isfinite(value) else np.float32(value)


def same(value: Any) -> Any:
    return value


# From what is read back to what went in, and what is expected of that.
FROM_JSON: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "bytes": (str, text_of_bytes),
    "single": (np.float32, np.float32),
    "half": (np.float16, np.float16),
    "decimal": (Decimal, Decimal),
    "moment": (datetime.fromisoformat, same),
    "day": (date.fromisoformat, same),
    "list": (list, lambda value: list(map(finite, value))),
    "object": (lambda found: (found["a"], single(found["b"])), lambda value: (value["a"], single(value["b"]))),
}


@SETTINGS
@given(table=tables())
def test_parquet_is_read_back_from_json_lines(tmp_path: Path, table: pa.Table) -> None:
    pq.write_table(table, tmp_path / "in.parquet")
    done = predict(tmp_path / "in.parquet", tmp_path / "out.jsonl")
    rows = json_rows(tmp_path / "out.jsonl", ["title", "text", "large", "word"])
    for name, column in zip(table.column_names, table.columns, strict=True):
        back, expected_of = FROM_JSON.get(name, (same, same))
        for row, value in zip(rows, column.to_pylist(), strict=True):
            missing = value is None or (isinstance(value, float | np.floating) and not math.isfinite(value))
            assert (row[name] if missing else back(row[name])) == (None if missing else expected_of(value)), name
            assert repr(row[name]) != "-0.0" or str(value) == "-0.0"
    encoded = [value for value in table["bytes"].to_pylist() if value and "\udc80" <= max(decode(value)) <= "\udcff"]
    assert done.base64 == ({"bytes": len(encoded)} if encoded else {})


@SETTINGS
@given(table=tables())
def test_parquet_is_read_back_from_csv(tmp_path: Path, table: pa.Table) -> None:
    pq.write_table(table, tmp_path / "in.parquet")
    predict(tmp_path / "in.parquet", tmp_path / "out.csv")
    rows = csv_rows(tmp_path / "out.csv")
    back: dict[str, Callable[[str], Any]] = {
        "float": float, "single": np.float32, "half": np.float16, "integer": int, "decimal": Decimal,
        "moment": datetime.fromisoformat, "day": date.fromisoformat,
    }  # fmt: skip
    for name, column in zip(table.column_names, table.columns, strict=True):
        for row, value in zip(rows, column.to_pylist(), strict=True):
            if value is None or (isinstance(value, float | np.floating) and math.isnan(value)):
                assert row[name] == ""
            elif name in {"list", "object"}:
                assert FROM_JSON[name][0](json.loads(row[name], parse_constant=pytest.fail)) == FROM_JSON[name][1](
                    value
                )
            else:
                expected = text_of_bytes(value) if isinstance(value, bytes) else value
                assert back.get(name, str)(row[name]) == expected, name


@SETTINGS
@given(table=tables())
def test_parquet_is_read_back_from_parquet(tmp_path: Path, table: pa.Table) -> None:
    pq.write_table(table, tmp_path / "in.parquet", row_group_size=3)
    predict(tmp_path / "in.parquet", tmp_path / "out.parquet")
    found = pq.read_table(tmp_path / "out.parquet")
    assert found.schema.names == [*table.schema.names, *ADDED]
    assert found.select(table.schema.names).schema.types == table.schema.types
    assert repr(found.select(table.schema.names).to_pylist()) == repr(table.to_pylist())


def is_a_name_of_its_own(name: str) -> bool:
    return name.strip().casefold() not in {"", "title", *ADDED} and "\ufeff" not in name


names = st.lists(text.filter(is_a_name_of_its_own), min_size=2, max_size=2, unique=True)


@SETTINGS
@given(
    rows=st.lists(st.tuples(text, text, text), min_size=1, max_size=8),
    names=names,
    kind=st.sampled_from(["csv", "jsonl"]),
)
def test_text_is_read_back_from_every_format(
    tmp_path: Path, rows: list[tuple[str, str, str]], names: list[str], kind: str
) -> None:
    columns = ["title", *names]
    source = tmp_path / f"in.{kind}"
    if kind == "csv":
        written = io.StringIO(newline="")
        csv.writer(written, quoting=csv.QUOTE_ALL).writerows([columns, *rows])
        source.write_bytes(written.getvalue().encode())
    else:
        source.write_text("".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows))
    for suffix in ("csv", "jsonl", "parquet"):
        predict(source, tmp_path / f"out.{suffix}")
    expected = [dict(zip(columns, row, strict=True)) for row in rows]
    for found in (
        csv_rows(tmp_path / "out.csv"),
        json_rows(tmp_path / "out.jsonl", columns),
        pq.read_table(tmp_path / "out.parquet").to_pylist(),
    ):
        assert [{name: row[name] for name in columns} for row in found] == expected


def test_categories_that_hold_what_joins_them_are_json_lists_in_csv(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("title\nSilla\n\n")
    for categories, as_json in ((["A | B", "A", "B"], True), (["A |", "B"], True), (["A|B", "| C"], False)):
        done = predict(tmp_path / "in.csv", tmp_path / "out.csv", One(*categories))
        first, second = csv_rows(tmp_path / "out.csv")
        assert done.lists_as_json is as_json
        assert (json.loads if as_json else lambda cell: cell.split(" | "))(first["categories"]) == categories
        assert first["probabilities"] == (
            json.dumps([0.5] * len(categories)) if as_json else " | ".join(["0.5"] * len(categories))
        )
        assert second["categories"] == ("[]" if as_json else "")
        predict(tmp_path / "in.csv", tmp_path / "out.jsonl", One(*categories))
        assert json_rows(tmp_path / "out.jsonl", ["title"])[0]["categories"] == categories
