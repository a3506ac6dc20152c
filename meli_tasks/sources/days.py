"""The run's date in a source: `{ds}`, replaced by one day or by a window of days.

A window is written `{2026-11-15..2026-11-21}` in the place of the date, both when displayed and in a plan.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from meli_tasks.core.errors import BadData

DATE = "{ds}"
MAX_DAYS = 3_660
_WINDOW = re.compile(r"\{(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})\}")


@dataclass(frozen=True)
class Day:
    """A source on one day; `day` is empty for a source without a window."""

    spec: str
    day: str = ""


def with_days(spec: str, as_of: date | None, window_days: int, dated_rows: bool) -> str:
    """The source with the last `window_days` days up to `as_of` in the place of `{ds}`.

    Raises:
        BadData: `{ds}` without a date, or several days without `{ds}` and without rows that hold their own date.
    """
    if DATE not in spec:
        if window_days > 1 and not dated_rows:
            raise BadData(
                f"The source {spec} has nothing that distinguishes the days, and window_days is "
                f"{window_days:,}. Write {DATE} in the place of the date, or set date_column to the column that holds "
                "each title's date, or set window_days to 1."
            )
        return spec
    if as_of is None:
        raise BadData(f"The source {spec} needs the run's date for {DATE}, and this run has none: set `as_of`.")
    if window_days == 1:
        return spec.replace(DATE, as_of.isoformat())
    return spec.replace(DATE, f"{{{first_day(as_of, window_days)}..{as_of}}}")


def first_day(as_of: date, window_days: int) -> date:
    """The first of the last `window_days` days, of which `as_of` is the last."""
    return date.fromordinal(max(1, as_of.toordinal() - window_days + 1))


def each_day(spec: str) -> list[Day]:
    """A source on each day of its window, oldest first; a source without a window is returned unchanged.

    Raises:
        BadData: the window cannot be read, is too long, or differs between two places of the source.
    """
    windows = set(_WINDOW.findall(spec))
    if not windows:
        return [Day(spec)]
    try:
        ((first, last),) = (tuple(map(date.fromisoformat, window)) for window in windows)
        days = (last - first).days + 1
    except ValueError:
        days = 0
    if not 1 <= days <= MAX_DAYS:
        raise BadData(
            f"The source {spec} has a window of days that cannot be read. Write a single window, from "
            f"an earlier day to a later one, of at most {MAX_DAYS:,} days, as in {{2026-11-15..2026-11-21}}; or write "
            f"{DATE} and set as_of and window_days."
        )
    dates = [str(first + timedelta(days=number)) for number in range(days)]
    return [Day(_WINDOW.sub(day, spec), day) for day in dates]
