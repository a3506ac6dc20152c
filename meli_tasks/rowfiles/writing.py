"""Writing a file of rows: under a temporary name beside the target, renamed when all is written."""

from __future__ import annotations

import csv
import errno
import gzip
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, Self

from meli_tasks.core.errors import BadData, Rejected
from meli_tasks.rowfiles.chunk import Chunk, Row, kind_of

# Rows that a Parquet row group gathers: enough to compress well, few enough to hold in memory.
GROUP_ROWS = 65_536
JOIN = " | "

Columns = Mapping[str, Sequence[Any]]
AddedKind = Literal["text", "number", "texts", "numbers"]


class _Format(Protocol):
    def write(self, chunk: Chunk, renamed: dict[str, str], added: Columns) -> None: ...

    def close(self) -> None: ...


class RowTarget:
    """A file to write once. A context manager: leaving it normally renames, leaving it by an error leaves nothing."""

    def __init__(self, path: Path, added: Mapping[str, AddedKind] | None = None) -> None:
        """`added`: columns that come on top of the chunks' own, and what they hold."""
        self.path = path
        self.added = dict(added or {})
        self.kind, self.gzipped = kind_of(path)
        self.temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
        self._format: _Format

    def __enter__(self) -> Self:
        try:
            if self.path.is_dir():
                raise IsADirectoryError
            raw = self.temporary.open("wb")
        except FileNotFoundError:
            raise BadData(f"{self.path} cannot be written: there is no folder {self.path.parent}.") from None
        except IsADirectoryError:
            raise BadData(f"{self.path} is a folder; a file is needed.") from None
        except (PermissionError, OSError) as error:
            raise BadData(f"{self.path} cannot be written: {error.strerror}.") from None
        if self.kind == "parquet":
            self._format = _Parquet(self.path, raw, self.added)
        else:
            self._format = (_Csv if self.kind == "csv" else _JsonLines)(self.path, raw, self.gzipped)
        return self

    def write(self, chunk: Chunk, added: Columns | None = None, renamed: dict[str, str] | None = None) -> None:
        """Write a chunk's columns, those in `renamed` under another name, then the added ones.

        Raises:
            BadData: a row brings a column that the first chunk did not have, and the format needs to know them all.
            Rejected: the disk is full.
        """
        try:
            self._format.write(chunk, renamed or {}, added or {})
        except OSError as error:
            raise self._explained(error) from None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._format.close()
            if kind is None:
                self.temporary.replace(self.path)
        except OSError as problem:
            if kind is None:
                raise self._explained(problem) from None
        finally:
            self.temporary.unlink(missing_ok=True)

    def _explained(self, error: OSError) -> Exception:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return Rejected(f"No space left for {self.path}; nothing was left there. Free some, or write elsewhere.")
        return error


class _Text:
    def __init__(self, path: Path, raw: io.BufferedWriter, gzipped: bool) -> None:
        self.path = path
        self._raw = raw
        binary: Any = gzip.GzipFile("", "wb", 6, raw, mtime=0) if gzipped else raw
        self.text = io.TextIOWrapper(binary, encoding="utf-8", newline="")

    def close(self) -> None:
        try:
            self.text.close()
        finally:
            self._raw.close()


class _JsonLines(_Text):
    def write(self, chunk: Chunk, renamed: dict[str, str], added: Columns) -> None:
        dump = json.JSONEncoder(ensure_ascii=False, default=str).encode
        for row, values in zip(chunk.rows, _by_row(added, len(chunk)), strict=True):
            own = {renamed.get(name, name): value for name, value in row.items()} if renamed else row
            self.text.write(dump(own | values) + "\n")


class _Csv(_Text):
    columns: list[str] | None = None

    def write(self, chunk: Chunk, renamed: dict[str, str], added: Columns) -> None:
        writer = csv.writer(self.text, lineterminator="\n")
        if self.columns is None:
            self.columns = chunk.columns
            writer.writerow([renamed.get(name, name) for name in self.columns] + list(added))
        refuse_new_columns(self.path, chunk, self.columns)
        columns = self.columns
        # Rows of a CSV file are text already, in the header's order.
        own: Iterable[Iterable[Any]] = (row.values() for row in chunk.rows)
        if not chunk.all_text:
            own = ([as_text(row.get(name)) for name in columns] for row in chunk.rows)
        extra: Iterable[Sequence[str]] = zip(*(map(as_text, values) for values in added.values()), strict=True)
        if not added:
            extra = repeat((), len(chunk))
        writer.writerows([*cells, *more] for cells, more in zip(own, extra, strict=True))


class _Parquet:
    """Parquet to Parquet keeps the types; from other files each column is text."""

    def __init__(self, path: Path, raw: io.BufferedWriter, added: Mapping[str, AddedKind]) -> None:
        self.path = path
        self._raw = raw
        self._added = added
        self._writer: Any = None
        self._waiting: list[Any] = []
        self._columns: list[str] = []

    def write(self, chunk: Chunk, renamed: dict[str, str], added: Columns) -> None:
        import pyarrow

        if self._writer is None:
            self._columns = chunk.columns
        if chunk.batch is not None:
            table = pyarrow.Table.from_batches([chunk.batch])
        else:
            refuse_new_columns(self.path, chunk, self._columns)
            texts = {name: [None if v is None else as_text(v) for v in chunk.column(name)] for name in self._columns}
            table = pyarrow.table({name: pyarrow.array(values, pyarrow.string()) for name, values in texts.items()})
        table = table.rename_columns([renamed.get(name, name) for name in table.column_names])
        for name, values in added.items():
            table = table.append_column(name, pyarrow.array(values, _arrow_type(self._added[name])))
        if self._writer is None:
            self._open(table.schema)
        self._waiting.append(table)
        if sum(len(t) for t in self._waiting) >= GROUP_ROWS:
            self._flush()

    def close(self) -> None:
        try:
            if self._writer is not None:
                self._flush()
                self._writer.close()
        finally:
            self._raw.close()

    def _open(self, schema: Any) -> None:
        import pyarrow.parquet

        self._writer = pyarrow.parquet.ParquetWriter(self._raw, schema, compression="zstd")

    def _flush(self) -> None:
        import pyarrow

        if self._waiting:
            self._writer.write_table(pyarrow.concat_tables(self._waiting))
            self._waiting = []


def refuse_new_columns(path: Path, chunk: Chunk, columns: list[str]) -> None:
    """Refuse a JSON Lines row with a column that the header, written already, lacks.

    Raises:
        BadData: there is one; JSON Lines can take it.
    """
    if chunk.header is not None:
        return
    new = [name for name in chunk.columns if name not in columns]
    if new:
        raise BadData(
            f"{path} lists its columns at its beginning ({', '.join(columns)}), and a later row brings "
            f"{', '.join(map(repr, new))}. Write JSON Lines instead (--output NAME.jsonl)."
        )


def as_text(value: Any) -> str:
    """A value as it stands in a CSV cell: lists of the prediction joined, other structures as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, tuple):
        return JOIN.join(map(str, value))
    if isinstance(value, dict | list | bool):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _by_row(added: Columns, length: int) -> Sequence[Row]:
    if not added:
        return [{}] * length
    return [dict(zip(added, values, strict=True)) for values in zip(*added.values(), strict=True)]


def _arrow_type(kind: AddedKind) -> Any:
    import pyarrow

    text, number = pyarrow.string(), pyarrow.float32()
    types = {"text": text, "number": number, "texts": pyarrow.list_(text), "numbers": pyarrow.list_(number)}
    return types[kind]
