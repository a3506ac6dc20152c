"""Arrow columns made directly from buffers.

`pa.array`, `pa.scalar` and `to_numpy` would do the same, but they import pandas to check whether they were given any of
its types: half a second in every process, for stages that have no other use for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import repeat
from operator import is_

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_LINE_END = ord("\n")
_TYPES = {"uint8": pa.uint8(), "int32": pa.int32(), "int64": pa.int64()}


def texts(values: Sequence[str | None]) -> pa.StringArray:
    """A column of texts, none of which holds a line end."""
    count = len(values)
    absent = np.fromiter(map(is_, values, repeat(None)), dtype=bool, count=count)
    filled = ["" if value is None else value for value in values] if absent.any() else values
    data = np.frombuffer(("\n".join(filled) + "\n").encode(), dtype=np.uint8)  # type: ignore[arg-type]
    ends = np.flatnonzero(data == _LINE_END)[:count]
    offsets = np.zeros(count + 1, dtype=np.int32)
    offsets[1:] = ends - np.arange(count)
    validity = pa.py_buffer(np.packbits(~absent, bitorder="little")) if absent.any() else None
    return pa.StringArray.from_buffers(
        count, pa.py_buffer(offsets), pa.py_buffer(data[data != _LINE_END]), validity, int(absent.sum())
    )


def integers(values: NDArray[np.generic]) -> pa.Array:
    """A column of integers, of one of the types that the listings use."""
    values = np.ascontiguousarray(values)
    return pa.Array.from_buffers(_TYPES[values.dtype.name], len(values), [None, pa.py_buffer(values)])


def numbers_of(column: pa.ChunkedArray) -> NDArray[np.uint8]:
    """A column of uint8 without nulls as an array, shape (rows,)."""
    parts = [np.frombuffer(chunk.buffers()[1], np.uint8)[chunk.offset :][: len(chunk)] for chunk in column.chunks]
    return np.concatenate([np.zeros(0, np.uint8), *parts])


def numbers_by_value(column: pa.Array, number_of: Callable[[str | None], int]) -> NDArray[np.int32]:
    """`number_of` each row's text (None for null), called a single time per distinct text; shape (rows,)."""
    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    numbers = np.fromiter(map(number_of, column.dictionary.to_pylist()), np.int32, len(column.dictionary))
    indices = np.frombuffer(column.indices.buffers()[1] or b"", np.int32)[column.offset :][: len(column)]
    if not column.null_count:
        return numbers[indices]
    valid = np.frombuffer(column.is_valid().cast(pa.uint8()).buffers()[1], np.uint8)[: len(column)] == 1
    found = np.full(len(column), number_of(None), dtype=np.int32)
    found[valid] = numbers[indices[valid]]
    return found


def bytes_of(column: pa.ChunkedArray) -> tuple[bytes, bytes]:
    """A column of texts for hashing: their bytes one after another, and their lengths as int32, -1 for null."""
    data, lengths = [], []
    for chunk in column.chunks:
        validity, offsets_buffer, text = chunk.buffers()
        offsets = np.frombuffer(offsets_buffer, dtype=np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
        chunk_lengths = np.diff(offsets)
        if chunk.null_count:
            bits = np.unpackbits(np.frombuffer(validity, dtype=np.uint8), bitorder="little")
            chunk_lengths[bits[chunk.offset : chunk.offset + len(chunk)] == 0] = -1
        lengths.append(chunk_lengths.tobytes())
        data.append(memoryview(text)[offsets[0] : offsets[-1]] if text is not None and len(chunk) else b"")
    return b"".join(data), b"".join(lengths)
