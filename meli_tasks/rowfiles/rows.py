"""What passes between a reader and those who use its rows: consecutive rows, and those that could not be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, ClassVar, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from meli_tasks.rowfiles.columns import fold
from meli_tasks.rowfiles.text import printable
from meli_tasks.rowfiles.text_columns import TextColumn
from meli_tasks.rowfiles.values import as_cell, is_missing, kind_if_no_text, text_of

if TYPE_CHECKING:
    import pyarrow as pa

JsonObject = Mapping[str, object]

_NO_TEXTS = {list, dict, bool}

UNREADABLE = "unreadable"
"""The column that holds a line of JSON Lines which is no object."""


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be used: where it is, why not, and how it begins."""

    line: int
    """1 is the file's first line; in a Parquet file, its first row."""
    reason: str
    excerpt: str
    cells: tuple[str, ...] = ()
    """The whole row, for a copy of the file: a cell per column, surplus text in the last one; JSON as one cell."""


class Rows(Protocol):
    """Consecutive rows of a file, of whichever format."""

    names: Sequence[str]
    """The columns, each with a name of its own."""
    fixed_columns: ClassVar[bool]
    """Whether the file lists its columns, so that later rows cannot bring others."""

    def __len__(self) -> int: ...

    def texts(self, place: int) -> Sequence[str | None]:
        """A column as text, as titles and categories are read: numbers written out, None for null and NaN."""
        ...

    def no_texts(self, place: int) -> Mapping[int, str]:
        """What the values of a column are that are neither text nor numbers, such as "a list", by row."""
        ...

    def base64_values(self) -> Mapping[str, int]:
        """How many values of a column were bytes that are not UTF-8; `cells` and `objects` have them in base64."""
        ...

    def dates(self, place: int) -> Sequence[str | None]:
        """A column of dates as text: like `texts`, but points in time as days in the column's own time zone."""
        ...

    def cells(self) -> list[Sequence[str]]:
        """All columns as they are written to a CSV file."""
        ...

    def objects(self) -> Iterator[JsonObject]:
        """The rows as JSON objects."""
        ...

    def table(self, names: Sequence[str]) -> pa.Table:
        """These columns, with their types where the format has types, else as text."""
        ...

    def slice(self, start: int, stop: int) -> Rows:
        """The rows from `start` to before `stop`."""
        ...


@dataclass
class TextRows(Rows):
    """Rows of a file in which everything is text, by columns of one length."""

    names: Sequence[str]
    columns: Sequence[Sequence[str]]
    fixed_columns: ClassVar[bool] = True

    @override
    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    @override
    def texts(self, place: int) -> Sequence[str | None]:
        return self.columns[place]

    @override
    def no_texts(self, place: int) -> Mapping[int, str]:
        return {}

    @override
    def base64_values(self) -> Mapping[str, int]:
        return {}

    @override
    def dates(self, place: int) -> Sequence[str | None]:
        return self.texts(place)

    @override
    def cells(self) -> list[Sequence[str]]:
        return list(self.columns)

    @override
    def objects(self) -> Iterator[JsonObject]:
        return (dict(zip(self.names, row, strict=True)) for row in zip(*self.columns, strict=True))

    @override
    def table(self, names: Sequence[str]) -> pa.Table:
        return text_table(self.names, self.columns)

    @override
    def slice(self, start: int, stop: int) -> TextRows:
        return TextRows(self.names, [column[start:stop] for column in self.columns])

    def with_bad_rows(self, order: NDArray[np.int64], bad: Sequence[BadRow]) -> TextRows:
        """These rows and the bad ones, in the given order."""
        every = [[*column, *(row.cells[place] for row in bad)] for place, column in enumerate(self.columns)]
        return TextRows(self.names, [[column[index] for index in order.tolist()] for column in every])


