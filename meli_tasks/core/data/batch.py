"""A batch of titles on a device in CSR layout: the ids of all titles concatenated, and where each title starts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class BatchNgrams:
    """The n-grams of a batch; those within a word are listed once per distinct word. Ids are int64, weights float32.

    Distinct word u of the batch owns char_ngrams[char_ngram_offsets[u]:char_ngram_offsets[u + 1]] (its character
    n-grams and the word itself), and the weights likewise; `places` (T,) is the distinct word of each of the T tokens.
    Title b owns word_ngrams[word_ngram_offsets[b]:word_ngram_offsets[b + 1]]. A title's weighted n-grams times its
    scale (B,) form a vector of length 1. For a network with precomputed words only the words outside the vocabulary are
    listed here, and `places` counts the vocabulary's words first. `distinct` is the number of distinct n-grams, which
    the host knows on a GPU only, where it must not wait for it.
    """

    places: Tensor
    char_ngrams: Tensor
    char_ngram_offsets: Tensor
    char_ngram_weights: Tensor
    word_ngrams: Tensor
    word_ngram_offsets: Tensor
    word_ngram_weights: Tensor
    scales: Tensor
    distinct: int | None = None


@dataclass(frozen=True)
class Batch:
    """A batch of titles. Offsets have B + 1 entries, starting with 0; ids are int64; `longest` is in words.

    What the host knows of it, so that it need not wait for the device: `lengths` (B,) of the titles in words, and
    `distinct`, the number of distinct tokens. They may be None on the CPU.
    """

    tokens: Tensor
    offsets: Tensor
    longest: int
    ngrams: BatchNgrams | None = None
    lengths: NDArray[np.int64] | None = None
    distinct: int | None = None
