"""Finding a file's columns by name, whatever their case and the spaces around them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from meli_tasks.core.errors import BadData
from meli_tasks.rowfiles.text import excerpt

TITLE, CATEGORY = "title", "category"
KNOWN = (TITLE, CATEGORY, "language", "label_quality", "split")
"""The columns that a file of listings can have; a CSV file's delimiter is the one that finds most of them."""

_COLUMNS_IN_MESSAGE = 20
_NAME = re.compile(r"[\w .()/-]{0,40}")


def fold(name: str) -> str:
    """The name as columns are compared: ` Title ` and `title` are one."""
    return name.strip().casefold()


def find_column(names: Sequence[str], wanted: str, exact_first: bool = False) -> int | None:
    """The position of a column, None where there is none.

    Args:
        names: the file's columns.
        wanted: the name to look for.
        exact_first: prefer the exact spelling over another one, as for the keys of JSON objects.
    """
    if exact_first and wanted in names:
        return names.index(wanted)
    folded = fold(wanted)
    return next((position for position, name in enumerate(names) if fold(name) == folded), None)


def refuse_twins(file: str, names: Sequence[str], wanted: str) -> None:
    """Refuse a file in which more than one column has the wanted name.

    Raises:
        BadData: there are several.
    """
    count = [fold(name) for name in names].count(fold(wanted))
    if count > 1:
        raise BadData(f"{file}: the column {fold(wanted)!r} occurs {count} times; rename all but one.")


def missing_column(file: str, wanted: str, names: Sequence[str], setting: str = "") -> str:
    """The message about a column that is missing: which ones there are, and which one was probably meant.

    Args:
        file: its name.
        wanted: the missing column.
        names: the file's columns.
        setting: the parameter that names the column, for a column that need not be renamed in the source.
    """
    from difflib import get_close_matches

    shown = names if _look_like_names(names) else []
    folded = {fold(name): name for name in names if _NAME.fullmatch(name)}
    near = get_close_matches(fold(wanted), list(folded), n=1, cutoff=0.5 if shown else 0.75)
    listed = ", ".join(excerpt(name) or "(no name)" for name in shown[:_COLUMNS_IN_MESSAGE])
    if len(shown) > _COLUMNS_IN_MESSAGE:
        listed += f" and {len(shown) - _COLUMNS_IN_MESSAGE} more"
    if names and not shown:
        listed = f"{len(names)}, which do not look like names" if len(names) > 1 else "a single one"
    hint = f"Is it {folded[near[0]]!r}? Rename it to {wanted!r}." if near else f"Name the column {wanted!r}."
    if setting:
        meant = f"is it {folded[near[0]]!r}?" if near else "name the column with each title's date, or none."
        hint = f"Correct {setting}: {meant}"
    return f"{file}: no column {wanted!r}. Its columns: {listed or 'none'}. {hint}"


def _look_like_names(names: Sequence[str]) -> bool:
    """Whether these are the names of a table's columns, and not the first line of a file that is none.

    A message about a file is read by more people than may read the file, so it must not repeat its content.
    """
    return len(names) > 1 and all(map(_NAME.fullmatch, names))


def too_many_columns(file: str, count: int, most: int) -> BadData:
    """The error of a file with more columns than may be read."""
    return BadData(f"{file}: it has {count:,} columns, and at most {most:,} may be read. Is it a table of listings?")


def unique_names(names: Sequence[str]) -> list[str]:
    """The names, with those that repeat made unique by their position: `x`, `x` become `x_1`, `x_2`.

    JSON Lines and Parquet need a name for each column; a single nameless column keeps its empty name.
    """
    counts, taken = Counter(names), set(names)
    unique = []
    for position, name in enumerate(names, 1):
        if counts[name] == 1:
            unique.append(name)
            continue
        new = f"{name or 'column'}_{position}"
        while new in taken:
            new += "_"
        taken.add(new)
        unique.append(new)
    return unique


def renamed_twins(names: Sequence[str]) -> Mapping[str, str]:
    """The new names of columns that repeat, by `name (column 3)`, as `unique_names` gives them."""
    changes = enumerate(zip(names, unique_names(names), strict=True), 1)
    return {f"{old} (column {position})".strip(): new for position, (old, new) in changes if old != new}
