"""Encoded titles on a device. The whole data set is kept there, and batches are gathered from it there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from meli_tasks.core.data.batch import Batch, BatchNgrams
from meli_tasks.core.data.batch_groups import (
    keys_of,
    number_of,
    numbers_of_distinct,
    offsets_of,
    owners_and_ids,
    owners_of,
    places_of,
    sums_of,
)
from meli_tasks.core.data.host_waits import host_waits

UNKNOWN_WORD = 1
TITLES_AT_ONCE = 1 << 20  # bounds the memory for computing the scales

BATCHES_AT_ONCE = {"cpu": 1, "cuda": 64}
"""Batches that are gathered together. The host waits for the sizes of their parts, which on a GPU must be rare; on the
CPU it waits for nothing, and a single batch stays in the cache."""
MAX_TITLES_AT_ONCE = 65_536  # bounds the memory of the batches that are gathered together: 1 KB a title with n-grams


def gathers_groups(device: torch.device) -> bool:
    """Whether this device gathers several batches at once, with bounds on what the host must not read from it."""
    return BATCHES_AT_ONCE[device.type] > 1


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

    def lengths(self, rows: Tensor) -> Tensor:
        """The number of ids of each of these rows."""
        return self.offsets[rows + 1] - self.offsets[rows]

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

    def gather(self, rows: Tensor, tokens: Tensor, owner: Tensor, words: Sequence[int], size: int) -> list[BatchNgrams]:
        """The n-grams of consecutive batches. The host waits for the sizes of their parts.

        Args:
            rows: The titles of all batches.
            tokens: The word ids of all their tokens (T,).
            owner: The batch of each token (T,).
            words: The number of tokens of each batch.
            size: Titles per batch; the last may have fewer.
        """
        batches, table = len(words), self.char_ngrams.rows
        keys, places = torch.unique(keys_of(tokens, owner, table, batches), return_inverse=True)
        of_batch, distinct = owners_and_ids(keys, table, batches)
        sizes = self.char_ngrams.lengths(distinct)
        distinct_words, totals = number_of(of_batch, batches), sums_of(sizes, of_batch, batches)
        word_ngram_totals = [int(part.sum()) for part in torch.split(self.word_ngrams.lengths(rows).cpu(), size)]
        ids, offsets = self.char_ngrams.gather(distinct, sum(totals))
        word_ngrams, word_ngram_offsets = self.word_ngrams.gather(rows, sum(word_ngram_totals))
        bounds: Sequence[int | None] = [None] * batches
        if gathers_groups(tokens.device):
            of_ids = torch.repeat_interleave(of_batch, sizes, output_size=len(ids))
            owners = torch.cat([of_ids, owners_of(word_ngram_totals, ids.device)])
            bounds = numbers_of_distinct(torch.cat([ids, word_ngrams]), owners, len(self.weights), batches)
        titles = [len(part) for part in torch.split(rows, size)]
        parts = zip(
            torch.split(places_of(places, owner, distinct_words), list(words)),
            torch.split(ids, totals), offsets_of(offsets, distinct_words), torch.split(self.weights[ids], totals),
            torch.split(word_ngrams, word_ngram_totals), offsets_of(word_ngram_offsets, titles),
            torch.split(self.weights[word_ngrams], word_ngram_totals),
            torch.split(self.scales[rows], size), bounds, strict=True,
        )  # fmt: skip
        return [BatchNgrams(*part) for part in parts]


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
        at_once = max(1, min(BATCHES_AT_ONCE[order.device.type], MAX_TITLES_AT_ONCE // size))
        for rows in torch.split(order, size * at_once):
            if len(rows):
                with host_waits(f"once per {at_once} batches, for the sizes of their parts"):
                    batches = self._gathered(rows, size)
                yield from zip(torch.split(rows, size), batches, strict=True)

    def _gathered(self, rows: Tensor, size: int) -> list[Batch]:
        """Consecutive batches of `size` titles, with what the host must know of their sizes."""
        lengths = np.split(self.words.lengths(rows).cpu().numpy(), range(size, len(rows), size))
        words = [int(part.sum()) for part in lengths]
        ids, offsets = self.words.gather(rows, sum(words))
        tokens = torch.where(ids < self.vocabulary, ids, UNKNOWN_WORD)
        owner = owners_of(words, rows.device)
        ngrams: Sequence[BatchNgrams | None] = [None] * len(words)
        bounds: Sequence[int | None] = [None] * len(words)
        if self.ngrams is not None:
            ngrams = self.ngrams.gather(rows, ids, owner, words, size)
        if gathers_groups(rows.device):
            bounds = numbers_of_distinct(tokens, owner, self.vocabulary, len(words))
        parts = zip(
            torch.split(tokens, words), offsets_of(offsets, [len(part) for part in lengths]),
            [int(part.max()) for part in lengths], ngrams, lengths, bounds, strict=True,
        )  # fmt: skip
        return [Batch(*part) for part in parts]


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
