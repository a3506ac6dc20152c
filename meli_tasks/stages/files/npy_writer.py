"""A one-dimensional .npy file written piece by piece, so that an array larger than the memory can be made."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.lib import format as npy
from numpy.typing import DTypeLike, NDArray


class GrowingArray:
    """Append to it inside `with`; afterwards np.load reads the file, memory-mapped or not."""

    def __init__(self, path: Path, dtype: DTypeLike) -> None:
        self.dtype = np.dtype(dtype)
        self.length = 0
        self._file = path.open("wb")
        self._write_header()

    def append(self, values: NDArray[Any]) -> None:
        """Adds the values at the end; they must be of the array's type."""
        if values.dtype != self.dtype:
            raise TypeError(f"an array of {self.dtype} cannot take {values.dtype}")
        self._file.write(np.ascontiguousarray(values).data)
        self.length += len(values)

    def _write_header(self) -> None:
        """Its length does not depend on the array's: numpy leaves room for a shape that grows."""
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
