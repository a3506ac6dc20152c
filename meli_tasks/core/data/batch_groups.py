"""Several batches as one: what is gathered for all of them at once, and cut into batches afterwards.

Shapes: G batches. An id of a batch is represented by a key, `owner * count + id`, so that the distinct ids of all
batches can be found together. With a single batch its keys are its ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import torch
from torch import Tensor


def owners_of(sizes: Sequence[int], device: torch.device) -> Tensor:
    """The batch of each element: 0 as often as the first of the `sizes` (G,) says, then 1, and so on. int64."""
    if len(sizes) == 1:
        return torch.zeros(sizes[0], dtype=torch.int64, device=device)
    counts = torch.tensor(sizes, device=device)
    return torch.repeat_interleave(torch.arange(len(sizes), device=device), counts, output_size=sum(sizes))


def keys_of(ids: Tensor, owner: Tensor, count: int, batches: int) -> Tensor:
    """A number for each pair of a batch and an id below `count`, ascending by batch, then by id."""
    return ids if batches == 1 else ids + owner * count


def owners_and_ids(keys: Tensor, count: int, batches: int) -> tuple[Tensor, Tensor]:
    """The inverse of `keys_of`."""
    return (torch.zeros_like(keys), keys) if batches == 1 else (keys // count, keys % count)


def number_of(owner: Tensor, batches: int) -> list[int]:
    """The number of elements of each batch."""
    return [len(owner)] if batches == 1 else sums_of(torch.ones_like(owner), owner, batches)


def sums_of(values: Tensor, owner: Tensor, batches: int) -> list[int]:
    """The sum of the integers of each batch."""
    total = values.sum()[None] if batches == 1 else values.new_zeros(batches).index_add_(0, owner, values)
    sums: list[int] = total.tolist()
    return sums


def numbers_of_distinct(ids: Tensor, owner: Tensor, count: int, batches: int) -> list[int]:
    """The number of distinct ids (below `count`) of each batch."""
    keys = torch.unique(keys_of(ids, owner, count, batches))
    return number_of(owners_and_ids(keys, count, batches)[0], batches)


def offsets_of(offsets: Tensor, sizes: Sequence[int]) -> list[Tensor]:
    """The offsets of the ragged rows of all batches -> those of each batch, from 0; it has `sizes` (G,) rows."""
    if len(sizes) == 1:
        return [offsets]
    return [offsets[low : high + 1] - offsets[low] for low, high in pairwise(accumulate(sizes, initial=0))]


def places_of(places: Tensor, owner: Tensor, sizes: Sequence[int]) -> Tensor:
    """Positions among the elements of all batches -> positions in their own batch, which has `sizes` (G,) elements."""
    if len(sizes) == 1:
        return places
    firsts = torch.tensor([*accumulate(sizes[:-1], initial=0)], device=places.device)
    return places - firsts.index_select(0, owner)
