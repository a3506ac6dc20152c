"""The distinct ids of a batch: exactly, or without the host waiting for their number."""

from __future__ import annotations

import torch
from torch import Tensor


def distinct_of(ids: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Ids below `count` (any shape) -> (the distinct ids, ascending; the position of each id among these)."""
    # A flag per row and a running count instead of a sort: exact, and cheap compared to the vectors themselves.
    present = torch.zeros(count, dtype=torch.bool, device=ids.device)
    present[ids.reshape(-1)] = True
    rows = present.nonzero().squeeze(1)
    position = torch.empty(count, dtype=torch.int64, device=ids.device)
    position[rows] = torch.arange(len(rows), device=ids.device)
    return rows, position[ids]


def distinct_within(ids: Tensor, count: int, most: int, kept: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """The same for at most `most` distinct ids, whose number the host does not learn.

    Args:
        ids: Ids below `count` (n,).
        count: The number of rows of the table.
        most: A bound of the number of distinct ids. With more of them the result is wrong.
        kept: Ids to leave out are False (n,): their position is that of any row.

    Returns:
        rows: min(most, count) distinct rows: those of the ids, ascending, then others, ascending.
        position: The position of each id among these (n,).
        real: Which of the rows are those of the ids.
    """
    size = min(most, count)
    present = torch.zeros(count + 1, dtype=torch.bool, device=ids.device)
    present.index_fill_(0, ids if kept is None else torch.where(kept, ids, count), True)
    present = present[:count]
    everything = torch.arange(count, device=ids.device)
    rank = present.cumsum(0)
    number = present.sum()
    # Rows that are absent follow those that are present, so that every row occurs a single time: no two updates of a
    # row can race.
    position = torch.where(present, rank - 1, number + everything - rank)
    rows = torch.empty_like(everything).scatter_(0, position, everything)[:size]
    local = position.index_select(0, ids)
    if kept is not None:
        local = local.clamp(max=size - 1)
    return rows, local, everything[:size] < number
