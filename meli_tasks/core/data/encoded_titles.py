"""Encoded titles on a device. The whole data set is kept there, and batches are gathered from it there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from meli_tasks.core.data.batch import Batch, BatchNgrams

UNKNOWN_WORD = 1
TITLES_AT_ONCE = 1 << 20  # bounds the memory for computing the scales

Ragged = tuple[NDArray[np.int32], NDArray[np.int64]]
"""Ragged rows: (values, offsets (rows + 1,))."""


@dataclass(frozen=True)
class Csr:
    """Ragged rows of ids: row i is ids[offsets[i]:offsets[i + 1]]."""

    ids: Tensor
    offsets: Tensor

    @classmethod
    def of(cls, ragged: Ragged, device: str) -> Csr:
        """From arrays, which may be memory-mapped."""
        return cls(_tensor(ragged[0], device), _tensor(ragged[1], device))

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.offsets) - 1

    def part(self, low: int, high: int) -> Csr:
        """The rows from `low` up to, but not including, `high`."""
        offsets = self.offsets[low : high + 1]
        return Csr(self.ids[int(offsets[0]) : int(offsets[-1])], offsets - offsets[0])

    def gather(self, rows: Tensor, total: int) -> tuple[Tensor, Tensor]:
        """Some rows -> (ids int64, offsets). `total`: their number of ids, so that the host need not wait."""
        starts = self.offsets[rows]
        lengths = self.offsets[rows + 1] - starts
        offsets = functional.pad(lengths.cumsum(0), (1, 0))
        shift = torch.repeat_interleave(starts - offsets[:-1], lengths, output_size=total)
        index = torch.arange(total, device=rows.device) + shift
        return self.ids.index_select(0, index).long(), offsets


@dataclass(frozen=True)
class TitleNgrams:
    """The n-grams of titles.

    `char_ngrams` by word id, `word_ngrams` by title, `weights` by n-gram id, `scales` by title (see `scales_of`).
    """

    char_ngrams: Csr
    word_ngrams: Csr
    weights: Tensor
    scales: Tensor

    @classmethod
    def of(cls, words: Csr, char_ngrams: Csr, word_ngrams: Csr, weights: Tensor) -> TitleNgrams:
        """Compute the scales."""
        squares = squares_of(char_ngrams, weights)
        scales = [
            scales_of(words.part(low, high), squares, word_ngrams.part(low, high), weights)
            for low, high in pairwise([*range(0, words.rows, TITLES_AT_ONCE), words.rows])
        ]
        return cls(char_ngrams, word_ngrams, weights, torch.cat(scales) if scales else weights[:0])

    def gather(self, rows: Tensor, tokens: Tensor, word_ngram_total: int) -> BatchNgrams:
        """The n-grams of a batch, from the `rows` of its titles and the word ids of all its tokens."""
        words, places = torch.unique(tokens, return_inverse=True)
        char_ngram_total = int((self.char_ngrams.offsets[words + 1] - self.char_ngrams.offsets[words]).sum())
        ids, offsets = self.char_ngrams.gather(words, char_ngram_total)
        word_ngrams, word_ngram_offsets = self.word_ngrams.gather(rows, word_ngram_total)
        weights, scales = self.weights, self.scales[rows]
        return BatchNgrams(
            places, ids, offsets, weights[ids], word_ngrams, word_ngram_offsets, weights[word_ngrams], scales
        )


@dataclass(frozen=True)
class EncodedTitles:
    """Titles as integers on one device, with their categories (all 0 if unknown).

    Word ids from `vocabulary` on are outside the vocabulary and have only n-grams.
    """

    words: Csr
    labels: Tensor
    reliable: Tensor
    vocabulary: int
    ngrams: TitleNgrams | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def from_arrays(
        cls,
        words: Ragged,
        vocabulary: int,
        ngrams: tuple[Ragged, Ragged, NDArray[np.float32]] | None = None,
        labels: NDArray[np.int32] | None = None,
        reliable: NDArray[np.bool_] | None = None,
        *,
        device: str = "cpu",
    ) -> EncodedTitles:
        """From the arrays of the stage preprocess, which may be memory-mapped, to tensors on `device`.

        `vocabulary`: rows of the table of word vectors. `ngrams`: the character n-grams of each word
        id, the word n-grams of each title, and the weight of each n-gram.
        """
        rows = len(words[1]) - 1
        tokens = Csr.of(words, device)
        return cls(
            words=tokens,
            labels=torch.zeros(rows, dtype=torch.int64, device=device)
            if labels is None
            else _tensor(labels, device).long(),
            reliable=torch.ones(rows, dtype=torch.bool, device=device)
            if reliable is None
            else _tensor(reliable, device),
            vocabulary=vocabulary,
            ngrams=None
            if ngrams is None
            else TitleNgrams.of(
                tokens, Csr.of(ngrams[0], device), Csr.of(ngrams[1], device), _tensor(ngrams[2], device)
            ),
        )

    def batches(self, order: Tensor, size: int) -> Iterator[tuple[Tensor, Batch]]:
        """Yield (rows, batch) pairs of `size` titles each, in this order."""
        if not len(order):
            return
        chunks = torch.split(order, size)
        lengths = self.words.offsets.diff()[order]
        # One transfer per epoch gives the host the sizes of all batches.
        longest = torch.stack([part.max() for part in torch.split(lengths, size)]).tolist()
        words = torch.stack([part.sum() for part in torch.split(lengths, size)]).tolist()
        word_ngrams = [0] * len(chunks)
        if self.ngrams is not None:
            lengths = self.ngrams.word_ngrams.offsets.diff()[order]
            word_ngrams = torch.stack([part.sum() for part in torch.split(lengths, size)]).tolist()
        for rows, width, word_total, word_ngram_total in zip(chunks, longest, words, word_ngrams, strict=True):
            tokens, offsets = self.words.gather(rows, word_total)
            batch = Batch(torch.where(tokens < self.vocabulary, tokens, UNKNOWN_WORD), offsets, width)
            if self.ngrams is not None:
                batch = replace(batch, ngrams=self.ngrams.gather(rows, tokens, word_ngram_total))
            yield rows, batch


def squares_of(char_ngrams: Csr, weights: Tensor) -> Tensor:
    """The sum of the squared weights of each word's n-grams: (words,)."""
    return _sums(weights[char_ngrams.ids].square(), char_ngrams.offsets)


def scales_of(words: Csr, squares: Tensor, word_ngrams: Csr, weights: Tensor) -> Tensor:
    """The inverse norm of each title's weighted n-grams, as if all were distinct; 0 without n-grams: (titles,).

    `squares` are by word, from `squares_of`.
    """
    total = _sums(squares[words.ids], words.offsets) + _sums(weights[word_ngrams.ids].square(), word_ngrams.offsets)
    return torch.where(total > 0, total.rsqrt(), 0.0)


def _tensor(array: NDArray[np.generic], device: str) -> Tensor:
    # A copy, because torch may not share memory that is mapped read-only.
    return torch.from_numpy(np.array(array)).to(device)


def _sums(values: Tensor, offsets: Tensor) -> Tensor:
    """The sum of each ragged row: (rows,)."""
    ends = functional.pad(values.double().cumsum(0), (1, 0))[offsets]
    return ends.diff().float()
