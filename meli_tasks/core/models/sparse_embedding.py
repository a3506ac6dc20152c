"""An embedding table of which each batch touches few rows."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SparseEmbedding(nn.Module):
    """Vectors by id; the gradient and the optimizer see only the rows that a batch touches.

    During training `lookup` returns a small leaf tensor of the distinct rows and the ids as positions in it; after the
    backward pass, `gradient` returns these rows and their gradient. With `every_row` these are all rows that train, as
    with the lab's dense Adam. Only ids below `trained` ever change (and not id 0, the padding, if `padding`).

    torch's `nn.Embedding(sparse=True)` would give a sparse gradient with one entry per occurrence, which has to be
    coalesced (sorted) at every step.
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
        self._rounded: Tensor | None = None
        self.register_load_state_dict_post_hook(  # type: ignore[no-untyped-call]
            lambda module, _keys: module.weight_changed()
        )

    def lookup(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Ids (any shape) -> (positions in the second, vectors (rows, dimensions))."""
        self._touched = None
        if self.weight.dtype == torch.half:  # still in its file, of which only these rows are read
            rows, local = torch.unique(ids, return_inverse=True)
            return local, self.weight.index_select(0, rows).float()
        if not (self.training and torch.is_grad_enabled() and self.awake and self.trained):
            return ids, self.weight
        self.weight_changed()  # by the step that follows
        if self.every_row:
            leaf = self.weight.detach().requires_grad_()
            self._touched = (torch.arange(self.trained, device=ids.device), leaf)
            return ids, leaf
        rows, local = distinct_of(ids, len(self.weight))
        leaf = self.weight.index_select(0, rows).requires_grad_()
        self._touched = (rows, leaf)
        return local, leaf

    def rounded(self, dtype: torch.dtype) -> Tensor:
        """The whole table in another precision, cached until the table changes."""
        if self._rounded is None or self._rounded.dtype != dtype or self._rounded.device != self.weight.device:
            self._rounded = self.weight.detach().to(dtype)
        return self._rounded

    def weight_changed(self) -> None:
        """Discard the rounded copy. Call this after changing `weight` other than by a lookup or load_state_dict."""
        self._rounded = None

    def trained_part(self) -> Tensor:
        """The rows that may change, sharing memory with the table."""
        return self.weight.detach()[int(self.padding) : self.trained]

    def gradient(self) -> tuple[Tensor, Tensor] | None:
        """(distinct rows (n,), their gradient (n, dimensions)) of the last backward pass; None if nothing trains."""
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

    def release(self) -> None:
        """Release the tensors of the last lookup."""
        self._touched = None

    def current(self, rows: Tensor) -> Tensor:
        """The vectors of these rows (n, dimensions): those of the last lookup if it was for the same rows."""
        if self._touched is not None and self._touched[0] is rows:
            return self._touched[1].detach()
        return self.weight.index_select(0, rows)


def distinct_of(ids: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Ids below `count` (any shape) -> (the distinct ids, ascending; the position of each id among these)."""
    # A flag per row and a running count instead of a sort: exact, and cheap compared to the vectors themselves.
    present = torch.zeros(count, dtype=torch.bool, device=ids.device)
    present[ids.reshape(-1)] = True
    rows = present.nonzero().squeeze(1)
    position = torch.empty(count, dtype=torch.int64, device=ids.device)
    position[rows] = torch.arange(len(rows), device=ids.device)
    return rows, position[ids]
