"""Reading a file of rows from its beginning, chunk by chunk."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from meli_tasks.core.errors import BadData
from meli_tasks.rowfiles.chunk import Chunk, Row, kind_of

# Characters. A longer line, or a longer field in quotes, means that the file is not what its name says.
LONGEST_RECORD = 32 * 2**20


class RowFile:
    """A file to read once. `share` (0 to 1) says how much of it has been read."""

    def __init__(self, path: Path, chunk_rows: int = 4096) -> None:
        self.path = path
        self.chunk_rows = chunk_rows
        self.kind, self.gzipped = kind_of(path)
        self.share = 0.0

    def chunks(self) -> Iterator[Chunk]:
        """Read it; at least one chunk comes, so that the columns of a file without rows are known too.

        Raises:
            BadData: it is missing, empty, cut short, not UTF-8, or not what its name says.
        """
        try:
            if self.path.stat().st_size == 0:
                raise BadData(f"{self.path} is empty: no header, no rows.")
            yield from self._parquet() if self.kind == "parquet" else self._text()
        except FileNotFoundError:
            address = re.match(r"[a-z0-9]{2,}:/", str(self.path))  # of s3://…, a path keeps one slash
            more = " Only files of this machine are read here: download it first." if address else ""
            raise BadData(f"{self.path}: no such file.{more}") from None
        except IsADirectoryError:
            raise BadData(f"{self.path} is a folder; a file is needed.") from None
        except PermissionError:
            raise BadData(f"{self.path} may not be read by this user.") from None

    def _text(self) -> Iterator[Chunk]:
        size = self.path.stat().st_size
        with self.path.open("rb") as raw:
            binary = gzip.GzipFile(fileobj=raw) if self.gzipped else raw
            lines = Lines(self.path, io.TextIOWrapper(binary, encoding="utf-8-sig", newline=""))
            records = csv_records(lines) if self.kind == "csv" else json_records(lines)
            header: list[str] | None = list(next(records)[0]) if self.kind == "csv" else None
            first = True
            while some := list(islice(records, self.chunk_rows)):
                self.share, first = raw.tell() / size, False
                problems = {position: problem for position, (_, problem) in enumerate(some) if problem}
                rows = [row for row, _ in some]
                yield Chunk(given=rows, header=header, all_text=self.kind == "csv", problems=problems)
            self.share = 1.0
            if first:
                yield Chunk(given=[], header=header)

    def _parquet(self) -> Iterator[Chunk]:
        import pyarrow
        import pyarrow.parquet

        try:
            # Without pre_buffer, and with a small buffer, a row group of any size is read page by page.
            with pyarrow.parquet.ParquetFile(self.path, pre_buffer=False, buffer_size=2**20) as file:
                rows, seen, schema = file.metadata.num_rows, 0, file.schema_arrow
                _refuse_twins(self.path, schema.names)
                if not rows:
                    yield Chunk(batch=pyarrow.RecordBatch.from_pylist([], schema=schema), header=schema.names)
                for batch in file.iter_batches(batch_size=self.chunk_rows):
                    seen += batch.num_rows
                    self.share = seen / rows
                    yield Chunk(batch=batch, header=schema.names)
        except (pyarrow.ArrowException, OSError) as error:
            if isinstance(error, FileNotFoundError | IsADirectoryError | PermissionError):
                raise
            raise BadData(f"{self.path} cannot be read as Parquet: {str(error).splitlines()[0]}") from error


class Lines:
    """Lines of text, counted, with errors that say which file and where. `pending` is the record being read."""

    def __init__(self, path: Path, text: io.TextIOWrapper) -> None:
        self.path = path
        self.text = text
        self.number = 0
        self.pending: list[str] = []
        self._again: deque[str] = deque()

    def __iter__(self) -> Iterator[str]:
        while line := self._next():
            self.number += 1
            self.pending.append(line)
            yield line

    def take(self) -> str:
        """The record's text; the next record begins."""
        text = "".join(self.pending).rstrip("\r\n")
        self.pending.clear()
        return text

    def put_back(self) -> str:
        """The first line of the pending record; the others are read again, as the beginning of the next."""
        first, *others = self.pending
        self._again.extendleft(reversed(others))
        self.number -= len(others)
        self.pending.clear()
        return first.rstrip("\r\n")

    def _not_utf8(self, error: UnicodeDecodeError) -> str:
        """What is wrong with a file whose bytes are no UTF-8, and what to do about it."""
        seen = bytes(error.object)
        if not self.number and seen.startswith(b"\x1f\x8b"):
            return f"{self.path} is gzipped, and its name does not say so. Rename it: {self.path.name}.gz"
        # All lines before the piece that does not decode were given already.
        line = self.number + 1 + seen[: error.start].count(b"\n")
        encoding = "utf-16" if not self.number and seen.startswith((b"\xff\xfe", b"\xfe\xff")) else "latin1"
        name = self.path.name.removesuffix(".gz")
        return (
            f"{self.path} is not UTF-8: byte 0x{seen[error.start]:02x} in line {line}. "
            f"Convert it, e.g. iconv -f {encoding} -t utf-8 {name} > utf8_{name}"
        )

    def _next(self) -> str:
        if self._again:
            return self._again.popleft()
        try:
            line = self.text.readline(LONGEST_RECORD + 1)
        except UnicodeDecodeError as error:
            raise BadData(self._not_utf8(error)) from None
        except EOFError:
            raise BadData(
                f"{self.path} is cut short: its gzip stream ends after line {self.number}. Fetch it again."
            ) from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise BadData(
                f"{self.path} is no sound gzip file (after line {self.number}): {error}. Fetch it again, or, if it was "
                "never gzipped, take the .gz off its name."
            ) from None
        if len(line) > LONGEST_RECORD:
            raise BadData(f"{self.path}, line {self.number + 1} is longer than {LONGEST_RECORD:,} characters.")
        return line


