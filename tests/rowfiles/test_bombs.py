"""Small files that stand for gigabytes are read within limits, or refused before the memory is taken."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from meli_tasks.core.errors import BadData
from meli_tasks.rowfiles.limits import ReadingLimits
from meli_tasks.rowfiles.parquet_rows import ParquetRows
from meli_tasks.rowfiles.reading import RowFile
from meli_tasks.scoring.row_groups import cut

LIMIT = 8_000_000
LIMITS = ReadingLimits(batch_bytes=LIMIT)
LONG = "x" * 1_000_000
A_PAGE_EACH = {"data_page_size": 1, "write_batch_size": 1}


def repeated(value: str, rows: int) -> pa.Array:
    """One text in all rows, which takes the memory of one."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([value]))


def parquet(path: Path, column: pa.Array, **options: Any) -> Path:
    pq.write_table(pa.table({"title": column}), path, compression="zstd", **options)
    return path


def batches(path: Path, limits: ReadingLimits = LIMITS) -> list[int]:
    """The memory of each batch, while every row is read."""
    found, rows = [], 0
    with RowFile(path, limits) as file:
        for chunk in file.chunks():
            assert isinstance(chunk.rows, ParquetRows)
            found.append(chunk.rows.batch.nbytes)
            rows += len(chunk.rows)
    assert rows == pq.read_metadata(path).num_rows
    return found


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_a_dictionary_of_one_long_text(tmp_path: Path, version: str) -> None:
    path = parquet(tmp_path / "a.parquet", repeated(LONG, 400), data_page_version=version)
    assert path.stat().st_size < 5_000  # and 400 MB in memory
    assert max(batches(path)) <= LIMIT


def test_texts_that_repeat_the_beginning_of_the_one_before(tmp_path: Path) -> None:
    path = parquet(
        tmp_path / "a.parquet",
        pa.array(["x" * 100_000] * 400),
        use_dictionary=False,
        column_encoding={"title": "DELTA_BYTE_ARRAY"},
    )
    assert path.stat().st_size < 5_000
    assert max(batches(path)) <= LIMIT


def test_long_texts_in_many_pages(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", pa.array([LONG] * 60), use_dictionary=False, **A_PAGE_EACH)
    assert path.stat().st_size < 50_000
    assert max(batches(path)) <= LIMIT


def test_missing_values_of_a_fixed_length(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", pa.array([None] * 100, pa.binary(1_000_000)))
    assert max(batches(path)) <= LIMIT


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array(["x" * 10_000_000]), "a page of the column 'title'"),
        (pa.array([np.zeros(2_000_000, np.int64)]), "the lists of the column 'title.list.element'"),
        (pa.array([None], pa.binary(10_000_000)), "a row can take"),
    ],
    ids=["a page", "a list", "a row"],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, column: pa.Array, message: str) -> None:
    path = parquet(tmp_path / "a.parquet", column)
    assert path.stat().st_size < 50_000
    with pytest.raises(BadData, match=f"a.parquet: {message}.*MELI_SOURCE_BATCH_MB"):
        batches(path)
    with pytest.raises(BadData, match="MELI_SOURCE_BATCH_MB"):
        cut(path, tmp_path / "cut.parquet", "a.parquet", 0, 1, LIMITS)


@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "zstd", "brotli", "lz4"])
def test_usual_files_are_read_in_whole_batches(tmp_path: Path, codec: str) -> None:
    rows = 40_000
    titles = [f"Silla de madera número {row}" for row in range(rows)]
    table = pa.table({
        "title": titles, "category": [f"C{row % 50}" for row in range(rows)], "price": np.arange(rows, dtype=float),
        "tags": [["a", f"b{row % 9}"] for row in range(rows)],
    })  # fmt: skip
    pq.write_table(table, tmp_path / "a.parquet", compression=codec)
    assert len(batches(tmp_path / "a.parquet", ReadingLimits())) == 3


def test_a_gzip_bomb(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"title\n" + b"Silla\n" * 2_000_000))
    with RowFile(path, ReadingLimits(decompressed_bytes=5_000_000)) as file, pytest.raises(BadData, match="SOURCE_GB"):
        list(file.chunks())
    sink = io.BytesIO()
    pq.write_table(pa.table({"title": ["Silla"]}), sink)
    path.write_bytes(gzip.compress(sink.getvalue() + bytes(10_000_000)))
    with pytest.raises(BadData, match="MELI_SOURCE_GB"):
        RowFile(path, ReadingLimits(decompressed_bytes=5_000_000))


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_too_many_rows(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text({"a.csv": "title\n" + "Silla\n" * 11}.get(name, '{"title": "Silla"}\n' * 11))
    if name == "a.parquet":
        parquet(path, pa.array(["Silla"] * 11))
    with RowFile(path, ReadingLimits(rows=11)) as file:
        assert sum(len(chunk.rows) for chunk in file.chunks()) == 11
    with RowFile(path, ReadingLimits(rows=10)) as file, pytest.raises(BadData, match="MELI_SOURCE_ROWS"):
        list(file.chunks())


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_too_many_columns(tmp_path: Path, name: str) -> None:
    names = [f"c{number}" for number in range(11)]
    path = tmp_path / name
    path.write_text(",".join(names) + "\n1\n" if name == "a.csv" else "".join(f'{{"{each}": 1}}\n' for each in names))
    if name == "a.parquet":
        pq.write_table(pa.table({each: [1] for each in names}), path)
    with pytest.raises(BadData, match="11 columns, and at most 10"):
        RowFile(path, ReadingLimits(columns=10))
