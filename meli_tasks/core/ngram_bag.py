"""A title as the weighted sum of its n-grams' vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from meli_tasks.core.batch import Batch
from meli_tasks.core.row_table import RowTable


class NgramBag(nn.Module):
    """The weighted sum of a title's n-gram vectors, then a bias and a ReLU: (B, N)."""

    def __init__(self, count: int, dimensions: int, dropout: float, generator: torch.Generator) -> None:
        super().__init__()
        self.table = RowTable(count, dimensions, trained=count)
        self.bias = nn.Parameter(torch.zeros(dimensions))
        self.dropout = dropout
        self.generator = generator
        # A title's values have norm 1, so a sum keeps the vectors' own scale.
        self.table.weight.normal_(0.0, (2.0 / dimensions) ** 0.5)

    def forward(self, batch: Batch) -> Tensor:
        """(B, N); a title without n-grams gets what the bias alone gives."""
        ids, offsets, values = batch.ngrams, batch.ngram_offsets, batch.ngram_values
        assert ids is not None and offsets is not None and values is not None
        if self.dropout and self.training:
            draw = torch.rand(len(ids), generator=self.generator, device=ids.device)
            kept = (draw >= self.dropout).nonzero().squeeze(1)
            offsets = torch.searchsorted(kept, offsets)
            ids, values = ids[kept], values[kept] / (1.0 - self.dropout)
        local, vectors = self.table.lookup(ids)
        total = functional.embedding_bag(
            local, vectors, offsets, mode="sum", per_sample_weights=values, include_last_offset=True
        )
        return torch.relu(total + self.bias)
