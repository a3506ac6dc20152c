"""Titles pooled to one vector each, computed a single time instead of every epoch, for frozen word vectors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from meli_tasks.core.data.batch import Batch
from meli_tasks.core.data.encoded_titles import EncodedTitles
from meli_tasks.core.data.host_waits import host_waits
from meli_tasks.core.models.networks import MLP, PooledBatch, TitleNetwork

TITLES_AT_ONCE = 8_192
MAX_BYTES = {"cpu": 2 * 1024**3, "cuda": 16 * 1024**3}
"""Titles whose vectors would take more memory are pooled again with every batch instead."""


@dataclass(frozen=True)
class PooledTitles:
    """`vectors` (titles, dimensions) float32: the sum of each title's word vectors, or their mean if `sizes` is None.

    `sizes` (titles,): words per title, for the lab's mean over the longest title of a batch.
    """

    vectors: Tensor
    labels: Tensor
    reliable: Tensor
    sizes: Tensor | None

    def __len__(self) -> int:
        return len(self.labels)

    def batches(self, order: Tensor, size: int) -> Iterator[tuple[Tensor, PooledBatch]]:
        """Yield (rows, batch) pairs of `size` titles each, in this order."""
        chunks = torch.split(order, size)
        longest = [1] * len(chunks)
        if self.sizes is not None and len(order):
            with host_waits("once per epoch: the longest title of each batch"):
                longest = largest_of_batches(self.sizes[order], size)
        for rows, width in zip(chunks, longest, strict=True):
            if len(rows):
                yield rows, PooledBatch(self.vectors.index_select(0, rows), width)


def largest_of_batches(values: Tensor, size: int) -> list[int]:
    """The largest of each `size` consecutive integers; in one operation, as an epoch has tens of thousands of steps."""
    at = range(0, len(values), size)
    largest: list[int] = np.maximum.reduceat(values.cpu().numpy(), at).tolist()
    return largest


Titles = EncodedTitles | PooledTitles
"""What the training loop takes batches from."""

AnyBatch = Batch | PooledBatch


def pool_if_frozen(network: TitleNetwork, titles: EncodedTitles) -> Titles:
    """The titles, pooled if the network's word vectors are frozen and its only input; otherwise unchanged."""
    if not isinstance(network, MLP) or network.words.trained or network.ngrams is not None:
        return titles
    vectors = network.words.weight
    if len(titles) * vectors.shape[1] * vectors.element_size() > MAX_BYTES[vectors.device.type]:
        return titles
    try:
        pooled = vectors.new_empty(len(titles), vectors.shape[1])
    except torch.OutOfMemoryError:  # a shared GPU: they are pooled again with every batch
        return titles
    everything = torch.arange(len(titles), device=vectors.device)
    with torch.no_grad():
        for rows, batch in titles.batches(everything, TITLES_AT_ONCE):
            pooled[rows] = network.pooled_words(batch)
    sizes = titles.words.offsets.diff() if network.params.mean_over_padding else None
    return PooledTitles(pooled, titles.labels, titles.reliable, sizes)
