"""Which rows are within a window of days, by a column with the date of each.

Days are compared in the source's own calendar: the date as it is written, whatever time zone follows it. Dates and
times are ISO 8601, or seconds or milliseconds since 1970, whose days are those of UTC.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from itertools import compress
from operator import itemgetter
from typing import cast

import numpy as np
from numpy.typing import NDArray

from meli_tasks.stages.listings.rows import DATE, ListingRows, contradiction

Days = NDArray[np.int64]
"""Days counted as `date.toordinal` does, shape (rows,); NO_DATE and UNREADABLE for rows without one."""

Positions = NDArray[np.int64]

NO_DATE, UNREADABLE, CONTRADICTED = 0, -1, -2
_REASONS = {NO_DATE: "no date", UNREADABLE: "unreadable date", CONTRADICTED: contradiction(DATE)}

_EPOCH_DAY = date(1970, 1, 1).toordinal()
_DAY_SECONDS = 86_400
# The size distinguishes seconds from milliseconds: 1e11 s is the year 5138, 1e11 ms is 1973.
_LEAST_SECONDS, _LEAST_MILLISECONDS, _MOST_MILLISECONDS = 1e8, 1e11, 1e14
_NUMBER = re.compile(r"\d+(\.\d+)?(e\+?\d+)?", re.ASCII | re.IGNORECASE)
_BASIC_DATE = re.compile(r"\d{8}", re.ASCII)
# The standard library does not read a time zone by name or after a space, as some databases write it.
_WITH_ZONE = re.compile(
    r"(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)\s*(?:Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)",
    re.ASCII | re.IGNORECASE,
)


def rows_in_window(rows: ListingRows, since: date | None, until: date | None) -> tuple[ListingRows, Positions, Days]:
    """The rows from `since` to `until`, both included, and those without a readable date.

    Returns:
        The rows, the position of each among all of them, and the day of each.
    """
    days = _days_with_folder(rows)
    first, last = (since or date.min).toordinal(), (until or date.max).toordinal()
    kept = (days <= 0) | ((days >= first) & (days <= last))
    positions = np.flatnonzero(kept)
    if not kept.all():
        selected = kept.tolist()
        columns: dict[str, Sequence[str | None]] = {
            name: list(compress(values, selected)) for name, values in rows.columns.items()
        }
        no_texts = {new: rows.no_texts[old] for new, old in enumerate(positions.tolist()) if old in rows.no_texts}
        rows = ListingRows(columns, rows.lines[positions], rows.bad, rows.folders, no_texts)
        days = days[positions]
    return rows, positions, days


def undated(days: Days) -> dict[int, str]:
    """Why rows without a day are bad, by their positions."""
    return {index: _REASONS[int(days[index])] for index in np.flatnonzero(days <= 0).tolist()}


def since_1970(days: Days) -> NDArray[np.int32]:
    """Days as Arrow's date32 counts them."""
    return (days - _EPOCH_DAY).astype(np.int32)


def _days_with_folder(rows: ListingRows) -> Days:
    """The day of each row: its own, else that of its folder, which must not be another one."""
    folder = rows.folders.get(DATE)
    if folder is None:
        return days_of(rows.columns[DATE])
    days = days_of([text if text and text.strip() else folder for text in rows.columns[DATE]])
    days[(days > 0) & (days != _day(folder))] = CONTRADICTED
    return days


def days_of(values: Sequence[str | None]) -> Days:
    """The day of each date as it is written."""
    days = _days_written_alike(cast("Sequence[str]", values)) if values and None not in values else None
    return np.fromiter(map(_day, values), dtype=np.int64, count=len(values)) if days is None else days


def _days_written_alike(values: Sequence[str]) -> Days | None:
    """The same as `_day`, but faster, if all are ISO 8601 with dashes, or all whole seconds or milliseconds."""
    try:
        if set(map(itemgetter(4), values)) == {"-"}:
            ordinals = map(datetime.toordinal, map(datetime.fromisoformat, values))
            return np.fromiter(ordinals, dtype=np.int64, count=len(values))
        lengths, digits = set(map(len, values)), "".join(values)
        if lengths in ({10}, {13}) and digits.isascii() and digits.isdecimal():
            places = np.frombuffer(digits.encode(), dtype=np.uint8).reshape(len(values), -1) - ord("0")
            numbers = places.astype(np.int64) @ 10 ** np.arange(places.shape[1])[::-1]
            seconds = np.where(numbers < _LEAST_MILLISECONDS, numbers, numbers // 1_000)
            return seconds // _DAY_SECONDS + _EPOCH_DAY if numbers.min() >= _LEAST_SECONDS else None
    except (ValueError, IndexError):
        pass  # Some are written in another way; `_day` finds out which ones.
    return None


def _day(text: str | None) -> int:
    written = text.strip() if text else ""
    if not written:
        return NO_DATE
    # Numbers come first: the standard library reads milliseconds as a date of the year 1712.
    if _NUMBER.fullmatch(written) and not _BASIC_DATE.fullmatch(written):
        return _day_since_1970(float(written))
    if zoned := _WITH_ZONE.fullmatch(written):
        written = zoned[1]
    try:
        return datetime.fromisoformat(written).toordinal()
    except ValueError:
        return UNREADABLE


def _day_since_1970(number: float) -> int:
    if _LEAST_SECONDS <= number < _LEAST_MILLISECONDS:
        return _EPOCH_DAY + int(number // _DAY_SECONDS)
    if _LEAST_MILLISECONDS <= number < _MOST_MILLISECONDS:
        return _EPOCH_DAY + int(number // (1_000 * _DAY_SECONDS))
    return UNREADABLE
