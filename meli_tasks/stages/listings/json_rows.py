"""JSON Lines: an object a line, whatever else it holds beside the columns we take."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from meli_tasks.stages.listings.rows import BadRow, Rows, check_columns, names_in_source, shown


def read_json_lines(file: str, batches: Iterator[list[str]], date_column: str) -> Iterator[Rows]:
    """The rows of a JSON Lines file, from batches of its lines.

    Raises BadData when a column that is needed stands in none of the first objects.
    """
    done, wanted = 0, names_in_source(date_column)
    for batch in batches:
        objects, lines, bad = _objects(batch, done + 1)
        if not done and objects:
            keys = list(dict.fromkeys(key for item in objects[:1_000] for key in item))
            check_columns(file, keys, keys, wanted)
        done += len(batch)
        yield _rows(objects, lines, bad, wanted)


def _objects(batch: list[str], first_line: int) -> tuple[list[dict[str, Any]], list[int], list[BadRow]]:
    try:
        # One call for all is twice as fast, and right when there is exactly one object for each line.
        whole = json.loads("[" + ",".join(batch) + "]")
        if len(whole) == len(batch) and all(type(item) is dict for item in whole):
            return whole, list(range(first_line, first_line + len(batch))), []
    except (ValueError, RecursionError):
        pass  # Some line is malformed; which one, the loop below finds out.
    objects, lines, bad = list[dict[str, Any]](), list[int](), list[BadRow]()
    for line, text in enumerate(batch, first_line):
        if not text.strip():
            continue
        try:
            item = json.loads(text)
        except (ValueError, RecursionError):
            item = None
        if isinstance(item, dict):
            objects.append(item)
            lines.append(line)
        else:
            bad.append(BadRow(line, "malformed JSON", shown(text)))
    return objects, lines, bad


def _rows(objects: list[dict[str, Any]], lines: list[int], bad: list[BadRow], names: dict[str, str]) -> Rows:
    columns: dict[str, Sequence[str | None]] = {
        column: [item.get(name) for item in objects] for column, name in names.items()
    }
    for name, values in columns.items():
        if (types := set(map(type, values))) == {int}:
            columns[name] = list(map(str, values))
        elif types - {str, type(None)}:
            # Numbers are titles too ("501"); lists and objects are shown as they are, and fail later if they must.
            columns[name] = [value if value is None or type(value) is str else json.dumps(value) for value in values]
    return Rows(columns, np.asarray(lines, dtype=np.int64), bad)