@dataclass
class JsonRows(Rows):
    """Rows of JSON Lines, each an object with keys of its own."""

    items: Sequence[JsonObject]
    names: Sequence[str]
    fixed_columns: ClassVar[bool] = False

    @classmethod
    def of(cls, items: Sequence[JsonObject]) -> JsonRows:
        """The objects, with the keys in the order in which they appear as columns."""
        return cls(items, list(dict.fromkeys(chain.from_iterable(items))))

    @override
    def __len__(self) -> int:
        return len(self.items)

    def values(self, place: int) -> list[object]:
        """The values of a column; None where an object lacks it."""
        name = self.names[place]
        return [item.get(name) for item in self.items]

    def _values_in_any_spelling(self, place: int) -> list[object]:
        """The values of a column; of an object that lacks it, the value under another spelling of the name."""
        spellings = [name for name in self.names if fold(name) == fold(self.names[place])]
        if len(spellings) == 1:
            return self.values(place)
        spellings.sort(key=lambda name: name != self.names[place])
        return [next((item[name] for name in spellings if name in item), None) for item in self.items]

    @override
    def texts(self, place: int) -> Sequence[str | None]:
        values = self._values_in_any_spelling(place)
        if set(map(type, values)) <= {str, type(None)}:
            return cast("list[str | None]", values)
        return list(map(text_of, values))  # numbers are titles too ("501")

    @override
    def no_texts(self, place: int) -> Mapping[int, str]:
        values = self._values_in_any_spelling(place)
        if _NO_TEXTS.isdisjoint(map(type, values)):
            return {}
        return {row: kind for row, value in enumerate(values) if (kind := kind_if_no_text(value))}

    @override
    def base64_values(self) -> Mapping[str, int]:
        return {}

    @override
    def dates(self, place: int) -> Sequence[str | None]:
        return self.texts(place)

    @override
    def cells(self) -> list[Sequence[str]]:
        return [list(map(as_cell, self.values(place))) for place in range(len(self.names))]

    @override
    def objects(self) -> Iterator[JsonObject]:
        return iter(self.items)

    @override
    def table(self, names: Sequence[str]) -> pa.Table:
        columns = [[item.get(name) for item in self.items] for name in names]
        return text_table(names, [[None if is_missing(v) else as_cell(v) for v in column] for column in columns])

    @override
    def slice(self, start: int, stop: int) -> JsonRows:
        return JsonRows(self.items[start:stop], self.names)

    def with_bad_rows(self, order: NDArray[np.int64], bad: Sequence[BadRow]) -> JsonRows:
        """These rows and the bad ones, each of those an object with the key `unreadable`, in the given order."""
        every = [*self.items, *({UNREADABLE: row.cells[0]} for row in bad)]
        return JsonRows.of([every[index] for index in order.tolist()])


@dataclass(frozen=True)
class WholeRows:
    """Consecutive rows of a file, bad ones too."""

    rows: Rows
    lines: NDArray[np.int64]
    """As in `Chunk`."""
    problems: Mapping[int, str]
    """Why rows could not be read, by position."""

    def slice(self, start: int, stop: int) -> WholeRows:
        """The rows from `start` to before `stop`."""
        here = {at - start: reason for at, reason in self.problems.items() if start <= at < stop}
        return WholeRows(self.rows.slice(start, stop), self.lines[start:stop], here)


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows of a file: those that could be read, and those that could not."""

    rows: Rows
    lines: NDArray[np.int64]
    """The line on which each row starts, shape (rows,); in a Parquet file, the row's number."""
    bad: Sequence[BadRow] = field(default_factory=list)
    doubtful: Sequence[int] = ()
    """The lines of CSV rows of which a field of several lines looks like rows, as after a quote opened by mistake."""

    def whole(self) -> WholeRows:
        """All rows in the file's order, the bad ones in their places."""
        if not self.bad or not isinstance(self.rows, TextRows | JsonRows):
            return WholeRows(self.rows, self.lines, {})
        lines = np.concatenate([self.lines, np.array([row.line for row in self.bad], dtype=np.int64)])
        order = np.argsort(lines, kind="stable")
        reasons = {
            position: self.bad[index - len(self.lines)].reason
            for position, index in enumerate(order.tolist())
            if index >= len(self.lines)
        }
        return WholeRows(self.rows.with_bad_rows(order, self.bad), lines[order], reasons)


def text_table(names: Sequence[str], columns: Sequence[Sequence[str | None]]) -> pa.Table:
    """A table of text columns; foreign bytes are written as `printable` does."""
    import pyarrow as pa

    return pa.table([_text_array(column) for column in columns], names=list(map(printable, names)))


def _text_array(values: Sequence[str | None]) -> pa.Array:
    import pyarrow as pa

    if isinstance(values, TextColumn):
        return values.array
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:
        return pa.array([None if value is None else printable(value) for value in values], pa.string())
