"""Titles as arrays of word ids, with the lengths and word frequencies of real ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meli_tasks.core.data.encoded_titles import EncodedTitles

WORDS, CATEGORIES = 50_000, 632
# Fitted to the Spanish titles of the challenge, in the lab's tokens.
LENGTH_FRACTIONS = (0.0, 0.005, 0.038, 0.086, 0.13, 0.188, 0.239, 0.201, 0.092, 0.019, 0.002)
ZIPF_EXPONENT, ZIPF_SHIFT = 1.2, 120.0


@dataclass(frozen=True)
class Rows:
    """Generated titles: token ids from 2 (0 is padding, 1 unknown), offsets, categories."""

    tokens: NDArray[np.int32]
    offsets: NDArray[np.int64]
    labels: NDArray[np.int32]

    def titles(self) -> EncodedTitles:
        """The titles as the train stage holds them."""
        return EncodedTitles.from_arrays((self.tokens, self.offsets), WORDS + 2, labels=self.labels)


def generated_rows(number: int, seed: int = 1, words: int = WORDS) -> Rows:
    """Titles with the lengths and word frequencies of real ones; the first word determines the category."""
    random = np.random.default_rng(seed)
    fractions = np.array(LENGTH_FRACTIONS)
    lengths = random.choice(len(fractions), size=number, p=fractions / fractions.sum())
    tokens = generated_ids(int(lengths.sum()), words, random) + np.int32(2)
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    return Rows(tokens, offsets, (tokens[offsets[:-1]] % CATEGORIES).astype(np.int32))


def generated_ids(number: int, count: int, random: np.random.Generator) -> NDArray[np.int32]:
    """Ids below `count` with the frequencies of words: the small ones are the frequent ones."""
    frequency = (np.arange(1, count + 1) + ZIPF_SHIFT) ** -ZIPF_EXPONENT
    drawn = np.searchsorted(np.cumsum(frequency / frequency.sum()), random.random(number))
    ids: NDArray[np.int32] = np.minimum(drawn, count - 1).astype(np.int32)
    return ids
