"""The word vectors of a vocabulary: which words have one, what the others get, and which fraction that covers."""

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
    """The fraction of the corpus tokens (`words`) and of the distinct words (`vocabulary`) that have a vector.

    `uncovered`: the most frequent words without a vector, with their number of occurrences.
    """

    words: float
    vocabulary: float
    uncovered: list[tuple[str, int]]


def blank_vectors(words: int, dimensions: int, unknown: str, seed: int) -> NDArray[np.float32]:
    """Initial vectors (2 + words, dimensions), zeros or drawn from a normal distribution as in the lab."""
    shape = (FIRST_WORD + words, dimensions)
    if unknown == "zeros":
        return np.zeros(shape, dtype=np.float32)
    drawn = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    drawn[PAD] = 0
    return drawn


def coverage_of(
    tokens: NDArray[np.int32], words: Sequence[str], has_vector: NDArray[np.bool_], most_uncovered: int
) -> Coverage:
    """Compute the coverage. Boundary tokens do not count as words.

    Args:
        tokens: The word ids that preprocess wrote. Ids beyond `has_vector` are words outside the vocabulary.
        words: The words of the vocabulary, from id 2.
        has_vector: Whether a word has a vector, by id.
        most_uncovered: The number of words without a vector to list.
    """
    counts = np.zeros(len(has_vector), dtype=np.int64)
    for low in range(0, len(tokens), COUNTED_AT_ONCE):  # bincount converts its input to eight bytes per token
        counts += np.bincount(within(tokens[low : low + COUNTED_AT_ONCE], len(counts)), minlength=len(counts))
    real = np.ones(len(has_vector), dtype=np.bool_)
    real[[id for id, word in enumerate(words, FIRST_WORD) if word in BOUNDARIES]] = False
    boundary_tokens = int(counts[~real].sum())
    missing = np.flatnonzero((~has_vector & real)[FIRST_WORD:]) + FIRST_WORD
    frequent = missing[np.argsort(-counts[missing], kind="stable")][:most_uncovered]
    return Coverage(
        words=float(counts[has_vector & real].sum() / max(1, len(tokens) - boundary_tokens)),
        vocabulary=float(has_vector[real][FIRST_WORD:].mean()) if real[FIRST_WORD:].any() else 0.0,
        uncovered=[(words[index - FIRST_WORD], int(counts[index])) for index in frequent],
    )


def within(tokens: NDArray[np.int32], ids: int) -> NDArray[np.int32]:
    """The tokens, with UNKNOWN in place of every id from `ids` on."""
    return np.where(tokens < ids, tokens, np.int32(UNKNOWN))
