"""What every reader hands on: a chunk of rows by columns, and the rows that could not be read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from meli_tasks.core.errors import BadData

NEEDED = ("title", "category")
OPTIONAL = ("language", "label_quality", "split")
COLUMNS = NEEDED + OPTIONAL
DATE = "date"
"""What the column that `date_column` names is called here."""

SEEN_CHARACTERS = 200


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be used: where it stands, why not, and its beginning."""

    line: int
    """1 is the file's first line; in a Parquet file, its first row."""
    reason: str
    seen: str


@dataclass
class Rows:
    """Rows of one file, as they stand in it. All lists have one length."""

    columns: dict[str, Sequence[str | None]]
    """The columns of COLUMNS that the file has, and DATE where one was asked for."""
    lines: NDArray[np.int64]
    """The line each row starts on, shape (rows,)."""
    bad: list[BadRow] = field(default_factory=list)


def foreign(text: str) -> bool:
    """Whether the text holds bytes that are not UTF-8: they were decoded to lone surrogates, which do not encode."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def shown(text: str) -> str:
    """The beginning of what was seen, fit to be written as UTF-8; foreign bytes as \\xf1."""
    return _bytes_of(text[:SEEN_CHARACTERS]).decode("utf-8", "backslashreplace")


def _bytes_of(text: str) -> bytes:
    """The bytes that a text was decoded from."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a lone surrogate of the source's own, which JSON can write as \\ud800
        return text.encode("utf-8", "surrogatepass")


def encoding_of(texts: list[str]) -> str:
    """The encoding that texts with foreign bytes were probably written in, by the name that iconv knows."""
    raw = b"".join(map(_bytes_of, texts))
    # 0x80 to 0x9f are control characters in Latin-1 and letters, quotes and dashes in Windows-1252.
    return "WINDOWS-1252" if any(0x80 <= byte < 0xA0 for byte in raw) else "ISO-8859-1"


def names_in_source(date_column: str) -> dict[str, str]:
    """What each column that is read is called in the source; DATE only where `date_column` names one."""
    return {**{column: column for column in COLUMNS}, **({DATE: date_column} if date_column else {})}


def positions(file: str, seen: list[str], date_column: str) -> dict[str, int]:
    """Where the columns we know stand among those seen, whatever their case.

    Raises BadData when one is missing or stands there twice.
    """
    names = [name.strip().casefold() for name in seen]
    wanted = {column: name.strip().casefold() for column, name in names_in_source(date_column).items()}
    for name in wanted.values():
        if names.count(name) > 1:
            raise BadData(f"{file}: the column {name!r} stands there {names.count(name)} times; rename all but one.")
    check_columns(file, seen, names, wanted)
    return {column: names.index(name) for column, name in wanted.items() if name in names}


def check_columns(file: str, seen: list[str], names: Collection[str], wanted: dict[str, str]) -> None:
    """Raises BadData when a column that is needed is not among `names`, which are those `seen` as they are compared.

    `wanted` says what our columns are called there.
    """
    for column in (*NEEDED, DATE):
        if column in wanted and wanted[column] not in names:
            raise BadData(missing_column(file, wanted[column], seen, "date_column" if column == DATE else ""))


def missing_column(file: str, column: str, seen: list[str], asked_by: str = "") -> str:
    """The message for a column that is not there: which ones are, and which one was probably meant.

    `asked_by` is the parameter that names the column, for one that the source need not be renamed for.
    """
    from difflib import get_close_matches

    folded = {name.strip().casefold(): name for name in seen}
    near = get_close_matches(column.strip().casefold(), list(folded), n=1, cutoff=0.5)
    names = ", ".join(shown(name) for name in seen[:20]) + (f" and {len(seen) - 20} more" if len(seen) > 20 else "")
    hint = f"Is it {folded[near[0]]!r}? Rename it to {column!r}." if near else f"Name the column {column!r}."
    if asked_by:
        meant = f"is it {folded[near[0]]!r}?" if near else "name the one with the date of each title, or none."
        hint = f"Correct {asked_by}: {meant}"
    return f"{file}: no column {column!r}. Columns seen: {names}. {hint}"
