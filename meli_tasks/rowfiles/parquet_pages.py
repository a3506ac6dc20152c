"""How much memory rows of a Parquet file can take, worked out from the headers of its pages before any is read.

A file of 2 kB can hold a text of a megabyte in a dictionary and refer to it from every row, repeat the beginning of the
text before, compress a page of zeros, or put a million million elements into one list. Arrow reads all of that, one
batch of rows at a time, into as much memory as it takes.

The headers are in Thrift's compact protocol: https://github.com/apache/parquet-format, `PageHeader`.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

_FIRST_BYTES, _MOST_BYTES = 512, 16 << 20
_DEEPEST = 16
_DATA_PAGE, _DICTIONARY_PAGE, _DATA_PAGE_2 = 0, 2, 3
_DATA_PAGES = (_DATA_PAGE, _DATA_PAGE_2)
_DELTA_BYTE_ARRAY = 7
"""The encoding that writes a value as the beginning of the one before and an end of its own."""
_SMALL_DICTIONARY = 4_096
"""Bytes of a dictionary whose values are not looked at one by one: none can be longer."""
_SLOT_BYTES = 16
_TYPICAL_COMPRESSION = 100
_UNCOMPRESSED = 0
_CODECS = {1: "snappy", 2: "gzip", 4: "brotli", 6: "zstd", 7: "lz4_raw"}
_ENCRYPTION = 8
_BYTE_ARRAY, _FIXED_LENGTH = 6, 7
_TAIL = struct.Struct("<I4s")

_LENGTH = struct.Struct("<I")

Fields = dict[int, "int | Fields | list[Fields]"]
"""The numbers, structures and lists of structures of a Thrift structure, by the number of the field."""


class Unreadable(ValueError):
    """What should be a header is none."""


class TooLarge(ValueError):
    """Rows, or a page, can take more memory than they may."""


@dataclass(frozen=True)
class _Page:
    kind: int
    header_bytes: int
    compressed: int
    uncompressed: int
    values: int
    encoding: int


@dataclass
class _Chunk:
    """What is found out about one column of one row group."""

    value_bytes: int = 0
    """A bound of what a value takes: the longest one of a dictionary, or the mean of the page whose mean is highest."""
    values: int = 0


def batch_rows(parquet: pq.ParquetFile, file: BinaryIO, columns: Sequence[str], most_rows: int, most_bytes: int) -> int:
    """How many rows may be read at a time so that they take about `most_bytes` at most.

    Args:
        parquet: The open file.
        file: The same file, as bytes.
        columns: The columns that are read.
        most_rows: The largest result.
        most_bytes: Of memory.

    Raises:
        TooLarge: a page, a row or a list can take more.
        Unreadable: a header of a page is damaged.
    """
    groups = _row_groups(file)
    leaves = [place for place in range(len(parquet.schema)) if _is_of(parquet.schema.column(place).path, columns)]
    rows = most_rows
    for group in groups:
        row_bytes = 1
        for leaf in leaves:
            column, about = parquet.schema.column(leaf), _column(group, leaf)
            if about is None:  # encrypted, as Arrow will say
                continue
            chunk = _scan(file, about, column.path, most_bytes // 4)
            value_bytes = _SLOT_BYTES + max(chunk.value_bytes, column.length if about.kind == _FIXED_LENGTH else 0)
            if not column.max_repetition_level:
                row_bytes += value_bytes
                continue
            total = chunk.values * value_bytes  # all of them can be in one list
            if total > max(most_bytes, _TYPICAL_COMPRESSION * about.compressed):
                raise _too_large(f"the lists of the column {column.path!r}", total, most_bytes)
        if row_bytes > most_bytes:
            raise _too_large("a row", row_bytes, most_bytes)
        rows = min(rows, max(1, most_bytes // 2 // row_bytes))
    return rows


@dataclass(frozen=True)
class _About:
    """Where a column of a row group is, and how it is written."""

    kind: int
    codec: int
    values: int
    compressed: int
    start: int


def _row_groups(file: BinaryIO) -> list[Fields]:
    """The row groups of the footer. pyarrow's own objects end the process when they are damaged."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _TAIL.size))
    tail = file.read(_TAIL.size)
    length = _TAIL.unpack(tail)[0] if len(tail) == _TAIL.size else 0
    if not 0 < length <= size - _TAIL.size:
        raise Unreadable("its footer is cut off")
    file.seek(size - _TAIL.size - length)
    try:
        groups = _Header(file.read(length)).structure().get(4)
    except IndexError:
        raise Unreadable("its footer is cut off") from None
    return groups if isinstance(groups, list) else []


def _column(group: Fields, leaf: int) -> _About | None:
    columns = group.get(1)
    if not isinstance(columns, list) or leaf >= len(columns):
        raise Unreadable("a row group lacks columns")
    about = columns[leaf].get(3)
    if not isinstance(about, dict) or _ENCRYPTION in columns[leaf]:
        return None

    def number(field: int) -> int:
        value = about.get(field, 0)
        return value if isinstance(value, int) else 0

    start, dictionary = number(9), number(11)
    if 0 < dictionary < start:
        start = dictionary
    if start < 0 or number(7) < 0:
        raise Unreadable("a column is at a negative place")
    return _About(number(1), number(4), number(5), number(7), start)


