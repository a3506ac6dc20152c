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
    longer = lengths + 2 * (lengths > 0)
    ends = longer.cumsum()[lengths > 0]
    starts = ends - longer[lengths > 0]
    marked = np.full(int(longer.sum()), -1, dtype=np.int32)
    marked[starts] = begin
    marked[ends - 1] = end
    inside = np.ones(len(marked), dtype=np.bool_)
    inside[starts] = inside[ends - 1] = False
    marked[inside] = tokens
    return marked, longer
