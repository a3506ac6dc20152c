"""A batch of titles on a device in CSR layout: the ids of all titles concatenated, and where each title starts."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class BatchNgrams:
    """The n-grams of a batch; those within a word are listed once per distinct word. Ids are int64, weights float32.

    Distinct word u of the batch owns char_ngrams[char_ngram_offsets[u]:char_ngram_offsets[u + 1]] (its character
    n-grams and the word itself), and the weights likewise; `places` (T,) is the distinct word of each of the T tokens.
    Title b owns word_ngrams[word_ngram_offsets[b]:word_ngram_offsets[b + 1]]. A title's weighted n-grams times its
    scale (B,) form a vector of length 1. For a network with precomputed words only the words outside the vocabulary are
    listed here, and `places` counts the vocabulary's words first.
    """

    places: Tensor
    char_ngrams: Tensor
    char_ngram_offsets: Tensor
    char_ngram_weights: Tensor
    word_ngrams: Tensor
    word_ngram_offsets: Tensor
    word_ngram_weights: Tensor
    scales: Tensor


@dataclass(frozen=True)
class Batch:
    """A batch of titles. Offsets have B + 1 entries, starting with 0; ids are int64; `longest` is in words."""

    tokens: Tensor
    offsets: Tensor
    longest: int
    ngrams: BatchNgrams | None = None
