"""Parquet, a batch of rows at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from meli_tasks.core.errors import BadData
from meli_tasks.stages.listings.files import Opened
from meli_tasks.stages.listings.rows import DATE, Rows, positions

_BATCH_ROWS = 16_384


def read_parquet(file: Opened, date_column: str) -> Iterator[Rows]:
    """The rows of a Parquet file, its own gzip taken off or not. `lines` count its rows from 1.

    Raises BadData when the file is damaged, lacks a column that is needed, or holds something else than text there.
    """
    with tempfile.TemporaryFile() as unpacked:
        stream = file.raw
        if file.stream is not file.raw:
            # Parquet is read from its end, which a gzip stream only reaches by unpacking all of it.
            _unpack(file, unpacked)
            stream = unpacked
        try:
            yield from _batches(file.name, pq.ParquetFile(stream), date_column)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
            if isinstance(error, OSError) and error.errno:
                raise
            raise BadData(f"{file.name}: this Parquet file is damaged ({error}). Write or fetch it again.") from None


def _unpack(file: Opened, target: BinaryIO) -> None:
    file.stream.seek(0)
    while block := file.read(1 << 22):
        target.write(block)
    target.seek(0)


def _batches(name: str, parquet: pq.ParquetFile, date_column: str) -> Iterator[Rows]:
    seen = parquet.schema_arrow.names
    where = {column: seen[index] for column, index in positions(name, seen, date_column).items()}
    done = 0
    for batch in parquet.iter_batches(_BATCH_ROWS, columns=list(where.values())):
        arrays = {column: batch.column(original) for column, original in where.items()}
        if DATE in arrays and pa.types.is_timestamp(arrays[DATE].type):
            arrays[DATE] = _dates(name, where[DATE], arrays[DATE])
        columns = {column: _texts(name, where[column], values) for column, values in arrays.items()}
        yield Rows(columns, np.arange(done + 1, done + batch.num_rows + 1))
        done += batch.num_rows


def _texts(name: str, column: str, values: pa.Array) -> Sequence[str | None]:
    if pa.types.is_nested(values.type):
        raise BadData(f"{name}: the column {column!r} holds {values.type}, not text.")
    raw: list[bytes | None] = values.cast(pa.string(), safe=False).cast(pa.binary()).to_pylist()
    # Arrow trusts its writers on UTF-8; some should not have been trusted.
    return [None if value is None else value.decode("utf-8", "surrogateescape") for value in raw]


def _dates(name: str, column: str, values: pa.Array) -> pa.Array:
    """The dates of points in time, in the time zone that the column is in."""
    try:
        return values.cast(pa.date32(), safe=False)
    except pa.ArrowInvalid as error:
        raise BadData(
            f"{name}: the column {column!r} is in the time zone {values.type.tz!r}, which this machine does not know "
            f"({error}). Install the system's tzdata, or write the column in UTC."
        ) from None
