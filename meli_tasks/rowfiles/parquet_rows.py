"""Parquet, a batch of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from typing_extensions import override

from meli_tasks.core.errors import BadData
from meli_tasks.rowfiles.columns import too_many_columns, unique_names
from meli_tasks.rowfiles.limits import ReadingLimits
from meli_tasks.rowfiles.opening import ByteSource
from meli_tasks.rowfiles.parquet_pages import TooLarge, Unreadable, batch_rows
from meli_tasks.rowfiles.parquet_values import is_text, texts_of, values_of
from meli_tasks.rowfiles.rows import Chunk, JsonObject, Rows
from meli_tasks.rowfiles.values import as_cell

_BATCH_ROWS = 16_384
# With a small buffer and without pre_buffer, a row group of any size is read page by page.
_BUFFER_BYTES = 1 << 20


class ParquetReader:
    """Reads a Parquet file, gzipped or not. `lines` count its rows from 1.

    Raises:
        BadData: the file is damaged, or would take more memory than it may.
    """

    keyed = False

    def __init__(self, source: ByteSource, limits: ReadingLimits) -> None:
        self._name, self._limits = source.name, limits
        # Parquet is read from its end, which a gzip stream reaches only when all of it is decompressed.
        self._file = source.seekable()
        with damage_explained(self._name):
            self._parquet = pq.ParquetFile(self._file, pre_buffer=False, buffer_size=_BUFFER_BYTES)
            self.names: Sequence[str] = self._parquet.schema_arrow.names
        if len(self.names) > limits.columns:
            raise too_many_columns(self._name, len(self.names), limits.columns)
        self._rows_read = 0

    def chunks(self, places: Sequence[int] | None) -> Iterator[Chunk]:
        """Its rows; only the columns in `places`, in this order, or all of them."""
        wanted = None if places is None else [self.names[place] for place in places]
        unique = unique_names(self.names) if wanted is None else wanted
        with damage_explained(self._name):
            most = batch_rows(self._parquet, self._file, wanted or self.names, _BATCH_ROWS, self._limits.batch_bytes)
            for batch in self._parquet.iter_batches(most, columns=wanted):
                rows = ParquetRows(self._name, unique, batch if wanted is None else batch.select(wanted))
                first, self._rows_read = self._rows_read + 1, self._rows_read + batch.num_rows
                yield Chunk(rows, np.arange(first, self._rows_read + 1))
        if not self._rows_read:
            schema = self._parquet.schema_arrow
            chosen = range(len(self.names)) if places is None else places
            empty = pa.RecordBatch.from_pylist([], schema=pa.schema([schema.field(place) for place in chosen]))
            yield Chunk(ParquetRows(self._name, unique, empty), np.arange(0))

    def fraction_read(self) -> float:
        """How many of the rows have been read, from 0 to 1."""
        return self._rows_read / (self._parquet.metadata.num_rows or 1)


@dataclass
class ParquetRows(Rows):
    """Rows of a Parquet file, as a batch with types."""

    file: str
    names: Sequence[str]
    batch: pa.RecordBatch
    fixed_columns: ClassVar[bool] = True

    @override
    def __len__(self) -> int:
        return int(self.batch.num_rows)

    @override
    def texts(self, place: int) -> Sequence[str | None]:
        """A column as text.

        Raises:
            BadData: it holds lists, structures or booleans.
        """
        values = self.batch.column(place)
        if not is_text(values.type):
            raise BadData(f"{self.file}: the column {self.names[place]!r} holds {values.type}, not text.")
        return texts_of(values)

    @override
    def no_texts(self, place: int) -> Mapping[int, str]:
        return {}

    @override
    def base64_values(self) -> Mapping[str, int]:
        return {name: count for name, (_, count) in zip(self.names, self._values, strict=True) if count}

    @override
    def dates(self, place: int) -> Sequence[str | None]:
        """A column of dates as text; points in time as days in the time zone that the column is in.

        Raises:
            BadData: this machine does not know the time zone.
        """
        values = self.batch.column(place)
        if not pa.types.is_timestamp(values.type):
            return self.texts(place)
        try:
            return texts_of(values.cast(pa.date32(), safe=False))
        except pa.ArrowInvalid as error:
            raise BadData(
                f"{self.file}: the column {self.names[place]!r} is in the time zone {values.type.tz!r}, which this "
                f"machine does not know ({error}). Install the system's tzdata, or write the column in UTC."
            ) from None

    @override
    def cells(self) -> list[Sequence[str]]:
        return [list(map(as_cell, column)) for column, _ in self._values]

    @override
    def objects(self) -> Iterator[JsonObject]:
        return (
            dict(zip(self.names, row, strict=True)) for row in zip(*(column for column, _ in self._values), strict=True)
        )

    @override
    def table(self, names: Sequence[str]) -> pa.Table:
        return pa.Table.from_batches([self.batch]).rename_columns(list(self.names))

    @override
    def slice(self, start: int, stop: int) -> ParquetRows:
        return ParquetRows(self.file, self.names, self.batch.slice(start, stop - start))

    @cached_property
    def _values(self) -> list[tuple[Sequence[object], int]]:
        try:
            return list(map(values_of, self.batch.columns))
        except (UnicodeDecodeError, pa.ArrowException) as error:
            raise BadData(
                f"{self.file}: a column has values that cannot be copied ({str(error).splitlines()[0]}). Leave it out, "
                "or write Parquet."
            ) from None


@contextmanager
def damage_explained(name: str) -> Iterator[None]:
    """Raise what Arrow says about the Parquet file `name` as one of our errors."""
    try:
        yield
    except TooLarge as error:
        raise BadData(f"{name}: {error}.") from None
    except UnicodeDecodeError:
        raise BadData(
            f"{name}: the name of a column is not UTF-8. Rename it where the file is written, and write it again."
        ) from None
    except (pa.ArrowException, Unreadable, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        reason = str(error).splitlines()[0]
        if "crypt" in reason:  # encrypted columns under a footer that is not
            raise BadData(
                f"{name}: columns of this Parquet file are encrypted ({reason}). Decrypt it with pyarrow and its "
                "keys, and save it again."
            ) from None
        raise BadData(f"{name}: this Parquet file is damaged ({reason}). Write or fetch it again.") from None
