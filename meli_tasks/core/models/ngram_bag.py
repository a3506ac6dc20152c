"""A title as the weighted sum of its n-grams' vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from meli_tasks.core.data.batch import Batch
from meli_tasks.core.models.sparse_embedding import SparseEmbedding

SPARE_WORDS = 1_024
"""Rows for new words behind the precomputed ones; a batch with more makes room once, at the cost of a copy."""


class NgramBag(nn.Module):
    """The weighted sum of a title's n-gram vectors, then a bias and a ReLU: (B, N).

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
        # A title's weights have length 1, so a sum keeps the vectors' own scale.
        self.table.weight.normal_(0.0, (2.0 / dimensions) ** 0.5)

    @torch.no_grad()
    def precompute(self, ids: Tensor, offsets: Tensor, weights: Tensor) -> None:
        """Keeps the vectors of the vocabulary's words, for batches that list the n-grams of new words only.

        ids, weights (n,) and offsets (words + 1,): the n-grams within each word.
        """
        known = _sums(ids, self.table.weight, offsets, weights)
        self.precomputed_words = len(known)
        self.precomputed = functional.pad(known, (0, 0, 0, SPARE_WORDS))

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(titles (B, N), words (W, N)): a title without n-grams gets what the bias alone gives.

        `words` are the plain sums of the n-grams within each word, which the batch's `places` count.
        """
        ngrams = batch.ngrams
        assert ngrams is not None
        count, word_count = len(ngrams.char_ngrams), len(ngrams.char_ngram_offsets) - 1
        ids = torch.cat([ngrams.char_ngrams, ngrams.word_ngrams])
        weights = self._thinned(torch.cat([ngrams.char_ngram_weights, ngrams.word_ngram_weights]), self.ngram_dropout)
        weights = torch.cat([weights[:count], self._thinned(weights[count:], self.word_dropout)])
        # One sum for words and word n-grams: each of two would have a gradient of the whole table's size.
        offsets = torch.cat([ngrams.char_ngram_offsets, ngrams.word_ngram_offsets[1:] + count])
        if self.training and (self.ngram_dropout or self.word_dropout):  # a row left out costs as much as another
            ids, offsets, weights = _without_zeros(ids, offsets, weights)
        local, vectors = self.table.lookup(ids)
        sums = _sums(local, vectors, offsets, weights)
        words, word_ngrams = sums[:word_count], sums[word_count:]
        if self.precomputed is not None:
            words = self._with_precomputed(words)
        token_weights = self._thinned(words.new_ones(len(ngrams.places)), self.word_dropout)
        total = _sums(ngrams.places, words, batch.offsets, token_weights) + word_ngrams
        return torch.relu(total * ngrams.scales[:, None] + self.bias), words

    def _with_precomputed(self, new: Tensor) -> Tensor:
        """The vocabulary's words and behind them the new ones; the table is written in place, for it is large."""
        assert self.precomputed is not None
        needed = self.precomputed_words + len(new)
        if needed > len(self.precomputed):
            self.precomputed = functional.pad(
                self.precomputed, (0, 0, 0, 2 * needed - len(self.precomputed) - self.precomputed_words)
            )
        self.precomputed[self.precomputed_words : needed] = new
        return self.precomputed

    def _thinned(self, weights: Tensor, share: float) -> Tensor:
        """In training a share of the weights is 0 and the others make up for it."""
        if not share or not self.training:
            return weights
        draw = torch.rand(len(weights), generator=self.generator, device=weights.device)
        return torch.where(draw >= share, weights / (1.0 - share), 0.0)


def _sums(ids: Tensor, vectors: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
    """The weighted sum of each ragged row's vectors: (rows, N)."""
    return functional.embedding_bag(
        ids, vectors, offsets, mode="sum", per_sample_weights=weights, include_last_offset=True
    )


def _without_zeros(ids: Tensor, offsets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The same ragged rows less what weighs nothing."""
    kept = weights != 0
    return ids[kept], functional.pad(kept.cumsum(0), (1, 0))[offsets], weights[kept]
