"""A table of vectors of which a batch touches few."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SparseEmbedding(nn.Module):
    """Vectors by id, of which a batch touches few: gradient and optimiser see those rows only.

    `lookup` in training gives a small leaf tensor of the distinct rows and the ids into it; after the backward pass
    `gradient` tells the optimiser which rows and how. With `every_row` those are all that train, as the lab's dense
    Adam had it. Only ids under `trained` (and not the padding, id 0, when `padding`) ever change.
    """

    weight: Tensor

    def __init__(
        self, rows: int, dimensions: int, *, trained: int, every_row: bool = False, padding: bool = False
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(rows, dimensions), requires_grad=False)
        self.trained = min(trained, rows)
        self.awake = True
        self.every_row = every_row
        self.padding = padding
        self._touched: tuple[Tensor, Tensor] | None = None
        self._rounded: tuple[int, Tensor] | None = None

    def lookup(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Ids (any shape) -> (ids into the second, vectors (rows, dimensions))."""
        self._touched = None
        if not (self.training and torch.is_grad_enabled() and self.awake and self.trained):
            return ids, self.weight
        if self.every_row:
            leaf = self.weight.detach().requires_grad_()
            self._rounded = None  # torch's fused step moves the table without a word
            self._touched = (torch.arange(self.trained, device=ids.device), leaf)
            return ids, leaf
        rows, local = distinct_of(ids, len(self.weight))
        leaf = self.weight.index_select(0, rows).requires_grad_()
        self._touched = (rows, leaf)
        return local, leaf

    def rounded(self, dtype: torch.dtype) -> Tensor:
        """The whole table in another precision, made again only when the table has changed."""
        version = self.weight._version
        if self._rounded is None or self._rounded[0] != version or self._rounded[1].dtype != dtype:
            self._rounded = (version, self.weight.detach().to(dtype))
        return self._rounded[1]

    def trained_part(self) -> Tensor:
        """The rows that may change, sharing memory with the table."""
        return self.weight.detach()[int(self.padding) : self.trained]

    def gradient(self) -> tuple[Tensor, Tensor] | None:
        """(distinct rows (n,), their gradient (n, dimensions)) of the last backward pass; None when nothing trains."""
        if self._touched is None or self._touched[1].grad is None:
            return None
        rows, gradient = self._touched[0], self._touched[1].grad
        # Rows ascend: those that may not change are a prefix (padding) and a suffix (beyond `trained`).
        first, last = int(self.padding), self.trained
        if not self.every_row:
            if not self.padding and last == len(self.weight):
                return rows, gradient
            first, last = torch.searchsorted(rows, torch.tensor([first, last], device=rows.device)).tolist()
        return rows[first:last], gradient[first:last]

    def forget(self) -> None:
        """Lets go of the last lookup."""
        self._touched = None

    def current(self, rows: Tensor) -> Tensor:
        """The vectors of these rows (n, dimensions): what the last lookup gathered, if it was for them."""
        if self._touched is not None and self._touched[0] is rows:
            return self._touched[1].detach()
        return self.weight.index_select(0, rows)


def distinct_of(ids: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Ids below `count` (any shape) -> (the distinct ones, ascending; each id's position among those)."""
    # A flag a row and a running count instead of a sort: exact, and cheap beside the vectors themselves.
    seen = torch.zeros(count, dtype=torch.bool, device=ids.device)
    seen[ids.reshape(-1)] = True
    rows = seen.nonzero().squeeze(1)
    position = torch.empty(count, dtype=torch.int64, device=ids.device)
    position[rows] = torch.arange(len(rows), device=ids.device)
    return rows, position[ids]
