"""CSV, some ten thousand lines at a time: by Arrow where it is plain, else by Python's parser, which forgives a lot."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from meli_tasks.core.errors import BadData
from meli_tasks.stages.listings.files import lines_of
from meli_tasks.stages.listings.plain_csv import read_plain
from meli_tasks.stages.listings.rows import COLUMNS, NEEDED, BadRow, Rows, foreign, positions, shown

# Fed to the parser after a chunk's last line: a record that swallows it has an open quote.
_END = "\x00end of chunk\x00"
_DELIMITERS = ",;\t|"


def read_csv(file: str, blocks: Iterator[bytes], max_field: int, date_column: str) -> Iterator[Rows]:
    """The rows of a CSV file with a header, from blocks of its lines.

    A field may hold line ends when it is quoted. A field longer than `max_field` characters makes a bad row, as does a
    quote that never closes; rows go on at the next line that looks like one. Raises BadData when the header lacks a
    column that is needed.
    """
    # The parser's only limit is a global one; it is only ever raised, so parsers side by side do each other no harm.
    csv.field_size_limit(max(csv.field_size_limit(), max_field))
    line, above, rest = _first_line(file, blocks)
    delimiter, header = _header(file, line)
    where = positions(file, header, date_column)
    # Blank lines above the header are kept out of the way but not out of the count: rare, so as lines below it.
    done, carried, lost = 1, ["\n"] * above, False
    block: bytes | None = rest
    while block is not None:
        if not (carried or lost) and (plain := read_plain(block, delimiter, len(header), where, max_field)):
            rows = len(plain["title"])
            yield Rows({**plain}, np.arange(done + 1, done + 1 + rows))
            done, block = done + rows, next(blocks, None)
            continue
        lines = carried + lines_of(block)
        block = next(blocks, None)
        if lost:
            skipped = _next_row(lines, 0, delimiter, len(header))
            done, lines = done + skipped, lines[skipped:]
        records = _parse(lines, delimiter, len(header), last=block is None)
        yield _rows(records, where, len(header), done + 1)
        done, carried = done + records.used, lines[records.used :]
        lost = records.lost or (lost and not lines)


def _first_line(file: str, blocks: Iterator[bytes]) -> tuple[str, int, bytes]:
    """The first line that is not blank, how many stand above it in its block, and what follows it there."""
    for block in blocks:
        start = above = 0
        while start < len(block):
            end = block.find(b"\n", start) + 1 or len(block)
            (line,) = lines_of(block[start:end])
            if line.strip():
                return line, above, block[end:]
            start, above = end, above + 1
    raise BadData(f"{file}: the file holds nothing, or nothing but blank lines. A header and rows were expected.")


def _header(file: str, line: str) -> tuple[str, list[str]]:
    """The delimiter and the column names: of the usual delimiters, the one that finds most columns we know."""
    if "\r" in line.rstrip("\r\n"):
        raise BadData(f"{file}: its lines end with carriage returns alone. Convert them: tr '\\r' '\\n' < old > new.")
    best: tuple[int, str, list[str]] = (-1, ",", [])
    for delimiter in _DELIMITERS:
        names = next(csv.reader([line], delimiter=delimiter), [])
        known = sum(name.strip().casefold() in COLUMNS for name in names)
        if known > best[0]:
            best = (known, delimiter, names)
    if foreign(line) and best[0] < len(NEEDED):
        raise BadData(f"{file}: the header is not UTF-8: {shown(line)!r}. Convert the file with iconv -t UTF-8.")
    return best[1], best[2]


@dataclass
class _Records:
    """The records of a chunk of lines, their fields on end; lines and starts count from 0 within the chunk."""

    fields: list[str]
    starts: list[int] | NDArray[np.int64]
    bad: list[BadRow]
    used: int
    """How many lines were taken; an open quote leaves the rest for the next chunk."""
    lost: bool = False
    """Whether the chunk ends within a field that is given up."""


def _parse(lines: list[str], delimiter: str, width: int, last: bool) -> _Records:
    fields: list[str] = []
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        # Fields on end, not rows: ten thousands of lists at once cost the garbage collector more than the parsing.
        for row in reader:
            if len(row) != width:
                return _parse_warily(lines, delimiter, width, last)
            fields += row
    except csv.Error:
        return _parse_warily(lines, delimiter, width, last)
    if len(fields) != width * len(lines) or _stays_open(lines, delimiter):
        return _parse_warily(lines, delimiter, width, last)
    return _Records(fields, np.arange(len(lines)), [], len(lines))


def _stays_open(lines: list[str], delimiter: str) -> bool:
    """Whether the last line ends within a quote, given that every line before is a record."""
    return bool(lines) and next(csv.reader([lines[-1], _END], delimiter=delimiter))[-1].endswith(_END)


def _parse_warily(lines: list[str], delimiter: str, width: int, last: bool) -> _Records:
    """Record by record, for chunks in which records span lines, are ragged or blank, or in which quotes stay open."""
    found = _Records([], starts := [], [], 0)
    while found.used < len(lines):
        base = found.used
        reader = csv.reader(chain(map(lines.__getitem__, range(base, len(lines))), (_END,)), delimiter=delimiter)
        try:
            for row in reader:
                end = base + reader.line_num
                if end > len(lines) and (found.used == len(lines) or not last):
                    return found
                if end > len(lines) or (end - found.used > 1 and _swallowed(lines[found.used : end], delimiter, width)):
                    found.bad.append(BadRow(found.used, "quote never closed", shown(lines[found.used])))
                    found.used += 1
                    break
                if len(row) == width:
                    found.fields += row
                    starts.append(found.used)
                elif row:
                    seen = f"{len(row)} fields where the header has {width}: {delimiter.join(row)}"
                    found.bad.append(BadRow(found.used, "ragged row", shown(seen)))
                found.used = end
        except csv.Error as error:
            if "field limit" in str(error):
                _give_up_field(found, lines, delimiter, width)
            else:
                found.bad.append(BadRow(found.used, "ragged row", shown(lines[found.used])))
                found.used += 1
    return found


def _give_up_field(found: _Records, lines: list[str], delimiter: str, width: int) -> None:
    """Makes the record with a field beyond all limits a bad row, and goes on at the next line that looks like a row."""
    start, first = found.used, lines[found.used]
    if len(first) > csv.field_size_limit():
        found.bad.append(BadRow(start, "title too long", shown(first)))
        found.used += 1
        return
    found.used = _next_row(lines, start + 1, delimiter, width)
    found.lost = found.used == len(lines)
    # Rows right behind a field that never ends: it is its quote that is wrong, not its length.
    reason = "quote never closed" if found.used == start + 1 else "title too long"
    found.bad.append(BadRow(start, reason, shown(f"{found.used - start:,} lines, the first: {first}")))


def _next_row(lines: list[str], start: int, delimiter: str, width: int) -> int:
    """The first line from `start` on that is a whole row on its own."""
    for index in range(start, len(lines)):
        if lines[index].count(delimiter) >= width - 1:
            try:
                if len(next(csv.reader((lines[index],), delimiter=delimiter, strict=True))) == width:
                    return index
            except csv.Error:
                continue
    return len(lines)


def _swallowed(lines: list[str], delimiter: str, width: int) -> bool:
    """Whether a record of several lines is really several rows, the first of which opens a quote by mistake."""
    try:
        list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error:
        return True
    return width > 2 and any(line.count(delimiter) == width - 1 and '"' not in line for line in lines[1:-1])


def _rows(records: _Records, where: dict[str, int], width: int, first_line: int) -> Rows:
    """The records by columns. `first_line` is the chunk's first, in the file."""
    columns: dict[str, Sequence[str | None]] = {name: records.fields[at::width] for name, at in where.items()}
    lines = np.asarray(records.starts, dtype=np.int64) + first_line
    return Rows(columns, lines, [BadRow(row.line + first_line, row.reason, row.seen) for row in records.bad])
