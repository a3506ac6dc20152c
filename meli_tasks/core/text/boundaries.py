"""A word of its own before and behind each title, so that pairs of words, and filters, see where it begins and ends.

The first word of a title tells more than the others: "funda para celular" is a case, "celular con funda" a phone.
No tokenizer leaves "<" in a word. A title without words stays without.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BEGIN, END = BOUNDARIES = ("<BEGIN>", "<END>")
"""Capitals, which no tokenizer leaves in a word: the marks' character n-grams are their own."""


def bounded(words: Sequence[str]) -> Sequence[str]:
    """The words of a title between the two marks."""
    return (BEGIN, *words, END) if words else words


def bounded_rows(
    tokens: NDArray[np.int32], lengths: NDArray[np.int64], begin: int, end: int
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The same for titles on end, `lengths` words each (titles,), where words are numbers."""
    filled = lengths > 0
    longer = lengths + len(BOUNDARIES) * filled
    ends = longer.cumsum()[filled]
    starts, lasts = ends - longer[filled], ends - 1
    marked = np.empty(int(longer.sum()), dtype=np.int32)
    inside = np.ones(len(marked), dtype=np.bool_)
    inside[starts] = inside[lasts] = False
    marked[inside], marked[starts], marked[lasts] = tokens, begin, end
    return marked, longer
