"""Values of rows: which ones are text, and how others are written to a field of CSV and to JSON Lines.

Text is text whatever it says ("nan", "NULL"). Numbers are written as Python and pandas write them (1.0 stays 1.0, a
float32 of 0.1 is 0.1), so that a number is the same text from every format.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import chain
from typing import cast

JOIN = " | "
"""Between the items of a list of predictions in a CSV field."""

_FLAGS: Mapping[bool | None, str] = {True: "true", False: "false", None: ""}
_KINDS: Mapping[type, str] = {list: "a list", dict: "an object", bool: "a boolean"}


def is_missing(value: object) -> bool:
    """Whether a value is null: NaN, which is how pandas writes it, is too."""
    return value is None or value != value  # noqa: PLR0124 only NaN differs from itself


def text_of(value: object) -> str | None:
    """A value of JSON as text; None for null, for NaN and infinity, which JSON lacks, and for what is not text."""
    if isinstance(value, str):
        return value
    if type(value) in _KINDS or value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return _plain(value)


def is_number(text: str) -> bool:
    """Whether a cell is a plain number such as -1.5, which no spreadsheet runs."""
    return re.fullmatch(r"[+-]?[0-9]+([.,][0-9]+)*([eE][+-]?[0-9]+)?", text, re.ASCII) is not None


def kind_if_no_text(value: object) -> str:
    """What a value of JSON is if it is neither text nor a number nor missing, else ""."""
    return _KINDS.get(type(value), "")


def can_be_joined(text: str) -> bool:
    """Whether texts joined by JOIN can be separated again, even beside one that is equal."""
    return f"{text}{JOIN}{text}".split(JOIN) == [text, text]


def as_cell(value: object) -> str:
    """A value as a field of a CSV file: tuples joined, other structures as JSON, nothing for null."""
    if isinstance(value, str):
        return value
    if is_missing(value):
        return ""
    if isinstance(value, tuple):
        return JOIN.join(map(str, value))
    if isinstance(value, dict | list | bool):
        return json_text(value)
    return _plain(value)


def as_cells(values: Sequence[object]) -> list[str]:
    """A column as fields of a CSV file, each as `as_cell` makes it: quickly where all values are of one simple kind."""
    kinds = set(map(type, values))
    if kinds == {str}:
        return cast("list[str]", list(values))
    if kinds <= {bool, type(None)}:
        return [_FLAGS[value] for value in cast("Sequence[bool | None]", values)]
    if kinds == {float}:
        # One text of the whole list: a call for each number takes longer than to write it.
        cells = repr(list(values))[1:-1].split(", ")
        return ["" if cell == "nan" else cell for cell in cells]
    if kinds == {tuple}:
        rows = cast("Sequence[tuple[object, ...]]", values)
        inner = set(map(type, chain.from_iterable(rows)))
        if inner <= {str}:
            return list(map(JOIN.join, cast("Sequence[tuple[str, ...]]", rows)))
        if inner == {float}:
            # A tuple of one is written with a comma behind it.
            text = repr(list(rows)).replace(",)", ")")[2:-2]
            return text.replace("), (", "\n").replace(", ", JOIN).split("\n")
    return list(map(as_cell, values))


def json_text(value: object) -> str:
    """A value as standard JSON: NaN and infinity as null, bytes as text or base64, dates and decimals as text."""
    try:
        return _encode(value)
    except ValueError:  # NaN or infinity, which only Python's JSON knows
        return _encode(_without_nan(value))


def text_or_base64(value: bytes) -> tuple[str, bool]:
    """Bytes as text if they are UTF-8, else in base64; and whether they are in base64."""
    try:
        return value.decode(), False
    except UnicodeDecodeError:
        return base64.b64encode(value).decode(), True


def _plain(value: object) -> str:
    if isinstance(value, bytes):
        return text_or_base64(value)[0]
    return format(value, "f") if isinstance(value, Decimal) else str(value)


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_plain).encode


def _without_nan(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {name: _without_nan(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return value
