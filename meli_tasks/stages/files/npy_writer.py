"""Writes a one-dimensional .npy file piece by piece, so that the array may be larger than the memory.

numpy.lib.format.open_memmap needs the length in advance, and a mapped array counts as memory while it is written.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.lib import format as npy
from numpy.typing import DTypeLike, NDArray


class GrowingArray:
    """An array to append to inside `with`; afterwards np.load reads the file, memory-mapped or not."""

    def __init__(self, path: Path, dtype: DTypeLike) -> None:
        self.dtype = np.dtype(dtype)
        self.length = 0
        self._file = path.open("wb")
        self._write_header()

    def append(self, values: NDArray[Any]) -> None:
        """Append values, which must have the type of the array."""
        if values.dtype != self.dtype:
            raise TypeError(f"an array of {self.dtype} cannot take {values.dtype}")
        self._file.write(np.ascontiguousarray(values).data)
        self.length += len(values)

    def _write_header(self) -> None:
        """Write the header, whose length does not depend on the array's: numpy reserves space for a growing shape."""
        self._file.seek(0)
        header = {"descr": npy.dtype_to_descr(self.dtype), "fortran_order": False, "shape": (self.length,)}
        npy.write_array_header_1_0(self._file, header)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._write_header()
        self._file.close()
