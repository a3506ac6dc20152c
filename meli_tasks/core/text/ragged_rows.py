"""Ragged rows of numbers to which more can be added: one array, and where each row ends in it."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", np.int32, np.int64)


class RaggedRows:
    """Growing ragged rows of numbers: row i is flat[ends[i]:ends[i + 1]]."""

    def __init__(self) -> None:
        self._flat, self._ends = np.zeros(1, np.int32), np.zeros(1, np.int64)
        self._rows = 0

    def add(self, flat: NDArray[np.int32], sizes: NDArray[np.int64]) -> None:
        """Add rows: their numbers, concatenated, and the size of each row."""
        last, rows = int(self._ends[self._rows]), self._rows + len(sizes)
        self._flat = _with_room(self._flat, last + len(flat))
        self._flat[last : last + len(flat)] = flat
        self._ends = _with_room(self._ends, rows + 1)
        self._ends[self._rows + 1 : rows + 1] = last + np.cumsum(sizes)
        self._rows = rows

    def take(self, rows: NDArray[np.int64], which: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The concatenated numbers of rows[which], and where the first n of them end, shape (n + 1,)."""
        starts, sizes = self._ends[rows], self._ends[rows + 1] - self._ends[rows]
        return self._gathered(starts.astype(np.int32)[which], sizes.astype(np.int32)[which])

    def take_each(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The concatenated numbers of the rows, and where the first n of them end, shape (rows + 1,)."""
        starts = self._ends[rows]
        return self._gathered(starts.astype(np.int32), (self._ends[rows + 1] - starts).astype(np.int32))

    def _gathered(
        self, starts: NDArray[np.int32], sizes: NDArray[np.int32]
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        ends = np.zeros(len(sizes) + 1, np.int32)
        np.cumsum(sizes, out=ends[1:])
        starts -= ends[:-1]
        return self._flat[np.repeat(starts, sizes) + np.arange(ends[-1], dtype=np.int32)], ends


def _with_room(values: NDArray[Number], length: int) -> NDArray[Number]:
    """The values, with capacity for `length` of them; doubled if necessary, so that growing is cheap."""
    if length <= len(values):
        return values
    grown = np.empty(max(length, 2 * len(values)), values.dtype)
    grown[: len(values)] = values
    return grown
