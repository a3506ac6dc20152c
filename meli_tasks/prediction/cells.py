"""Formats predictions as CSV fields, many at a time, exactly as `as_cells` formats them one by one."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from meli_tasks.rowfiles.text_columns import TextColumn
from meli_tasks.rowfiles.values import JOIN

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from meli_tasks.prediction.ranking import Predictions

DIGITS = 6
"""Decimal places of a probability."""
_ONE = 10**DIGITS
_THOUSAND = 1_000
_WIDTH = 2 + DIGITS
"""Characters of the longest number, 0.123456."""
_LEAST_PLAIN = 100
"""Smaller numbers of millionths are written with an exponent, such as 5e-05."""


def cells_of(found: Predictions) -> dict[str, TextColumn] | None:
    """The columns by name; None if a category is not valid UTF-8 or a probability is not in 0 to 1."""
    import pyarrow as pa
    import pyarrow.compute as pc

    millionths = np.rint(found.scores * _ONE)
    try:
        names = pa.array(found.names, pa.string())
    except UnicodeEncodeError:
        return None
    if not ((millionths >= 0) & (millionths <= _ONE)).all():
        return None
    ranked = found.flags > 0
    taken = [names.take(pa.array(column, mask=~ranked)) for column in np.ascontiguousarray(found.ranked.T)]
    joined = pc.binary_join_element_wise(*taken, JOIN)
    whole = millionths.astype(np.int32)
    flags = pa.array(["false", "true", ""]).take(pa.array(found.flags % 3))
    columns = {
        "category": taken[0].fill_null(""),
        "probability": _numbers(whole[:, :1], ranked),
        "categories": joined.fill_null(""),
        "probabilities": _numbers(whole, ranked),
        "known": flags,
    }
    return {name: TextColumn(column) for name, column in columns.items()}


def _numbers(millionths: NDArray[np.int32], written: NDArray[np.bool_]) -> pa.StringArray:
    """Each row's numbers (rows, n), joined; nothing for rows that are not written."""
    import pyarrow as pa

    rows, width = millionths.shape
    between = JOIN.encode()
    characters = np.empty((rows, width, _WIDTH + len(between)), np.uint8)
    kept = np.ones(characters.shape, np.bool_)
    characters[:, :, _WIDTH:] = np.frombuffer(between, np.uint8)
    high, low = np.divmod(millionths, _THOUSAND)
    thousandths, rest, small = _tables()
    characters[:, :, :5], characters[:, :, 5:_WIDTH] = thousandths[high], rest[low]
    few = millionths < _LEAST_PLAIN
    characters[:, :, :_WIDTH][few] = small[millionths[few]]
    kept[:, :, :_WIDTH] = characters[:, :, :_WIDTH] != 0
    # Trailing zeros; also those of the thousandths if no other digit follows.
    kept[:, :, 4:5] &= ((low > 0) | (high % 10 > 0) | few)[:, :, None]
    kept[:, :, 3:4] &= ((low > 0) | (high % 100 > 0) | few)[:, :, None]
    kept[:, -1, _WIDTH:] = False
    kept[~written] = False
    ends = np.zeros(rows + 1, np.int32)
    np.cumsum(kept.sum(axis=(1, 2), dtype=np.int32), out=ends[1:])
    return pa.StringArray.from_buffers(rows, pa.py_buffer(ends), pa.py_buffer(characters[kept]))


@lru_cache(maxsize=1)
def _tables() -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Characters by number: 0.123 for 123 thousandths, the three digits that follow it, and whole small numbers.

    Rows are padded with the byte 0, which is not written; the second table has no trailing zeros.
    """
    thousandths = [f"{number // _THOUSAND}.{number % _THOUSAND:03}" for number in range(_THOUSAND + 1)]
    rest = [f"{number:03}".rstrip("0") for number in range(_THOUSAND)]
    small = [repr(number / _ONE) for number in range(_LEAST_PLAIN)]
    return _characters(thousandths, 5), _characters(rest, 3), _characters(small, _WIDTH)


def _characters(texts: list[str], width: int) -> NDArray[np.uint8]:
    padded = b"".join(text.encode().ljust(width, b"\0") for text in texts)
    return np.frombuffer(padded, np.uint8).reshape(len(texts), width)
