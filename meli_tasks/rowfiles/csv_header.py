"""The header of a CSV file: its columns, its delimiter and its line ends."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from meli_tasks.core.errors import BadData
from meli_tasks.rowfiles.columns import KNOWN, fold
from meli_tasks.rowfiles.csv_quotes import END
from meli_tasks.rowfiles.opening import LineEnd, NoRows, lines_of
from meli_tasks.rowfiles.text import has_foreign_bytes

_DELIMITERS = ",;\t|"
_NEEDED_TO_TRAIN = 2
# A name of more lines is the work of a quote that was opened by mistake.
_LONGEST_HEADER_LINES = 100
_ROWS_COMPARED = 100


@dataclass(frozen=True)
class Header:
    """What is known of a CSV file after its header has been read."""

    names: list[str]
    delimiter: str
    blank_lines_above: int
    lines: int
    """The lines that it takes itself: more than one if a name holds a line end."""
    rest: bytes
    """What follows it in its block."""


def read_header(file: str, blocks: Iterator[bytes], line_end: LineEnd) -> Header:
    """The first line that is not blank, by the delimiter that finds most of the known columns in it.

    Raises:
        BadData: there is none, or it cannot be read.
    """
    above, block, start = _skip_blank_lines(file, blocks, line_end.encode())
    lines = list(islice(_lines_from(block, start, line_end), _LONGEST_HEADER_LINES))
    best: tuple[int, str, list[str], int] = (-1, ",", [], 1)
    for delimiter in _DELIMITERS:
        names, taken = _names(lines, delimiter)
        known = sum(fold(name) in KNOWN for name in names)
        if known > best[0]:
            best = (known, delimiter, names, taken)
    known, delimiter, names, taken = best
    if not names:
        raise BadData(
            f"{file}: the header holds a carriage return outside quotes, or a name of more than "
            f"{csv.field_size_limit():,} characters. Put the column's name into quotes, or shorten it."
        )
    if has_foreign_bytes("".join(lines[:taken])) and known < _NEEDED_TO_TRAIN:
        raise BadData(f"{file}: the header is not UTF-8. Convert the file with iconv -t UTF-8.")
    for _ in range(taken):
        start = block.find(line_end.encode(), start) + 1 or len(block)
    below = list(islice(_lines_from(block, start, line_end), _ROWS_COMPARED))
    nameless = [""] if _all_end_with_delimiter(below, delimiter, len(names)) else []
    return Header(names + nameless, delimiter, above, taken, block[start:])


def _all_end_with_delimiter(lines: list[str], delimiter: str, width: int) -> bool:
    """Whether all rows have a delimiter behind their last field, as some programs write, though the header has none."""
    try:
        rows = [row for row in csv.reader(lines, delimiter=delimiter) if row]
    except csv.Error:
        return False
    if len(lines) == _ROWS_COMPARED:
        rows = rows[:-1]  # it may go on below
    return len(rows) > 1 and all(len(row) == width + 1 and not row[-1] for row in rows)


def _skip_blank_lines(file: str, blocks: Iterator[bytes], line_end: bytes) -> tuple[int, bytes, int]:
    """How many blank lines are above the header in its block, the block, and where the header starts in it."""
    for block in blocks:
        start = above = 0
        while start < len(block):
            end = block.find(line_end, start) + 1 or len(block)
            if block[start:end].strip():
                return above, block, start
            start, above = end, above + 1
    raise NoRows(f"{file}: the file contains nothing but blank lines. A header and rows were expected.")


def _lines_from(block: bytes, start: int, line_end: LineEnd) -> Iterator[str]:
    while start < len(block):
        end = block.find(line_end.encode(), start) + 1 or len(block)
        yield from lines_of(block[start:end], line_end)
        start = end


def _names(lines: list[str], delimiter: str) -> tuple[list[str], int]:
    """The names in the header, and the lines it takes; none if a carriage return is outside quotes."""
    reader = csv.reader([*lines, END], delimiter=delimiter)
    try:
        names = next(reader)
        if names and names[-1].endswith(END):  # a quote that never closes: the header is its first line
            reader = csv.reader([lines[0].rstrip("\r\n")], delimiter=delimiter)
            names = next(reader)
    except csv.Error:
        return [], 1
    return names, reader.line_num
