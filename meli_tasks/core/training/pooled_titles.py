"""Titles as a network sees them that never changes a word vector: one vector each, made once and not every epoch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from meli_tasks.core.data.batch import Batch
from meli_tasks.core.data.encoded_titles import EncodedTitles
from meli_tasks.core.models.networks import MLP, PooledBatch, TitleNetwork

TITLES_AT_ONCE = 8_192
MOST_BYTES = {"cpu": 2 * 1024**3, "cuda": 16 * 1024**3}
"""Vectors of more titles than this holds are not kept but pooled anew with every batch."""


@dataclass(frozen=True)
class PooledTitles:
    """`vectors` (titles, dimensions) float32: the sum of each title's words, or their mean when `sizes` is None.

    `sizes` (titles,): words a title, for the lab's mean over the longest title of a batch.
    """

    vectors: Tensor
    labels: Tensor
    reliable: Tensor
    sizes: Tensor | None

    def __len__(self) -> int:
        return len(self.labels)

    def batches(self, order: Tensor, size: int) -> Iterator[tuple[Tensor, PooledBatch]]:
        """(rows, batch) after (rows, batch), `size` titles each, in this order."""
        chunks = torch.split(order, size)
        longest = [1] * len(chunks)
        if self.sizes is not None and len(order):
            longest = torch.stack([part.max() for part in torch.split(self.sizes[order], size)]).tolist()
        for rows, width in zip(chunks, longest, strict=True):
            if len(rows):
                yield rows, PooledBatch(self.vectors.index_select(0, rows), width)


Titles = EncodedTitles | PooledTitles
"""What a loop can take batches from: both have labels, reliable, a length and `batches`."""

AnyBatch = Batch | PooledBatch


def pooled_once(network: TitleNetwork, titles: EncodedTitles) -> Titles:
    """The titles pooled, where the network's words are frozen and it has nothing else to look at; else as they are."""
    if not isinstance(network, MLP) or network.words.trained or network.ngrams is not None:
        return titles
    vectors = network.words.weight
    if len(titles) * vectors.shape[1] * vectors.element_size() > MOST_BYTES[vectors.device.type]:
        return titles
    try:
        pooled = vectors.new_empty(len(titles), vectors.shape[1])
    except torch.OutOfMemoryError:  # a shared card: they are pooled anew with every batch
        return titles
    everything = torch.arange(len(titles), device=vectors.device)
    with torch.no_grad():
        for rows, batch in titles.batches(everything, TITLES_AT_ONCE):
            pooled[rows] = network.pooled_words(batch)
    sizes = titles.words.offsets.diff() if network.params.mean_over_padding else None
    return PooledTitles(pooled, titles.labels, titles.reliable, sizes)
