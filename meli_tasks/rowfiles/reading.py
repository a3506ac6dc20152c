"""Reading a file of rows from its beginning, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from meli_tasks.core.errors import BadData
from meli_tasks.rowfiles.csv_rows import CsvReader
from meli_tasks.rowfiles.json_rows import JsonReader
from meli_tasks.rowfiles.kinds import named_json_lines
from meli_tasks.rowfiles.limits import ReadingLimits
from meli_tasks.rowfiles.opening import ByteSource, line_blocks, line_end_of, open_bytes, refuse_other_formats
from meli_tasks.rowfiles.parquet_rows import ParquetReader
from meli_tasks.rowfiles.rows import Chunk

_START_BYTES = 1 << 16
LONGEST_FIELD = 4 << 20
"""Characters of a CSV field. A longer one is the work of a quote that was opened by mistake."""


class _Reader(Protocol):
    names: Sequence[str]
    keyed: bool

    def chunks(self, places: Sequence[int] | None) -> Iterator[Chunk]: ...


class RowFile:
    """A file of rows, read once: CSV, JSON Lines or Parquet, gzipped or not, recognised by its first bytes.

    A context manager.

    Raises:
        BadData: the file as a whole cannot be read: it is missing, empty, damaged, or of another format.
    """

    def __init__(self, path: Path, limits: ReadingLimits | None = None) -> None:
        self._limits = limits or ReadingLimits()
        self._source = open_bytes(path, self._limits.decompressed_bytes)
        self.name = self._source.name
        try:
            self._reader = self._open()
        except BaseException:
            self._source.close()
            raise

    @property
    def names(self) -> Sequence[str]:
        """The columns as the file spells them; of JSON Lines, the keys in the first block of lines."""
        return self._reader.names

    @property
    def keyed(self) -> bool:
        """Whether each row brings its own columns, as in JSON Lines."""
        return self._reader.keyed

    @property
    def typed(self) -> bool:
        """Whether its columns have types, as in Parquet, and its rows no lines."""
        return isinstance(self._reader, ParquetReader)

    def chunks(self, places: Sequence[int] | None = None) -> Iterator[Chunk]:
        """The rows; at least one chunk, which is empty if there are none.

        Args:
            places: the columns to read, as positions in `names`; all by default. JSON Lines are always read whole.

        Raises:
            BadData: the rest of the file is damaged, or has more rows than may be read.
        """
        rows = 0
        for chunk in self._reader.chunks(places):
            rows += len(chunk.rows) + len(chunk.bad)
            if rows > self._limits.rows:
                raise BadData(
                    f"{self.name}: it has more than {self._limits.rows:,} rows, and no more may be read "
                    "(MELI_SOURCE_ROWS). Divide the file, or raise the setting."
                )
            yield chunk

    def fraction_read(self) -> float:
        """How much of the file has been read, from 0 to 1."""
        return self._reader.fraction_read() if isinstance(self._reader, ParquetReader) else self._source.fraction_read()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._source.close()

    def _open(self) -> _Reader:
        source: ByteSource = self._source
        start = source.read(_START_BYTES)
        if start.startswith(b"PAR1"):
            return ParquetReader(source, self._limits)
        refuse_other_formats(source.name, start)
        text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
        if text.startswith(b"["):
            raise BadData(f"{source.name}: this is one JSON array. Write one object per line: jq -c '.[]' old > new.")
        line_end = line_end_of(start)
        blocks = line_blocks(start, source, line_end)
        # A first line that is no object does not make JSON Lines a CSV file.
        if text.startswith(b"{") or (named_json_lines(source.name) and f"{line_end}{{".encode() in text):
            return JsonReader(source.name, blocks, self._limits.columns, line_end)
        return CsvReader(source.name, blocks, LONGEST_FIELD, line_end, self._limits.columns)
