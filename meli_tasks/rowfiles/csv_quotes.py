"""Quotes in CSV: where a field of several lines is one, and where a quote was opened by mistake.

By RFC 4180 a quote opens a field at its beginning, closes it at its end, and is doubled within. What pairs by these
rules is one record, whatever its lines look like, as the csv module and pandas read it. What does not pair are several
rows, the first of which has a quote too many.

The rules cannot tell in a file whose writer does not know them: a quote before one title (`"Silla`) and an inch mark
behind another (`Monitor 24"`) pair by coincidence. Such a file shows it in other rows, by quotes that no field has by
the rules (`Monitor 24" led`). Then lines count that look like rows: if most of those between the first and the last
line do, they are rows; if fewer do, the record is one row, and reported as doubtful. They count, too, if the record is
of no use as one row: if it has another number of fields, or a title longer than any.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

# Parsed after the last line: a record that swallows it has an open quote.
END = "\x00end of block\x00"
_QUOTE = ord('"')
_MOST_SPACES = 64
_BYTES_SEARCHED = 1 << 18
_LEAST_BETWEEN = {2: 2}
"""By columns: how many lines must look like rows between the first and the last one; where not listed, one."""


def stays_open(line: str, delimiter: str) -> bool:
    """Whether a line that begins a record ends within a quote."""
    fields = next(csv.reader([line, END], delimiter=delimiter))
    return bool(fields) and fields[-1].endswith(END)


def pairs_by_the_rules(lines: Sequence[str], delimiter: str) -> bool:
    """Whether the quotes of a record of several lines are those of RFC 4180; if not, it is several rows."""
    return bool(_record(delimiter).fullmatch("".join(lines)))


@dataclass(frozen=True)
class Likeness:
    """How much the lines of a record look like rows."""

    width: int
    alike: int
    """The lines between the first and the last one that look like a row."""
    between: int
    """All lines between them that are not blank."""
    ends: bool
    """Whether the first and the last line have as many delimiters as a row, or more."""

    @classmethod
    def of(cls, lines: Sequence[str], delimiter: str, width: int) -> Likeness:
        """The likeness of a record's lines in a file of `width` columns."""
        between = [line for line in lines[1:-1] if line.strip()]
        alike = sum(line.count(delimiter) == width - 1 and '"' not in line for line in between)
        ends = all(line.count(delimiter) >= width - 1 for line in (lines[0], lines[-1]))
        return cls(width, alike, len(between), ends)

    @property
    def most(self) -> bool:
        """Whether most of the lines between look like rows, and those are not too few to say so."""
        enough = self.alike >= _LEAST_BETWEEN.get(self.width, 1)
        return self.width > 1 and enough and 2 * self.alike > self.between

    @property
    def some(self) -> bool:
        """Whether a line between looks like a row, or both of two lines could be one."""
        return self.width > 1 and (self.alike > 0 or (self.ends and not self.between))

    def is_several_rows(self, *, ragged: bool, useless: bool, unruly: bool) -> bool:
        """Whether a record that pairs by the rules is really several rows, the first with a quote too many.

        Args:
            ragged: whether the record has another number of fields; then it is of no use as a single row.
            useless: whether it is of no use because a field is too long for what its column holds.
            unruly: whether other rows have quotes that RFC 4180 does not allow.
        """
        if ragged:
            return self.most or (self.width > 2 and self.alike > 0)
        return (useless or unruly) and self.ends and self.most

    def is_doubtful(self, *, unruly: bool) -> bool:
        """Whether a record that counts as one row could be several."""
        return (self.ends and self.most) or (unruly and self.some)


def has_unruly_quotes(block: bytes, delimiter: str) -> bool:
    """Whether a quote at the beginning of a block of lines is neither at an end of a field nor doubled.

    Cheaper than to parse the lines, and than to search all of them.
    """
    letters: NDArray[np.uint8] = np.frombuffer(block, np.uint8, count=min(len(block), _BYTES_SEARCHED))
    quotes = np.flatnonzero(letters == _QUOTE)
    at_an_end = np.zeros(256, dtype=bool)
    at_an_end[list(f'{delimiter}"\r\n'.encode())] = True
    within = quotes[(quotes > 0) & (quotes < len(letters) - 1)]
    within = within[~(at_an_end[letters[within - 1]] | at_an_end[letters[within + 1]])]
    # A space behind a closing quote is no sign: `"libro" ,A`.
    followers = (block[at + 1 : at + 1 + _MOST_SPACES].lstrip(b" ")[:1] for at in within.tolist())
    return any(letter and not at_an_end[letter[0]] for letter in followers)


def has_unruly_rows(lines: Sequence[str], delimiter: str) -> bool:
    """Whether one of the records in some lines takes a single line and has quotes that RFC 4180 does not allow."""
    reader, before = csv.reader(lines, delimiter=delimiter), 0
    try:
        for _ in reader:
            if reader.line_num - before == 1 and line_is_unruly(lines[before], delimiter):
                return True
            before = reader.line_num
    except csv.Error:
        pass  # The lines below are no help; `csv_rows` reports them when it gets there.
    return False


def line_is_unruly(line: str, delimiter: str) -> bool:
    """Whether a line that is a row has quotes that RFC 4180 does not allow."""
    return '"' in line and not _record(delimiter, '"').fullmatch(line)


@lru_cache(maxsize=16)
def _record(delimiter: str, not_within: str = "") -> re.Pattern[str]:
    """A record by RFC 4180, but for spaces behind a closing quote, and for quotes within fields that none opens.

    Args:
        delimiter: between the fields.
        not_within: a letter that must not be within a field without quotes around it.
    """
    mark = re.escape(delimiter)
    field = rf'(?:"(?:[^"]++|"")*+"[ ]*+|(?!")[^{mark}{not_within}\r\n]*+)'
    return re.compile(rf"{field}(?:{mark}{field})*+[\r\n]*")
