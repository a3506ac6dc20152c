"""An embedding table of which each batch touches few rows."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from meli_tasks.core.data.distinct import distinct_of, distinct_within
from meli_tasks.core.data.host_waits import host_waits


class SparseEmbedding(nn.Module):
    """Vectors by id; the gradient and the optimizer see only the rows that a batch touches.

    During training `lookup` returns a small leaf tensor of the distinct rows and the ids as positions in it; after the
    backward pass, `gradient` returns these rows and their gradient. With `every_row` these are all rows that train, as
    with the lab's dense Adam. Only ids below `trained` ever change (and not id 0, the padding, if `padding`).

    torch's `nn.Embedding(sparse=True)` would give a sparse gradient with one entry per occurrence, which has to be
    coalesced (sorted) at every step.

    Attributes:
        bounded: Whether a lookup bounds the number of distinct rows instead of asking the device for it. It then
            returns, beside the distinct rows of the ids, some that no id refers to; `changes` says which rows of
            `gradient` may change. A table of which only some rows train asks nevertheless.
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
        self.bounded = False
        self.changes: Tensor | None = None
        self._touched: tuple[Tensor, Tensor] | None = None
        self._rounded: Tensor | None = None
        self.register_load_state_dict_post_hook(  # type: ignore[no-untyped-call]
            lambda module, _keys: module.weight_changed()
        )

    def lookup(self, ids: Tensor, most: int | None = None, kept: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Ids (n,) -> (positions in the second (n,), vectors (rows, dimensions)).

        Args:
            ids: Ids of the table.
            most: A bound of the number of distinct ids, if the host knows one.
            kept: False for ids that take no part in the step, so that their rows must not change (n,).
        """
        self._touched = self.changes = None
        if self.weight.dtype == torch.half:  # still in its file, of which only these rows are read
            with host_waits("only to serve, on the CPU"):
                rows, local = torch.unique(ids, return_inverse=True)
            return local, self.weight.index_select(0, rows).float()
        if not (self.training and torch.is_grad_enabled() and self.awake and self.trained):
            return ids, self.weight
        self.weight_changed()  # by the step that follows
        if self.every_row:
            leaf = self.weight.detach().requires_grad_()
            self._touched = (torch.arange(self.trained, device=ids.device), leaf)
            return ids, leaf
        rows, local = self.distinct(ids, most, kept)
        leaf = self.weight.index_select(0, rows).requires_grad_()
        self._touched = (rows, leaf)
        return local, leaf

    def distinct(self, ids: Tensor, most: int | None, kept: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Ids (n,) -> (rows that hold the distinct ids, the position of each id among these (n,)); see `lookup`."""
        if not self.bounded or 0 < self.trained < len(self.weight):
            with host_waits("every step, for tables of which some rows train, and in groups of processes"):
                return distinct_of(ids, len(self.weight))
        bound = len(ids) if most is None else min(most, len(ids))
        rows, local, real = distinct_within(ids, len(self.weight), bound, kept)
        self.changes = real & (rows > 0) if self.padding else real
        return rows, local

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
        """(distinct rows (n,), their gradient (n, dimensions)) of the last backward pass; None if nothing trains.

        If `changes` is not None, it says which of these rows may change (n,).
        """
        if self._touched is None or self._touched[1].grad is None:
            return None
        rows, gradient = self._touched[0], self._touched[1].grad
        # Rows ascend: those that may not change are a prefix (padding) and a suffix (beyond `trained`).
        first, last = int(self.padding), self.trained
        if not self.every_row:
            if self.changes is not None or (not self.padding and last == len(self.weight)):
                return rows, gradient
            with host_waits("every step, for tables of which some rows train, and in groups of processes"):
                first, last = torch.searchsorted(rows, torch.tensor([first, last], device=rows.device)).tolist()
        return rows[first:last], gradient[first:last]

    def release(self) -> None:
        """Release the tensors of the last lookup."""
        self._touched = self.changes = None

    def current(self, rows: Tensor) -> Tensor:
        """The vectors of these rows (n, dimensions): those of the last lookup if it was for the same rows."""
        if self._touched is not None and self._touched[0] is rows:
            return self._touched[1].detach()
        return self.weight.index_select(0, rows)
