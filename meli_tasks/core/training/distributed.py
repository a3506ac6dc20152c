"""One training on one card or on several: each takes its share of every batch, and all move by the same gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, distributed

from meli_tasks.core.errors import BadHyperparameters
from meli_tasks.core.hyperparameters import Train

Rows = tuple[Tensor, Tensor]
"""Distinct rows (n,) of a table, and their gradient (n, dimensions)."""


class ProcessGroup(Protocol):
    """The processes that train one network together, of which this is one. Number 0 tells, saves and writes."""

    number: int
    count: int

    def share(self, order: Tensor, batch_size: int) -> tuple[Tensor, int]:
        """The titles of an epoch in order, in batches -> those of this card, and how many a batch."""

    def sums(self, values: Tensor) -> Tensor:
        """The sum over the cards of a small tensor."""

    def add_gradients(self, gradients: Sequence[Tensor]) -> None:
        """Puts the sum over the cards into each, in place."""

    def add_rows(self, rows: Rows) -> Rows:
        """The rows that any card touched, and the sum of their gradients."""

    def first(self, values: Tensor) -> Tensor:
        """What card 0 has there."""


class SingleProcess:
    """Everything in this process."""

    number, count = 0, 1

    def share(self, order: Tensor, batch_size: int) -> tuple[Tensor, int]:
        """All of it."""
        return order, batch_size

    def sums(self, values: Tensor) -> Tensor:
        """Itself."""
        return values

    def add_gradients(self, gradients: Sequence[Tensor]) -> None:
        """Nothing to add."""

    def add_rows(self, rows: Rows) -> Rows:
        """Themselves."""
        return rows

    def first(self, values: Tensor) -> Tensor:
        """Itself."""
        return values


class TorchProcessGroup:
    """This process and others in torch's default process group, which must have begun (gloo, or NCCL on cards)."""

    def __init__(self) -> None:
        self.number, self.count = distributed.get_rank(), distributed.get_world_size()

    def share(self, order: Tensor, batch_size: int) -> tuple[Tensor, int]:
        """Every `count`-th title of each batch. A last batch with fewer titles than cards is left out of the epoch."""
        if len(order) % batch_size < self.count:
            order = order[: len(order) - len(order) % batch_size]
        return order[self.number :: self.count], batch_size // self.count

    def sums(self, values: Tensor) -> Tensor:
        """A new tensor with the sums."""
        values = values.clone()
        distributed.all_reduce(values)
        return values

    def add_gradients(self, gradients: Sequence[Tensor]) -> None:
        """All of them travel as one."""
        if not gradients:
            return
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        distributed.all_reduce(flat)
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def add_rows(self, rows: Rows) -> Rows:
        """Each card's rows travel to every other; the sums come in the same order everywhere."""
        touched, gradient = rows
        sizes = torch.zeros(self.count, dtype=torch.int64, device=touched.device)
        sizes[self.number] = len(touched)
        counts = self.sums(sizes).tolist()
        most = max(counts)
        padded = torch.cat([touched, touched.new_zeros(most - len(touched))])
        values = torch.cat([gradient, gradient.new_zeros(most - len(gradient), gradient.shape[1])])
        all_rows = [torch.empty_like(padded) for _ in counts]
        all_values = [torch.empty_like(values) for _ in counts]
        distributed.all_gather(all_rows, padded)
        distributed.all_gather(all_values, values)
        everything = torch.cat([part[:count] for part, count in zip(all_rows, counts, strict=True)])
        distinct, place = torch.unique(everything, return_inverse=True)
        total = gradient.new_zeros(len(distinct), gradient.shape[1])
        total.index_add_(0, place, torch.cat([part[:count] for part, count in zip(all_values, counts, strict=True)]))
        return distinct, total

    def first(self, values: Tensor) -> Tensor:
        """Sent by card 0."""
        distributed.broadcast(values, 0)
        return values


def check_shared(params: Train, count: int) -> None:
    """Errors: BadHyperparameters when `count` cards cannot share this set's batches evenly, or they must stay whole."""
    if params.batch_size % count:
        raise BadHyperparameters(
            f"batches of {params.batch_size} cannot be shared by {count} cards: choose a train.batch_size that {count} "
            "divides, or another MELI_CARDS"
        )
    if params.mean_over_padding and count > 1:
        raise BadHyperparameters(
            "train.mean_over_padding, the lab's mistake, depends on the whole batch: train it on one card "
            f"(MELI_CARDS is {count})"
        )
