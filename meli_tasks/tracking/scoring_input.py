"""Titles in every shape that MLflow's scoring protocol hands to a model: one per row, in order.

The protocol has four formats of JSON, and Python callers pass what they have, so a model is given one title, a sequence
of titles, a table, the columns of a table, or the rows of one. Anything else is refused: to guess would classify the
name of a column, or the letters of a title.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from meli_tasks.rowfiles.columns import TITLE, find_column
from meli_tasks.rowfiles.text import decode
from meli_tasks.rowfiles.titles import cleaned
from meli_tasks.rowfiles.values import kind_if_no_text, text_of

SHAPES = (
    "one title, a list, Series or array of titles, or a DataFrame, columns or records with a column `title` "
    '(in JSON: {"inputs": ["..."]} or {"dataframe_records": [{"title": "..."}]})'
)


def titles_of(model_input: Any) -> list[str]:
    """The titles as the project's own readers see them: in any spelling of the column, numbers and bytes as text.

    Raises:
        ValueError: it has none of the shapes, no column `title`, or a title that is a list, an object or a boolean.
    """
    values = _values(model_input)
    return cleaned([_text(position, title) for position, title in enumerate(values)])


def _values(found: Any) -> Sequence[Any]:
    if isinstance(found, np.ndarray) and found.ndim == 0:
        found = found.item()
    if isinstance(found, str | bytes):
        return [found]
    if isinstance(found, pd.DataFrame):
        place = _place(found.columns)
        return list(found.iloc[:, place])
    if isinstance(found, pd.Series):
        return list(found)
    if isinstance(found, Mapping):
        return _column(found)
    if isinstance(found, np.ndarray):
        return _array(found)
    if isinstance(found, list | tuple):
        return _records(found) if any(isinstance(one, Mapping) for one in found) else found
    raise ValueError(f"the input has the type {type(found).__name__}; give {SHAPES}")


def _column(columns: Mapping[Any, Any]) -> Sequence[Any]:
    """The titles among the columns of a table; a single title may stand without a list around it."""
    values = columns[list(columns)[_place(columns)]]
    return [None] if values is None else _values(values)


def _records(records: Sequence[Any]) -> list[Any]:
    for position, record in enumerate(records):
        if not isinstance(record, Mapping):
            raise ValueError(f"the row at position {position} is no object like the others: {record!r:.100}")
    # A record may leave out what it does not have, so each is looked at by itself; one at least names the titles.
    _place(dict.fromkeys(name for record in records for name in record))
    places = [(record, find_column(list(map(str, record)), TITLE, exact_first=True)) for record in records]
    return [None if place is None else list(record.values())[place] for record, place in places]


def _array(found: np.ndarray) -> Sequence[Any]:
    """The titles in an array of shape (titles,) or (titles, 1)."""
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    if found.ndim != 1:
        raise ValueError(f"the array has the shape {found.shape}, but one of titles has the shape (titles,); {SHAPES}")
    return list(found)


def _place(columns: Any) -> int:
    names = list(map(str, columns))
    place = find_column(names, TITLE, exact_first=True)
    if place is None:
        raise ValueError(f"a column `title` is required, but the columns are {', '.join(names)}")
    return place


def _text(position: int, value: Any) -> str | None:
    if isinstance(value, bytes):
        return decode(value)
    if isinstance(value, np.floating):
        value = float(str(value))  # the float32 0.1 is 0.1, and not 0.10000000149011612
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if kind := kind_if_no_text(value):
        raise ValueError(f"titles are text, but the one at position {position} is {kind}: {value!r:.100}")
    return None if value is pd.NA or value is pd.NaT else text_of(value)
