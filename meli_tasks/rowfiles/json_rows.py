"""JSON Lines: an object per line, whatever columns it has."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import numpy as np

from meli_tasks.rowfiles.opening import LineEnd, lines_of
from meli_tasks.rowfiles.rows import BadRow, Chunk, JsonObject, JsonRows
from meli_tasks.rowfiles.text import excerpt


class JsonReader:
    """Reads a JSON Lines file from blocks of its lines; `names` are the keys of the objects in the first block."""

    keyed = True

    def __init__(self, blocks: Iterator[bytes], line_end: LineEnd = "\n") -> None:
        self._blocks, self._line_end = blocks, line_end
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
        return Chunk(JsonRows.of(objects), np.asarray(numbers, dtype=np.int64), bad)


def _objects(lines: list[str], first_line: int) -> tuple[list[JsonObject], Sequence[int], list[BadRow]]:
    try:
        # One call for all lines is twice as fast, and right if there is exactly one object on each line.
        whole = json.loads("[" + ",".join(lines) + "]")
        if len(whole) == len(lines) and all(type(item) is dict for item in whole):
            return whole, range(first_line, first_line + len(lines)), []
    except (ValueError, RecursionError):
        pass  # Some line is malformed; the loop below finds out which one.
    objects, numbers, bad = list[JsonObject](), list[int](), list[BadRow]()
    for line, text in enumerate(lines, first_line):
        if not text.strip():
            continue
        try:
            item = json.loads(text)
        except (ValueError, RecursionError):
            item = None
        if isinstance(item, dict):
            objects.append(item)
            numbers.append(line)
        else:
            bad.append(BadRow(line, "malformed JSON", excerpt(text), (text.rstrip("\r\n"),)))
    return objects, numbers, bad
