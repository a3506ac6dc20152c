"""JSON Lines: an object per line, whatever columns it has."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from meli_tasks.rowfiles.columns import too_many_columns
from meli_tasks.rowfiles.opening import LineEnd, lines_of
from meli_tasks.rowfiles.rows import BadRow, Chunk, JsonObject, JsonRows
from meli_tasks.rowfiles.text import excerpt

_SPACES = " \t\r\n"
_parse: Callable[[str], tuple[object, int]] = json.JSONDecoder().raw_decode


class JsonReader:
    """Reads a JSON Lines file from blocks of its lines; `names` are the keys of the objects in the first block."""

    keyed = True

    def __init__(self, file: str, blocks: Iterator[bytes], most_columns: int, line_end: LineEnd = "\n") -> None:
        self._file, self._blocks, self._most_columns, self._line_end = file, blocks, most_columns, line_end
        self._lines = 0
        self._first = self._chunk(next(blocks, b""))
        self.names: Sequence[str] = self._first.rows.names

    def chunks(self, places: Sequence[int] | None) -> Iterator[Chunk]:
        """Its rows, with all of their keys: leaving some out would save nothing."""
        yield self._first
        yield from map(self._chunk, self._blocks)

    def _chunk(self, block: bytes) -> Chunk:
        lines = lines_of(block, self._line_end)
        objects, numbers, bad = _objects(lines, self._lines + 1)
        self._lines += len(lines)
        rows = JsonRows.of(objects)
        if len(rows.names) > self._most_columns:
            raise too_many_columns(self._file, len(rows.names), self._most_columns)
        return Chunk(rows, np.asarray(numbers, dtype=np.int64), bad)


def _objects(lines: list[str], first_line: int) -> tuple[list[JsonObject], Sequence[int], list[BadRow]]:
    objects, numbers, bad = list[JsonObject](), list[int](), list[BadRow]()
    for line, text in enumerate(lines, first_line):
        item = _value(text)
        if isinstance(item, dict):
            objects.append(item)
            numbers.append(line)
        elif text.strip():
            bad.append(BadRow(line, "malformed JSON", excerpt(text), (text.rstrip("\r\n"),)))
    return objects, numbers, bad


def _value(text: str) -> object:
    """The JSON value that a line consists of; None if it is not such a line.

    Lines are parsed one by one: joined to one array, which is hardly faster, two broken ones can make up a whole one.
    """
    text = text.strip(_SPACES)
    try:
        # `json.loads` does the same in twice the time.
        item, end = _parse(text)
    except (ValueError, RecursionError):
        return None
    return item if end == len(text) else None
