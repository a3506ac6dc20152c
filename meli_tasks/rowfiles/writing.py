"""Writing a file of rows: to a temporary name beside the target, renamed when everything is written."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from itertools import repeat
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Literal, Protocol, Self

from meli_tasks.core.errors import BadData, MeliError
from meli_tasks.disk import disk_errors, part_file, passing
from meli_tasks.rowfiles.csv_text import csv_text
from meli_tasks.rowfiles.kinds import kind_of
from meli_tasks.rowfiles.rows import UNREADABLE, Rows
from meli_tasks.rowfiles.text import harmless, has_foreign_bytes, printable
from meli_tasks.rowfiles.text_columns import TextColumn, csv_bytes
from meli_tasks.rowfiles.values import as_cells, is_number, json_text

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

# Rows that a Parquet row group gathers: enough to compress well, few enough to hold in memory.
GROUP_ROWS = 65_536

AddedColumns = Mapping[str, Sequence[object]]
AddedKind = Literal["text", "number", "texts", "numbers", "flag"]


class _Format(Protocol):
    def write(self, rows: Rows, renamed: Mapping[str, str], added: AddedColumns) -> None: ...

    def close(self) -> None: ...


class RowTarget:
    """A file to write once. A context manager: leaving it normally renames the file, an error leaves nothing behind."""

    def __init__(
        self, path: Path, added: Mapping[str, AddedKind] | None = None, *, for_spreadsheets: bool = False
    ) -> None:
        """Name the target.

        Args:
            path: The file.
            added: Columns that come after the rows' own, and what they hold.
            for_spreadsheets: Whether texts of CSV that a spreadsheet would run as formulas get a quote in front.
        """
        self.path = path
        self._for_spreadsheets = for_spreadsheets
        self.added = dict(added or {})
        self.kind, self.gzipped = kind_of(path)
        self._parts = ExitStack()
        self._part: Path
        self._format: _Format

    def __enter__(self) -> Self:
        try:
            if not self.path.parent.is_dir():
                raise BadData(f"{self.path} cannot be written: there is no folder {self.path.parent}.")
            if self.path.is_dir():
                raise BadData(f"{self.path} is a folder; a file is needed.")
            self._part = self._parts.enter_context(part_file(self.path.parent, self.path.name))
            raw = self._part.open("wb")
        except OSError as error:
            self._parts.close()
            if temporary := passing(error, self.path):
                raise temporary from None
            raise BadData(f"{self.path} cannot be written: {error.strerror}.") from None
        if self.kind == "parquet":
            self._format = _Parquet(self.path, raw, self.added)
        elif self.kind == "csv":
            self._format = _Csv(self.path, raw, self.gzipped, self._for_spreadsheets)
        else:
            self._format = _JsonLines(self.path, raw, self.gzipped)
        return self

    def write(self, rows: Rows, added: AddedColumns | None = None, renamed: Mapping[str, str] | None = None) -> None:
        """Write rows: their own columns, those in `renamed` under another name, then the added ones.

        Raises:
            BadData: a row has a column that the first rows did not have, and the format must list all at its beginning.
            DiskFull: there is no space left.
        """
        with disk_errors(self.path):
            self._format.write(rows, renamed or {}, added or {})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Not `atomic_write`: an error of the body may be about another file, the one that the rows come from.
        with self._parts:
            try:
                with disk_errors(self.path):
                    self._format.close()
                    if kind is None:
                        self._part.replace(self.path)
            except MeliError:
                if kind is None:
                    raise


class _Text:
    def __init__(self, path: Path, raw: BinaryIO, gzipped: bool) -> None:
        self.path = path
        self._raw = raw
        self._binary = gzip.GzipFile("", "wb", 6, raw, mtime=0) if gzipped else raw

    def put(self, text: str) -> None:
        self.put_bytes(text.encode())

    def put_bytes(self, data: bytes) -> None:
        self._binary.write(data)

    def close(self) -> None:
        try:
            self._binary.close()
        finally:
            self._raw.close()


class _JsonLines(_Text):
    def write(self, rows: Rows, renamed: Mapping[str, str], added: AddedColumns) -> None:
        lines = []
        more: Iterable[tuple[object, ...]] = zip(*added.values(), strict=True) if added else repeat((), len(rows))
        for row, values in zip(rows.objects(), more, strict=True):
            own = {renamed.get(name, name): value for name, value in row.items()}
            lines.append(json_text({**own, **dict(zip(added, values, strict=True))}) + "\n")
        try:
            self.put("".join(lines))
        except UnicodeEncodeError:
            self.put("".join(_utf8_line(line) if has_foreign_bytes(line) else line for line in lines))


class _Csv(_Text):
    def __init__(self, path: Path, raw: BinaryIO, gzipped: bool, for_spreadsheets: bool) -> None:
        super().__init__(path, raw, gzipped)
        self.columns: Sequence[str] | None = None
        self._for_spreadsheets = for_spreadsheets

    def write(self, rows: Rows, renamed: Mapping[str, str], added: AddedColumns) -> None:
        if self.columns is None:
            self.columns = rows.names
            self._write([[name] for name in [*(renamed.get(name, name) for name in self.columns), *added]])
        refuse_new_columns(self.path, rows, self.columns)
        own = dict(zip(rows.names, rows.cells(), strict=True))
        # A later row of JSON Lines may lack a column that the first ones had.
        columns: list[Sequence[str]] = [own.get(name, [""] * len(rows)) for name in self.columns]
        cells = (values if isinstance(values, TextColumn) else as_cells(values) for values in added.values())
        self._write([*columns, *cells])

    def _write(self, columns: Sequence[Sequence[str]]) -> None:
        if self._for_spreadsheets:
            columns = [[cell if is_number(cell) else harmless(cell) for cell in column] for column in columns]
        elif any(isinstance(column, TextColumn) for column in columns) and (data := csv_bytes(columns)) is not None:
            self.put_bytes(data)
            return
        text = csv_text(columns)
        try:
            self.put(text)
        except UnicodeEncodeError:
            self.put(printable(text))


class _Parquet:
    """Parquet to Parquet keeps the types; from other files each column is text."""

    def __init__(self, path: Path, raw: BinaryIO, added: Mapping[str, AddedKind]) -> None:
        self.path = path
        self._raw = raw
        self._added = added
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []
        self._columns: Sequence[str] = []

    def write(self, rows: Rows, renamed: Mapping[str, str], added: AddedColumns) -> None:
        import pyarrow as pa

        if self._writer is None:
            self._columns = rows.names
        refuse_new_columns(self.path, rows, self._columns)
        table = rows.table(self._columns)
        table = table.rename_columns([renamed.get(name, name) for name in table.column_names])
        for name, values in added.items():
            table = table.append_column(name, pa.array(values, _arrow_type(self._added[name])))
        if self._writer is None:
            self._open(table.schema)
        self._waiting.append(table)
        if sum(map(len, self._waiting)) >= GROUP_ROWS:
            self._flush()

    def close(self) -> None:
        try:
            if self._writer is not None:
                self._flush()
                self._writer.close()
        finally:
            self._raw.close()

    def _open(self, schema: pa.Schema) -> None:
        import pyarrow.parquet as pq

        self._writer = pq.ParquetWriter(self._raw, schema, compression="zstd")

    def _flush(self) -> None:
        import pyarrow as pa

        if self._waiting and self._writer is not None:
            self._writer.write_table(pa.concat_tables(self._waiting))
            self._waiting = []


def refuse_new_columns(path: Path, rows: Rows, columns: Sequence[str]) -> None:
    """Refuse rows of JSON Lines with a column that the output's header, already written, lacks.

    Raises:
        BadData: there is one; JSON Lines can take it.
    """
    # A line that is not JSON cannot stop the others: its text is left out, but it keeps its place.
    new = [] if rows.fixed_columns else [name for name in rows.names if name not in columns and name != UNREADABLE]
    if new:
        raise BadData(
            f"{path} lists its columns at its beginning ({', '.join(columns)}), and a later row brings "
            f"{', '.join(map(repr, new))}. Write JSON Lines instead (--output NAME.jsonl)."
        )


def _utf8_line(line: str) -> str:
    """A line of JSON Lines, the foreign bytes in its texts written out."""
    return json_text(_printable_values(json.loads(line))) + "\n"


def _printable_values(value: object) -> object:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable(name): _printable_values(item) for name, item in value.items()}
    return list(map(_printable_values, value)) if isinstance(value, list) else value


def _arrow_type(kind: AddedKind) -> pa.DataType:
    import pyarrow as pa

    text, number = pa.string(), pa.float32()
    types = {"text": text, "number": number, "texts": pa.list_(text), "numbers": pa.list_(number), "flag": pa.bool_()}
    return types[kind]
