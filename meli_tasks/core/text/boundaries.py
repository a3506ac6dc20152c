"""Boundary tokens before and after each title, so that word n-grams and filters see where a title starts and ends.

The first word of a title says more than the others: "funda para celular" is a case, "celular con funda" a phone. No
tokenizer leaves "<" in a word, so boundary tokens cannot collide with words. A title without words gets none.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BEGIN, END = BOUNDARIES = ("<BEGIN>", "<END>")
"""In capitals, which no tokenizer leaves in a word, so that they share no character n-gram with a word."""


def with_boundaries(words: Sequence[str]) -> Sequence[str]:
    """The words of a title between its boundary tokens."""
    return (BEGIN, *words, END) if words else words


def with_boundary_ids(
    tokens: NDArray[np.int32], lengths: NDArray[np.int64], begin: int, end: int
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The same for the ids of concatenated titles, of which title i has lengths[i] words."""
    filled = lengths > 0
    longer = lengths + len(BOUNDARIES) * filled
    ends = longer.cumsum()[filled]
    starts, lasts = ends - longer[filled], ends - 1
    result = np.empty(int(longer.sum()), dtype=np.int32)
    inside = np.ones(len(result), dtype=np.bool_)
    inside[starts] = inside[lasts] = False
    result[inside], result[starts], result[lasts] = tokens, begin, end
    return result, longer
