"""Word vectors of a vocabulary: which rows have one, what the others get, and how much of the titles that covers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meli_tasks.core.text import FIRST_WORD, PAD


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
    """Coverage of the titles' words; `tokens` are ids as the encoder gives them, `has_vector` is by id."""
    counts = np.bincount(tokens, minlength=len(has_vector))
    missing = np.flatnonzero(~has_vector[FIRST_WORD:]) + FIRST_WORD
    frequent = missing[np.argsort(-counts[missing], kind="stable")][:shown]
    return Coverage(
        words=float(counts[has_vector].sum() / max(1, counts.sum())),
        vocabulary=float(has_vector[FIRST_WORD:].mean()) if len(words) else 0.0,
        uncovered=[(words[index - FIRST_WORD], int(counts[index])) for index in frequent],
    )
