"""CSV, some ten thousand lines at a time: by Arrow where it is plain, else by Python's parser, which forgives a lot."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from meli_tasks.core.errors import BadData
from meli_tasks.rowfiles.columns import KNOWN, fold, unique_names
from meli_tasks.rowfiles.opening import NoRows, lines_of
from meli_tasks.rowfiles.plain_csv import read_plain
from meli_tasks.rowfiles.rows import BadRow, Chunk, TextRows
from meli_tasks.rowfiles.text import excerpt, has_foreign_bytes

# Fed to the parser after a chunk's last line: a record that swallows it has an open quote.
_END = "\x00end of chunk\x00"
_DELIMITERS = ",;\t|"
_NEEDED_TO_TRAIN = 2


class CsvReader:
    """Reads a CSV file with a header from blocks of its lines.

    A quoted field may hold line ends. A field longer than `longest_field` characters makes a bad row, as does a quote
    that never closes; reading goes on at the next line that looks like a row.

    Raises:
        BadData: there is no header, or it cannot be read.
    """

    keyed = False

    def __init__(self, file: str, blocks: Iterator[bytes], longest_field: int) -> None:
        # The parser's only limit is a global one; it is only ever raised, so parsers side by side do no harm.
        csv.field_size_limit(max(csv.field_size_limit(), longest_field))
        self._blocks, self._longest_field = blocks, longest_field
        line, self._blank_lines_above, self._rest = _first_line(file, blocks)
        self.names: Sequence[str]
        self._delimiter, self.names = _header(file, line)

    def chunks(self, places: Sequence[int] | None) -> Iterator[Chunk]:
        """Its rows; only the columns in `places`, in this order, or all of them."""
        width, delimiter = len(self.names), self._delimiter
        places = range(width) if places is None else places
        unique = unique_names(self.names)
        names = [unique[place] for place in places]
        # Blank lines above the header count as lines, but are no rows: rare, so they are parsed like lines below it.
        done, carried, lost = 1, ["\n"] * self._blank_lines_above, False
        block: bytes | None = self._rest
        while block is not None:
            if not (carried or lost) and (plain := read_plain(block, delimiter, width, places, self._longest_field)):
                rows = len(plain[0])
                yield Chunk(TextRows(names, plain), np.arange(done + 1, done + 1 + rows))
                done, block = done + rows, next(self._blocks, None)
                continue
            lines = carried + lines_of(block)
            block = next(self._blocks, None)
            if lost:
                skipped = _next_row(lines, 0, delimiter, width)
                done, lines = done + skipped, lines[skipped:]
            records = _parse(lines, delimiter, width, last=block is None)
            yield _chunk(records, names, places, width, done + 1)
            done, carried = done + records.used, lines[records.used :]
            lost = records.lost or (lost and not lines)


def _first_line(file: str, blocks: Iterator[bytes]) -> tuple[str, int, bytes]:
    """The first line that is not blank, how many blank ones precede it in its block, and what follows it there."""
    for block in blocks:
        start = above = 0
        while start < len(block):
            end = block.find(b"\n", start) + 1 or len(block)
            (line,) = lines_of(block[start:end])
            if line.strip():
                return line, above, block[end:]
            start, above = end, above + 1
    raise NoRows(f"{file}: the file contains nothing but blank lines. A header and rows were expected.")


def _header(file: str, line: str) -> tuple[str, list[str]]:
    """The delimiter and the column names: of the usual delimiters, the one that finds most of the known columns."""
    if "\r" in line.rstrip("\r\n"):
        raise BadData(f"{file}: its lines end with carriage returns alone. Convert them: tr '\\r' '\\n' < old > new.")
    best: tuple[int, str, list[str]] = (-1, ",", [])
    for delimiter in _DELIMITERS:
        names = next(csv.reader([line], delimiter=delimiter), [])
        known = sum(fold(name) in KNOWN for name in names)
        if known > best[0]:
            best = (known, delimiter, names)
    if has_foreign_bytes(line) and best[0] < _NEEDED_TO_TRAIN:
        raise BadData(f"{file}: the header is not UTF-8: {excerpt(line)!r}. Convert the file with iconv -t UTF-8.")
    return best[1], best[2]


@dataclass
class _Records:
    """The records of a chunk of lines, their fields one after another; lines are counted from 0 within the chunk."""

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
        # One list of fields, not of rows: tens of thousands of lists cost the garbage collector more than the parsing.
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
                several = end - found.used > 1
                ragged = len(row) != width
                if end > len(lines) or (
                    several and _is_several_rows(lines[found.used : end], delimiter, width, ragged)
                ):
                    found.bad.append(_bad_line(found.used, "quote never closed", lines[found.used], width))
                    found.used += 1
                    break
                if not ragged or (not row and width == 1):
                    # In a file of one column, a blank line is a row.
                    found.fields += row or [""]
                    starts.append(found.used)
                elif row:
                    found.bad.append(_ragged_row(found.used, row, delimiter, width))
                found.used = end
        except csv.Error as error:
            if "field limit" in str(error):
                _give_up_field(found, lines, delimiter, width)
            else:
                found.bad.append(_bad_line(found.used, "ragged row", lines[found.used], width))
                found.used += 1
    return found


def _bad_line(line: int, reason: str, text: str, width: int) -> BadRow:
    return BadRow(line, reason, excerpt(text), (text.rstrip("\r\n"), *[""] * (width - 1)))


def _ragged_row(line: int, fields: list[str], delimiter: str, width: int) -> BadRow:
    padded = fields + [""] * (width - len(fields))
    surplus = delimiter.join(padded[width - 1 :])
    found = f"{len(fields)} fields where the header has {width}: {delimiter.join(fields)}"
    return BadRow(line, "ragged row", excerpt(found), (*padded[: width - 1], surplus))


def _give_up_field(found: _Records, lines: list[str], delimiter: str, width: int) -> None:
    """Make the record whose field exceeds the limit a bad row, and go on at the next line that looks like a row."""
    start, first = found.used, lines[found.used]
    if len(first) > csv.field_size_limit():
        found.bad.append(_bad_line(start, "title too long", first, width))
        found.used += 1
        return
    found.used = _next_row(lines, start + 1, delimiter, width)
    found.lost = found.used == len(lines)
    # If rows follow directly after a field that never ends, its quote is wrong, not its length.
    reason = "quote never closed" if found.used == start + 1 else "title too long"
    text = "".join(lines[start : found.used]).rstrip("\r\n")
    seen = excerpt(f"{found.used - start:,} lines, the first: {first}")
    found.bad.append(BadRow(start, reason, seen, (text, *[""] * (width - 1))))


def _next_row(lines: list[str], start: int, delimiter: str, width: int) -> int:
    """The first line from `start` on that is a whole row by itself."""
    for index in range(start, len(lines)):
        if lines[index].count(delimiter) >= width - 1:
            try:
                if len(next(csv.reader((lines[index],), delimiter=delimiter, strict=True))) == width:
                    return index
            except csv.Error:
                continue
    return len(lines)


def _is_several_rows(lines: list[str], delimiter: str, width: int, ragged: bool) -> bool:
    """Whether a record of several lines is really several rows, the first of which opens a quote by mistake.

    It is if the quotes do not pair by RFC 4180. If they do, by coincidence, the lines give it away: the first, the last
    and most of those between have exactly the delimiters of a row. Text with line breaks hardly ever has. In a record
    that is `ragged`, a single such line between is enough.
    """
    try:
        list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error:
        return True
    between = lines[1:-1]
    alike = sum(line.count(delimiter) == width - 1 and '"' not in line for line in between)
    if width <= 2 or ragged:
        return width > 2 and alike > 0
    return 2 * alike > len(between) and all(line.count(delimiter) == width - 1 for line in (lines[0], lines[-1]))


def _chunk(records: _Records, names: list[str], places: Sequence[int], width: int, first_line: int) -> Chunk:
    """The records by columns. `first_line` is the chunk's first line in the file."""
    lines = np.asarray(records.starts, dtype=np.int64) + first_line
    bad = [BadRow(row.line + first_line, row.reason, row.excerpt, row.cells) for row in records.bad]
    return Chunk(TextRows(names, [records.fields[place::width] for place in places]), lines, bad)
