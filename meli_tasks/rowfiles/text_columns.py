"""Columns of text in Arrow's memory, which are written without a Python object for each field."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, overload

from typing_extensions import override

if TYPE_CHECKING:
    import pyarrow as pa


class TextColumn(Sequence[str]):
    """Texts that are all valid UTF-8, without nulls. Python strings are made when they are first needed."""

    def __init__(self, array: pa.StringArray) -> None:
        self.array = array

    @cached_property
    def _texts(self) -> list[str]:
        texts: list[str] = self.array.to_pylist()
        return texts

    @override
    def __len__(self) -> int:
        return len(self.array)

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> TextColumn: ...

    @override
    def __getitem__(self, place: int | slice) -> str | TextColumn:
        if isinstance(place, slice):
            return TextColumn(self.array[place])
        return self._texts[place]

    @override
    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # like other sequences that compare by content

    def utf8(self) -> bytes:
        """The bytes of all texts together, in UTF-8."""
        buffers = self.array.buffers()
        if not len(self.array) or buffers[2] is None:
            return b""
        first, last = _bounds(self.array)
        return bytes(memoryview(buffers[2])[first:last])


def _bounds(array: pa.StringArray) -> tuple[int, int]:
    """Where the texts of an array begin and end in its buffer."""
    import numpy as np

    places = np.frombuffer(array.buffers()[1], np.int32)
    return int(places[array.offset]), int(places[array.offset + len(array)])


def as_text_column(texts: Sequence[str]) -> TextColumn | None:
    """The texts as a column; None if one of them is not valid UTF-8."""
    import pyarrow as pa

    if isinstance(texts, TextColumn):
        return texts
    try:
        return TextColumn(pa.array(texts, pa.string()))
    except UnicodeEncodeError:
        return None


def csv_bytes(columns: Sequence[Sequence[str]]) -> bytes | None:
    """The text that `csv_text` makes of columns of one length, in UTF-8; None if only `csv_text` can make it."""
    import pyarrow.compute as pc

    found = [column for texts in columns if (column := as_text_column(texts)) is not None]
    encoded = [column.utf8() for column in found]
    if len(found) < len(columns) or len(columns) < 2 or any(b"\r" in text for text in encoded):
        return None
    cells = [_quoted(column, text) for column, text in zip(found, encoded, strict=True)]
    between = [part for cell in cells for part in (",", cell)][1:]
    return TextColumn(pc.binary_join_element_wise(*between, "\n", "")).utf8()


def _quoted(column: TextColumn, text: bytes) -> pa.StringArray:
    """The fields, in quotes where the csv module puts them."""
    import pyarrow.compute as pc

    if not any(special in text for special in (b",", b'"', b"\n")):
        return column.array
    needed = pc.match_substring_regex(column.array, '[,"\n]')
    doubled = pc.replace_substring(column.array, '"', '""')
    return pc.if_else(needed, pc.binary_join_element_wise('"', doubled, '"', ""), column.array)