def csv_records(lines: Lines) -> Iterator[tuple[Row, str]]:
    """The header as a row first, then (row, problem or ""); a row with a problem still holds all of its text."""
    csv.field_size_limit(LONGEST_RECORD)
    reader = csv.reader(lines, strict=True)
    header: list[str] = []
    while True:
        first_line = lines.number + 1
        try:
            fields = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            if not header or "expected after" not in str(error):
                raise BadData(f"{lines.path}, line {first_line}: a quote is opened and not closed ({error}).") from None
            # Only its first line is given up: a quote opened by mistake swallows the rows behind it.
            yield {**dict.fromkeys(header, ""), header[0]: lines.put_back()}, "quotes that do not pair"
            continue
        lines.take()
        if not header and fields:
            header = fields
            _refuse_twins(lines.path, header)
            yield dict.fromkeys(header), ""
        elif fields or len(header) == 1:
            yield _csv_row(header, fields)
    if not header:
        raise BadData(f"{lines.path} is empty: no header, no rows.")


def _csv_row(header: list[str], fields: list[str]) -> tuple[Row, str]:
    if len(fields) == len(header):
        return dict(zip(header, fields, strict=True)), ""
    last = len(header) - 1
    padded = fields + [""] * (len(header) - len(fields))
    problem = f"{'more' if len(fields) > len(header) else 'fewer'} fields than the header"
    return dict(zip(header, [*padded[:last], ",".join(padded[last:])], strict=True)), problem if fields else ""


def json_records(lines: Lines) -> Iterator[tuple[Row, str]]:
    """(row, problem or ""); what is no JSON object comes as a row with the one column `unreadable`."""
    for line in lines:
        lines.take()
        if not line.strip():
            continue
        if lines.number == 1 and line.lstrip().startswith("["):
            raise BadData(
                f"{lines.path} is one JSON array; an object a line is needed, e.g. jq -c '.[]' {lines.path.name}"
            )
        try:
            row = json.loads(line)
            if "\\ud" in line or "\\uD" in line:  # half of a surrogate pair is no text: no file could hold it
                json.dumps(row, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict):
            yield row, ""
        else:
            yield {"unreadable": line.rstrip("\r\n")}, "not a JSON object"


def _refuse_twins(path: Path, names: list[str]) -> None:
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise BadData(f"{path} has two columns of the same name: {', '.join(twins)}. Rename one of each.")
