"""Word vectors of a vocabulary: which rows have one, what the others get, and how much of the titles that covers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meli_tasks.core.text.boundaries import BOUNDARIES
from meli_tasks.core.text.encoder import FIRST_WORD, PAD, UNKNOWN

COUNTED_AT_ONCE = 1 << 20  # tokens


@dataclass(frozen=True)
class Coverage:
    """`words`: share of the running words that have a vector; `vocabulary`: share of the different ones.

    `uncovered`: the most frequent words without one, with how often each occurs.
    """

    words: float
    vocabulary: float
    uncovered: list[tuple[str, int]]


def blank_vectors(words: int, dimensions: int, unknown: str, seed: int) -> NDArray[np.float32]:
    """Rows (2 + words, dimensions) to be overwritten where a vector is known: zeros, or the lab's normal draw."""
    shape = (FIRST_WORD + words, dimensions)
    if unknown == "zeros":
        return np.zeros(shape, dtype=np.float32)
    drawn = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    drawn[PAD] = 0
    return drawn


def coverage_of(tokens: NDArray[np.int32], words: Sequence[str], has_vector: NDArray[np.bool_], shown: int) -> Coverage:
    """Coverage of the titles' words; `tokens` are ids as preprocess wrote them, `has_vector` is by id.

    Ids beyond `has_vector` are words outside the vocabulary. The marks of a title's ends are no words here.
    """
    counts = np.zeros(len(has_vector), dtype=np.int64)
    for low in range(0, len(tokens), COUNTED_AT_ONCE):  # bincount makes its input eight bytes a token
        counts += np.bincount(within(tokens[low : low + COUNTED_AT_ONCE], len(counts)), minlength=len(counts))
    real = np.ones(len(has_vector), dtype=np.bool_)
    real[[id for id, word in enumerate(words, FIRST_WORD) if word in BOUNDARIES]] = False
    marks = int(counts[~real].sum())
    missing = np.flatnonzero((~has_vector & real)[FIRST_WORD:]) + FIRST_WORD
    frequent = missing[np.argsort(-counts[missing], kind="stable")][:shown]
    return Coverage(
        words=float(counts[has_vector & real].sum() / max(1, len(tokens) - marks)),
        vocabulary=float(has_vector[real][FIRST_WORD:].mean()) if real[FIRST_WORD:].any() else 0.0,
        uncovered=[(words[index - FIRST_WORD], int(counts[index])) for index in frequent],
    )


def within(tokens: NDArray[np.int32], ids: int) -> NDArray[np.int32]:
    """The tokens with UNKNOWN in place of every id from `ids` on."""
    return np.where(tokens < ids, tokens, np.int32(UNKNOWN))
