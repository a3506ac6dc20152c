"""Encoded titles on a device: the whole set lives there, and a batch is formed there by gathering from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from meli_tasks.core.batch import Batch


@dataclass(frozen=True)
class Csr:
    """Rows of different lengths, flat: row i is values[offsets[i]:offsets[i + 1]]."""

    ids: Tensor
    offsets: Tensor
    weights: Tensor | None = None

    def gather(self, rows: Tensor, total: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """Some rows -> (ids int64, offsets, weights); `total` is how many ids they hold, known without a sync."""
        starts = self.offsets[rows]
        lengths = self.offsets[rows + 1] - starts
        offsets = functional.pad(lengths.cumsum(0), (1, 0))
        shift = torch.repeat_interleave(starts - offsets[:-1], lengths, output_size=total)
        index = torch.arange(total, device=rows.device) + shift
        weights = None if self.weights is None else self.weights.index_select(0, index)
        return self.ids.index_select(0, index).long(), offsets, weights


@dataclass(frozen=True)
class EncodedTitles:
    """Titles as integers on one device, with their categories (all zeros when unknown)."""

    words: Csr
    labels: Tensor
    reliable: Tensor
    ngrams: Csr | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def from_arrays(
        cls,
        words: tuple[NDArray[np.int32], NDArray[np.int64]],
        ngrams: tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.float32]] | None = None,
        labels: NDArray[np.int32] | None = None,
        reliable: NDArray[np.bool_] | None = None,
        *,
        device: str = "cpu",
    ) -> EncodedTitles:
        """Arrays of the preprocess stage (memory-mapped ones too) -> tensors on `device`.

        `words`: ids and offsets. `ngrams`: ids, offsets and values.
        """

        def tensor(array: NDArray[np.generic]) -> Tensor:
            # A copy: torch may not share memory that is mapped read-only.
            return torch.from_numpy(np.array(array)).to(device)

        rows = len(words[1]) - 1
        return cls(
            words=Csr(tensor(words[0]), tensor(words[1])),
            labels=torch.zeros(rows, dtype=torch.int64, device=device) if labels is None else tensor(labels).long(),
            reliable=torch.ones(rows, dtype=torch.bool, device=device) if reliable is None else tensor(reliable),
            ngrams=None if ngrams is None else Csr(tensor(ngrams[0]), tensor(ngrams[1]), tensor(ngrams[2])),
        )

    def batches(self, order: Tensor, size: int) -> Iterator[tuple[Tensor, Batch]]:
        """(rows, batch) after (rows, batch), `size` titles each, in this order."""
        if not len(order):
            return
        chunks = torch.split(order, size)
        lengths = self.words.offsets.diff()[order]
        # One transfer an epoch tells the host every batch's size.
        longest = torch.stack([part.max() for part in torch.split(lengths, size)]).tolist()
        words = torch.stack([part.sum() for part in torch.split(lengths, size)]).tolist()
        ngrams = [0] * len(chunks)
        if self.ngrams is not None:
            lengths = self.ngrams.offsets.diff()[order]
            ngrams = torch.stack([part.sum() for part in torch.split(lengths, size)]).tolist()
        for rows, width, word_total, ngram_total in zip(chunks, longest, words, ngrams, strict=True):
            tokens, offsets, _ = self.words.gather(rows, word_total)
            batch = Batch(tokens, offsets, width)
            if self.ngrams is not None:
                ids, ngram_offsets, values = self.ngrams.gather(rows, ngram_total)
                batch = replace(batch, ngrams=ids, ngram_offsets=ngram_offsets, ngram_values=values)
            yield rows, batch
