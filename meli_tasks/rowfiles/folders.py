"""Folders of files: which of their files hold rows, and the columns that hive folders (`split=train/`) stand for.

The rules are those of Hive, Spark and Arrow: names that begin with `_` or `.` are markers and metadata (`_SUCCESS`,
`_common_metadata`, `.crc`), a folder `name=value` is a column of all files below it, values are percent-encoded, and
`__HIVE_DEFAULT_PARTITION__` stands for a missing value.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import unquote

from meli_tasks.core.errors import BadData
from meli_tasks.rowfiles.columns import KNOWN, TITLE, fold

MISSING = "__HIVE_DEFAULT_PARTITION__"

COLUMNS = frozenset({*KNOWN, "ds", "dt", "date", "day"} - {TITLE})
"""The columns that a folder can stand for: those of listings, and the usual names of a column of dates."""

_MARKER_BEGINS = ("_", ".")
GOLDEN = "golden.csv"
"""The name of a file of golden titles beside a source, of which it is no part."""
_FOLDER_MARKER = "_$folder$"
"""How Hadoop's older S3 clients end the names of the empty objects that stand for folders."""


MOST_ENTRIES = 1_000_000
"""Files and folders that are looked at to find those of a source."""


class Budget:
    """Counts files and folders that are looked at."""

    def __init__(self) -> None:
        self._most = self._left = MOST_ENTRIES

    def spend(self, folder: Path) -> None:
        """Count one.

        Raises:
            BadData: there were too many.
        """
        self._left -= 1
        if self._left < 0:
            raise BadData(
                f"There are more than {self._most:,} files and folders to look through, the last of them in {folder}. "
                "Name a folder further down, or a pattern with fewer `**`."
            )


@dataclass(frozen=True)
class SourceFile:
    """A file of a source."""

    path: Path
    name: str
    """As reports name it: its name, after the hive folders that it is in."""
    columns: Mapping[str, str | None] = field(default_factory=dict)
    """The columns that its folders stand for, by folded name; None is a missing value."""


@dataclass(frozen=True)
class FolderFiles:
    """The files below a folder, in order, and the names because of which others are skipped."""

    files: list[Path]
    skipped: tuple[str, ...] = ()


def is_marker(name: str) -> bool:
    """Whether a file or folder of this name holds no listings: its name begins with `_` or `.`, or is `golden.csv`."""
    return name.startswith(_MARKER_BEGINS) or name.endswith(_FOLDER_MARKER) or name == GOLDEN


def marker_among(names: Iterable[str], patterns: Sequence[str] = ()) -> str:
    """The name that makes a file a marker, among those of its folders and its own, below the folder requested; or "".

    A glob that spells out the beginning, as in `_part*.csv`, requests such names: it is among the `patterns`.
    """
    requested = [pattern for pattern in patterns if is_marker(pattern)]
    return next(
        (name for name in names if is_marker(name) and not any(fnmatchcase(name, pattern) for pattern in requested)), ""
    )


def files_below(folder: Path, budget: Budget | None = None) -> FolderFiles:
    """All files of a folder and its subfolders; links to folders are followed, each folder once.

    Raises:
        BadData: there are too many.
        OSError: a folder may not be read.
    """
    files: list[Path] = []
    skipped: list[str] = []
    for path in _walk(folder, {folder.resolve()}, budget or Budget()):
        if is_marker(path.name):
            skipped.append(path.name)
        else:
            files.append(path)
    return FolderFiles(sorted(files), tuple(sorted(set(skipped))))


def _walk(folder: Path, entered: set[Path], budget: Budget) -> Iterator[Path]:
    names: list[os.DirEntry[str]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            budget.spend(folder)
            names.append(entry)
    names.sort(key=lambda entry: entry.name)
    for entry in names:
        path = folder / entry.name
        if not entry.is_dir():
            if entry.is_file():
                yield path
        elif is_marker(entry.name):
            yield path
        elif (real := path.resolve()) not in entered:
            entered.add(real)
            yield from _walk(path, entered, budget)


def source_files(source: Path) -> list[SourceFile]:
    """The files of a source on this disk, a file or a folder, with the columns that folders below it stand for.

    Raises:
        BadData: a file's folders contradict each other.
    """
    if not source.is_dir():
        return [SourceFile(source, source.name)]
    found = []
    for path in files_below(source).files:
        folders = hive_folders(path.relative_to(source).parts[:-1])
        found.append(SourceFile(path, "/".join([*folders, path.name]), folder_columns(folders)))
    return found


def hive_folders(names: Iterable[str]) -> tuple[str, ...]:
    """Those names of folders that are written `name=value` and stand for one of COLUMNS."""
    return tuple(name for name in names if "=" in name and _column_of(name) in COLUMNS)


def folder_columns(folders: Iterable[str]) -> dict[str, str | None]:
    """The columns that hive folders stand for, by folded name.

    Raises:
        BadData: two of the folders give one column different values.
    """
    columns: dict[str, str | None] = {}
    for folder in folders:
        column, value = _column_of(folder), unquote(folder.partition("=")[2], errors="surrogateescape")
        found = None if value in {MISSING, ""} else value
        if columns.setdefault(column, found) != found:
            raise BadData(
                f"The folder {'/'.join(folders)} gives the column {column!r} two values, {columns[column]!r} and "
                f"{found!r}. Rename one of its folders."
            )
    return columns


def _column_of(folder: str) -> str:
    return fold(unquote(folder.partition("=")[0]))