def _is_of(leaf: str, columns: Sequence[str]) -> bool:
    return any(leaf == column or leaf.startswith(f"{column}.") for column in columns)


def _too_large(what: str, size: int, most_bytes: int) -> TooLarge:
    return TooLarge(
        f"{what} can take {size / 1e6:,.0f} MB of memory, and no more than {most_bytes / 1e6:,.0f} MB may be taken "
        "at a time (MELI_SOURCE_BATCH_MB). Write the file with shorter values and smaller pages"
    )


def _scan(file: BinaryIO, about: _About, name: str, most_bytes: int) -> _Chunk:
    """Look at the headers of the pages that Arrow would read.

    Raises:
        TooLarge: a page takes more than `most_bytes`.
        Unreadable: a header is damaged.
    """
    start, end, chunk = about.start, about.start + about.compressed, _Chunk()
    while start < end and chunk.values < about.values:
        page = _page_at(file, start)
        if page.uncompressed > most_bytes:
            raise _too_large(f"a page of the column {name!r}", page.uncompressed, most_bytes)
        start += page.header_bytes
        if page.kind == _DICTIONARY_PAGE:
            chunk.value_bytes = max(chunk.value_bytes, _longest(file, start, page, about))
        elif page.kind in _DATA_PAGES:
            chunk.values += page.values
            whole = page.encoding == _DELTA_BYTE_ARRAY
            mean = page.uncompressed if whole else -(-page.uncompressed // max(1, page.values))
            chunk.value_bytes = max(chunk.value_bytes, mean)
        start += page.compressed
    return chunk


def _longest(file: BinaryIO, start: int, page: _Page, about: _About) -> int:
    """The bytes of the longest text in a dictionary, or of all its texts if they cannot be separated or are few."""
    codec = _CODECS.get(about.codec)
    if about.kind != _BYTE_ARRAY:
        return 0
    if page.uncompressed <= _SMALL_DICTIONARY or (codec is None and about.codec != _UNCOMPRESSED):
        return page.uncompressed
    file.seek(start)
    data = file.read(page.compressed)
    try:
        if codec is not None:
            data = pa.Codec(codec).decompress(data, page.uncompressed, asbytes=True)
        at = longest = 0
        while at < len(data):
            (length,) = _LENGTH.unpack_from(data, at)
            longest, at = max(longest, length), at + 4 + length
    except (OSError, pa.ArrowException, struct.error):
        return page.uncompressed
    return longest if at == len(data) else page.uncompressed


def _page_at(file: BinaryIO, start: int) -> _Page:
    size = _FIRST_BYTES
    while True:
        file.seek(min(start, sys.maxsize))
        data = file.read(size)
        try:
            return _page(data)
        except IndexError:
            if len(data) < size or size >= _MOST_BYTES:
                raise Unreadable("the header of a page is cut off") from None
            size *= 16


def _page(data: bytes) -> _Page:
    header = _Header(data)
    fields = header.structure()
    if header.at > len(data):
        raise IndexError
    kind, uncompressed, compressed = (fields.get(number) for number in (1, 2, 3))
    if not isinstance(kind, int) or not isinstance(uncompressed, int) or not isinstance(compressed, int):
        raise Unreadable("the header of a page lacks its sizes")
    if uncompressed < 0 or compressed < 0:
        raise Unreadable("the header of a page has a negative size")
    about = fields.get({_DATA_PAGE: 5, _DICTIONARY_PAGE: 7, _DATA_PAGE_2: 8}.get(kind, 0))
    about = about if isinstance(about, dict) else {}
    values, encoding = about.get(1), about.get(4 if kind == _DATA_PAGE_2 else 2)
    return _Page(
        kind, header.at, compressed, uncompressed,
        max(0, values) if isinstance(values, int) else 0, encoding if isinstance(encoding, int) else -1,
    )  # fmt: skip


class _Header:
    """Reads a structure of Thrift's compact protocol; IndexError if the bytes end before it does."""

    def __init__(self, data: bytes) -> None:
        self.at = 0
        self._data = data

    def structure(self, depth: int = 0) -> Fields:
        """The fields of a structure that are numbers, structures or lists of structures; others are skipped."""
        if depth > _DEEPEST:
            raise Unreadable("a header is nested too deeply")
        fields, number = Fields(), 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._number()
            value = self._value(head & 15, depth)
            if value is not None:
                fields[number] = value
        return fields

    def _value(self, kind: int, depth: int) -> int | Fields | list[Fields] | None:
        if kind in (1, 2):  # a boolean is its own kind
            return int(kind == 1)
        if kind == 3:
            return self._byte()
        if kind in (4, 5, 6):
            return self._number()
        if kind == 12:
            return self.structure(depth + 1)
        if kind in (7, 8):
            length = 8 if kind == 7 else self._varint()
            self.at += length
        elif kind in (9, 10):
            head = self._byte()
            length, inner = head >> 4 if head >> 4 < 15 else self._varint(), head & 15
            values = [self._value(3 if inner in (1, 2) else inner, depth + 1) for _ in range(length)]
            return [value for value in values if isinstance(value, dict)] if inner == 12 else None
        else:
            raise Unreadable("a header has a field of an unknown kind")
        return None

    def _byte(self) -> int:
        self.at += 1
        return self._data[self.at - 1]

    def _varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise Unreadable("a header has a number that is too long")

    def _number(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
