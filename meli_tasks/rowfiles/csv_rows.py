"""CSV, some ten thousand lines at a time: by Arrow where it is plain, else by Python's parser, which forgives a lot."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from meli_tasks.rowfiles.columns import KNOWN, fold, too_many_columns, unique_names
from meli_tasks.rowfiles.csv_header import read_header
from meli_tasks.rowfiles.csv_quotes import (
    END,
    Likeness,
    has_unruly_quotes,
    has_unruly_rows,
    line_is_unruly,
    pairs_by_the_rules,
    stays_open,
)
from meli_tasks.rowfiles.limits import ReadingLimits
from meli_tasks.rowfiles.opening import LineEnd, lines_of
from meli_tasks.rowfiles.plain_csv import read_plain
from meli_tasks.rowfiles.rows import BadRow, Chunk, TextRows
from meli_tasks.rowfiles.text import excerpt
from meli_tasks.rowfiles.titles import MAX_TITLE_CHARACTERS

# Lines that are searched for quotes which RFC 4180 does not allow, below a record that could be several rows.
_ROWS_SEARCHED = 10_000
# They are searched again only when fewer than this many of them are left, so that each is parsed twice at most.
_FEWEST_ROWS_SEARCHED = 5_000


class CsvReader:
    """Reads a CSV file with a header from blocks of its lines.

    A quoted field may hold line ends. A field longer than `longest_field` characters makes a bad row, as does a quote
    that never closes; reading goes on at the next line that looks like a row.

    Raises:
        BadData: there is no header, or it cannot be read.
    """

    keyed = False

    def __init__(
        self,
        file: str,
        blocks: Iterator[bytes],
        longest_field: int,
        line_end: LineEnd = "\n",
        most_columns: int = ReadingLimits.columns,
    ) -> None:
        # The parser's only limit is a global one; it is only ever raised, so parsers side by side do no harm.
        csv.field_size_limit(max(csv.field_size_limit(), longest_field))
        self._blocks, self._longest_field, self._line_end = blocks, longest_field, line_end
        self._header = read_header(file, blocks, line_end)
        self.names: Sequence[str] = self._header.names
        if len(self.names) > most_columns:
            raise too_many_columns(file, len(self.names), most_columns)
        self._unruly = False
        """Whether a row has quotes that RFC 4180 does not allow; see `csv_quotes`."""
        self._short = [place for place, name in enumerate(self.names) if fold(name) in KNOWN]
        """The columns whose fields are of no use if they are longer than any title."""

    def chunks(self, places: Sequence[int] | None) -> Iterator[Chunk]:
        """Its rows; only the columns in `places`, in this order, or all of them."""
        width, delimiter = len(self.names), self._header.delimiter
        places = range(width) if places is None else places
        unique = unique_names(self.names)
        names = [unique[place] for place in places]
        # Blank lines above the header count as lines, but are no rows: rare, so they are parsed like lines below it.
        carried: list[str] = [self._line_end] * self._header.blank_lines_above
        done, lost = self._header.lines, False
        block: bytes | None = self._header.rest
        while block is not None:
            if not (carried or lost) and (plain := read_plain(block, delimiter, width, places, self._longest_field)):
                self._unruly = self._unruly or has_unruly_quotes(block, delimiter)
                rows = len(plain[0])
                yield Chunk(TextRows(names, plain), np.arange(done + 1, done + 1 + rows))
                done, block = done + rows, next(self._blocks, None)
                continue
            lines = carried + lines_of(block, self._line_end)
            block = next(self._blocks, None)
            if lost:
                skipped = _next_row(lines, 0, delimiter, width)
                done, lines = done + skipped, lines[skipped:]
            records = self._parse(lines, last=block is None)
            yield _chunk(records, names, places, width, done + 1)
            done, carried = done + records.used, lines[records.used :]
            lost = records.lost or (lost and not lines)

    def _parse(self, lines: list[str], last: bool) -> _Records:
        width, delimiter = len(self.names), self._header.delimiter
        records = _parse_alike(lines, delimiter, width)
        if not records:
            records = _Records([], [], [], 0, unruly=self._unruly, short=self._short)
            _parse_warily(records, lines, delimiter, width, last)
        self._unruly = self._unruly or records.unruly
        return records


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
    unruly: bool = False
    """Whether a row was found to have quotes that RFC 4180 does not allow."""
    doubtful: list[int] = field(default_factory=list)
    """The first lines of records of several lines that look like rows."""
    short: Sequence[int] = ()
    """The columns whose fields are of no use if they are longer than any title."""
    searched: int = 0
    """Up to where lines were searched for unruly quotes."""


def _parse_alike(lines: list[str], delimiter: str, width: int) -> _Records | None:
    """Lines of which each is a row; None if they are not."""
    fields: list[str] = []
    try:
        # One list of fields, not of rows: tens of thousands of lists cost the garbage collector more than the parsing.
        for row in csv.reader(lines, delimiter=delimiter):
            if len(row) != width:
                return None
            fields += row
    except csv.Error:
        return None
    if len(fields) != width * len(lines) or (lines and stays_open(lines[-1], delimiter)):
        return None
    return _Records(fields, np.arange(len(lines)), [], len(lines))


def _parse_warily(found: _Records, lines: list[str], delimiter: str, width: int, last: bool) -> None:
    """Record by record, for chunks in which records span lines, are ragged or blank, or in which quotes stay open."""
    found.starts = starts = list[int]()
    while found.used < len(lines):
        base = found.used
        reader = csv.reader(chain(map(lines.__getitem__, range(base, len(lines))), (END,)), delimiter=delimiter)
        try:
            for row in reader:
                end = base + reader.line_num
                if end > len(lines) and (found.used == len(lines) or not last):
                    return
                fields = row or [""] if width == 1 else row  # in a file of one column, a blank line is a row
                if end > len(lines) or (
                    end - found.used > 1 and _is_several_rows(found, lines, end, delimiter, width, fields)
                ):
                    found.bad.append(_bad_line(found.used, "quote never closed", lines[found.used], width))
                    found.used += 1
                    break
                if len(fields) == width:
                    found.fields += fields
                    starts.append(found.used)
                elif len(row) > 1 or "".join(row).strip():
                    found.bad.append(_ragged_row(found.used, row, delimiter, width))
                if end - found.used == 1:
                    found.unruly = found.unruly or line_is_unruly(lines[found.used], delimiter)
                found.used = end
        except csv.Error as error:
            if "field limit" in str(error):
                _give_up_field(found, lines, delimiter, width)
            else:
                reason = "carriage return outside quotes" if "new-line" in str(error) else "ragged row"
                found.bad.append(_bad_line(found.used, reason, lines[found.used], width))
                found.used += 1


def _is_several_rows(  # noqa: PLR0917 - a record, and where it is
    found: _Records, lines: list[str], end: int, delimiter: str, width: int, fields: list[str]
) -> bool:
    """See `csv_quotes`; looks for unruly quotes below only if they could matter, and notes what stays unclear."""
    record, ragged = lines[found.used : end], len(fields) != width
    if not pairs_by_the_rules(record, delimiter):
        return True
    likeness = Likeness.of(record, delimiter, width)
    useless = not ragged and any(len(fields[place]) > MAX_TITLE_CHARACTERS for place in found.short)
    if likeness.is_several_rows(ragged=ragged, useless=useless, unruly=False):
        return True
    if likeness.some and not found.unruly and found.searched < min(end + _FEWEST_ROWS_SEARCHED, len(lines)):
        found.searched = end + _ROWS_SEARCHED
        found.unruly = has_unruly_rows(lines[end : found.searched], delimiter)
    if likeness.is_several_rows(ragged=ragged, useless=useless, unruly=found.unruly):
        return True
    if likeness.is_doubtful(unruly=found.unruly):
        found.doubtful.append(found.used)
    return False


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


def _chunk(records: _Records, names: list[str], places: Sequence[int], width: int, first_line: int) -> Chunk:
    """The records by columns. `first_line` is the chunk's first line in the file."""
    lines = np.asarray(records.starts, dtype=np.int64) + first_line
    bad = [BadRow(row.line + first_line, row.reason, row.excerpt, row.cells) for row in records.bad]
    rows = TextRows(names, [records.fields[place::width] for place in places])
    return Chunk(rows, lines, bad, [line + first_line for line in records.doubtful])
