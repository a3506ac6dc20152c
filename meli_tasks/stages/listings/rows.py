"""A chunk of listings as they are in the source: the columns that ingest uses, and the rows that could not be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from meli_tasks.core.errors import BadData
from meli_tasks.rowfiles.columns import CATEGORY, KNOWN, TITLE, find_column, fold, missing_column, refuse_twins
from meli_tasks.rowfiles.opening import NoRows
from meli_tasks.rowfiles.reading import RowFile
from meli_tasks.rowfiles.rows import BadRow

NEEDED = (TITLE, CATEGORY)
FolderColumns = Mapping[str, str | None]
"""Values that hive folders give to all rows of a file, by column; None is a missing value."""
DATE = "date"
"""What the column that `date_column` names is called here."""


def contradiction(column: str) -> str:
    """Why a row is bad whose own value is not the one that its folder stands for."""
    return f"{column} contradicts its folder"


@dataclass
class ListingRows:
    """Rows of one file, as they are there. All columns have one length."""

    columns: dict[str, Sequence[str | None]]
    """The columns of `KNOWN` that the file has, and DATE if there is a `date_column`."""
    lines: NDArray[np.int64]
    """The line each row starts on, shape (rows,)."""
    bad: Sequence[BadRow] = field(default_factory=list)
    folders: FolderColumns = field(default_factory=dict)
    """The columns that the file's folders stand for, by the names of `columns`."""
    no_texts: Mapping[int, str] = field(default_factory=dict)
    """Rows with a value that is not text, such as a list, and what it is: "category is a list"."""
    doubtful: Sequence[int] = ()
    """As in `Chunk`."""


def read_listings(file: RowFile, date_column: str = "", folders: FolderColumns | None = None) -> Iterator[ListingRows]:
    """The rows of a file of listings.

    Args:
        file: the file.
        date_column: the column that is read as DATE; "" for none.
        folders: the columns that the file's folders stand for, by folded name.

    Raises:
        BadData: a column that is needed is missing or occurs twice, or the file is damaged.
    """
    wanted = {name: name for name in KNOWN} | ({DATE: date_column} if date_column else {})
    given = {column: folders[fold(name)] for column, name in wanted.items() if folders and fold(name) in folders}
    for chunk in file.chunks(_places(file, wanted, given)):
        columns: dict[str, Sequence[str | None]] = {}
        no_texts: dict[int, str] = {}
        for column, name in wanted.items():
            place = find_column(chunk.rows.names, name, exact_first=file.keyed)
            if place is not None:
                columns[column] = list(chunk.rows.dates(place) if column == DATE else chunk.rows.texts(place))
                no_texts |= {row: f"{name} is {kind}" for row, kind in chunk.rows.no_texts(place).items()}
            elif column in {*NEEDED, DATE, *given}:  # among later objects of JSON Lines, none may have it
                columns[column] = [None] * len(chunk.lines)
        yield ListingRows(columns, chunk.lines, chunk.bad, given, no_texts, chunk.doubtful)


def _places(file: RowFile, wanted: dict[str, str], given: FolderColumns) -> list[int]:
    """Where the columns are that are read.

    Raises:
        BadData: one that is needed is missing, or one occurs twice.
    """
    if file.keyed and not file.names:  # its first lines are no objects: each of them becomes a bad row
        return []
    if not file.names:  # only Parquet can be without columns: a table of nothing, as pandas writes it
        raise NoRows(f"{file.name}: this file has neither columns nor rows. At least one listing was expected.")
    places = []
    for name in wanted.values():
        if not file.keyed:
            refuse_twins(file.name, file.names, name)
    for column, name in wanted.items():
        place = find_column(file.names, name, exact_first=file.keyed)
        if place is not None:
            places.append(place)
        elif column in {*NEEDED, DATE} - given.keys():
            setting = "date_column" if column == DATE else ""
            raise BadData(missing_column(file.name, name, file.names, setting))
    return places
