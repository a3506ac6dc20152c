"""A title as the weighted sum of its n-gram vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from meli_tasks.core.data.batch import Batch
from meli_tasks.core.data.host_waits import host_waits
from meli_tasks.core.models.sparse_embedding import SparseEmbedding

SPARE_WORDS = 1_024
"""Rows reserved for new words after the precomputed ones; a batch with more of them grows the table by a copy."""


class NgramBag(nn.Module):
    """The weighted sum of a title's n-gram vectors, followed by a bias and a ReLU: (B, N).

    Character n-grams are summed once per distinct word of the batch, not once per title. Word dropout drops words (with
    all their n-grams) and word n-grams from titles during training, n-gram dropout drops n-grams from words.
    """

    def __init__(
        self, count: int, dimensions: int, ngram_dropout: float, word_dropout: float, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.table = SparseEmbedding(count, dimensions, trained=count)
        self.bias = nn.Parameter(torch.zeros(dimensions))
        self.ngram_dropout = ngram_dropout
        self.word_dropout = word_dropout
        self.generator = generator
        self.precomputed: Tensor | None = None
        self.precomputed_words = 0
        # A title's weights have norm 1, so a sum keeps the scale of the vectors.
        self.table.weight.normal_(0.0, (2.0 / dimensions) ** 0.5)

    @torch.no_grad()
    def precompute(self, ids: Tensor, offsets: Tensor, weights: Tensor) -> None:
        """Precompute the sums of the vocabulary's words, for batches that list only the n-grams of new words.

        ids, weights (n,) and offsets (words + 1,): the n-grams within each word.
        """
        known = _sums(ids, self.table.weight, offsets, weights)
        self.precomputed_words = len(known)
        self.precomputed = functional.pad(known, (0, 0, 0, SPARE_WORDS))

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(titles (B, N), words (W, N)). For a title without n-grams, only the bias counts.

        `words` are the unscaled sums of the n-grams within each word, to which the batch's `places` refer.
        """
        ngrams = batch.ngrams
        assert ngrams is not None
        count, word_count = len(ngrams.char_ngrams), len(ngrams.char_ngram_offsets) - 1
        ids = torch.cat([ngrams.char_ngrams, ngrams.word_ngrams])
        weights = self._dropout(torch.cat([ngrams.char_ngram_weights, ngrams.word_ngram_weights]), self.ngram_dropout)
        weights = torch.cat([weights[:count], self._dropout(weights[count:], self.word_dropout)])
        # One sum for words and word n-grams: each of two would have a gradient of the whole table's size.
        offsets = torch.cat([ngrams.char_ngram_offsets, ngrams.word_ngram_offsets[1:] + count])
        kept = None
        if self.training and (self.ngram_dropout or self.word_dropout):
            if self.table.bounded:
                kept = weights != 0
            else:  # a dropped row costs as much as any other
                ids, offsets, weights = _without_zeros(ids, offsets, weights)
        local, vectors = self.table.lookup(ids, ngrams.distinct, kept)
        sums = _sums(local, vectors, offsets, weights)
        words, word_ngrams = sums[:word_count], sums[word_count:]
        if self.precomputed is not None:
            words = self._with_precomputed(words)
        token_weights = self._dropout(words.new_ones(len(ngrams.places)), self.word_dropout)
        total = _sums(ngrams.places, words, batch.offsets, token_weights) + word_ngrams
        return torch.relu(total * ngrams.scales[:, None] + self.bias), words

    def _with_precomputed(self, new: Tensor) -> Tensor:
        """The vocabulary's words followed by the new ones, written in place because the table is large."""
        assert self.precomputed is not None
        needed = self.precomputed_words + len(new)
        if needed > len(self.precomputed):
            self.precomputed = functional.pad(
                self.precomputed, (0, 0, 0, 2 * needed - len(self.precomputed) - self.precomputed_words)
            )
        self.precomputed[self.precomputed_words : needed] = new
        return self.precomputed

    def _dropout(self, weights: Tensor, probability: float) -> Tensor:
        """Dropout on weights: in training some become 0, and the others are scaled up to keep the mean."""
        if not probability or not self.training:
            return weights
        draw = torch.rand(len(weights), generator=self.generator, device=weights.device)
        return torch.where(draw >= probability, weights / (1.0 - probability), 0.0)


def _sums(ids: Tensor, vectors: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
    """The weighted sum of the vectors of each ragged row: (rows, N)."""
    return functional.embedding_bag(
        ids, vectors, offsets, mode="sum", per_sample_weights=weights, include_last_offset=True
    )


def _without_zeros(ids: Tensor, offsets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The same ragged rows without the entries of weight 0. The host has to read their number from the device."""
    with host_waits("every step, on the CPU and in groups of processes"):
        kept = weights != 0
        return ids[kept], functional.pad(kept.cumsum(0), (1, 0))[offsets], weights[kept]
