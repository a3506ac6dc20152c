"""One training run on one device or on several: each process takes its part of every batch, and all apply one gradient.

This is data parallelism by torch's collectives, without its DistributedDataParallel, which knows nothing of sparse
embeddings: their gradients are a few rows, and only those travel. docs/adr/0053-several-devices.md has the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, distributed
from torch.nn import functional
from typing_extensions import override

from meli_tasks.core.errors import BadHyperparameters
from meli_tasks.core.hyperparameters import Train

Rows = tuple[Tensor, Tensor]
"""Distinct rows (n,) of a table, and their gradient (n, dimensions)."""


class ProcessGroup(Protocol):
    """The processes that train one network together. The process of rank 0 logs, saves and writes."""

    rank: int
    world_size: int
    bytes_received: int
    """What this process has received from the others."""

    def shard(self, order: Tensor, batch_size: int) -> tuple[Tensor, int]:
        """Select this process's part of an epoch.

        Args:
            order: The epoch's titles in order, before they are cut into batches of `batch_size`.
            batch_size: Titles per step of all processes together.

        Returns:
            The titles of this process, and its number of titles per step.
        """

    def sum(self, values: Tensor) -> Tensor:
        """The sum of a small tensor over all processes."""

    def sum_gradients(self, gradients: Sequence[Tensor]) -> None:
        """Replace each gradient, in place, by its sum over all processes."""

    def sum_rows(self, rows: Rows) -> Rows:
        """The rows that any process touched, and the sum of their gradients."""

    def broadcast(self, values: Tensor) -> Tensor:
        """The values that the process of rank 0 has."""


class SingleProcess(ProcessGroup):
    """This process alone."""

    rank, world_size, bytes_received = 0, 1, 0

    @override
    def shard(self, order: Tensor, batch_size: int) -> tuple[Tensor, int]:
        return order, batch_size

    @override
    def sum(self, values: Tensor) -> Tensor:
        return values

    @override
    def sum_gradients(self, gradients: Sequence[Tensor]) -> None:
        pass

    @override
    def sum_rows(self, rows: Rows) -> Rows:
        return rows

    @override
    def broadcast(self, values: Tensor) -> Tensor:
        return values


class TorchProcessGroup(ProcessGroup):
    """torch's default process group, which must be initialised (gloo on the CPU, NCCL on GPUs).

    Every sum is made in the order of the ranks, by one process for all or by all from the same parts. So the processes
    hold the same weights to the last bit, whatever order a network, a GPU or a library's reduction would add in.
    """

    def __init__(self) -> None:
        self.rank, self.world_size = distributed.get_rank(), distributed.get_world_size()
        self.bytes_received = 0

    @override
    def shard(self, order: Tensor, batch_size: int) -> tuple[Tensor, int]:
        # Each process takes every world_size-th title of a batch. A last batch with fewer titles than processes is
        # left out of the epoch.
        if len(order) % batch_size < self.world_size:
            order = order[: len(order) - len(order) % batch_size]
        return order[self.rank :: self.world_size], batch_size // self.world_size

    @override
    def sum(self, values: Tensor) -> Tensor:
        return _in_order(self._gather(values))

    @override
    def sum_gradients(self, gradients: Sequence[Tensor]) -> None:
        if not gradients:
            return
        # One message for all of them, of which each process adds up one part and sends the sum to the others. That is
        # what a ring all-reduce sends too, but there the order of a sum depends on the place in the message.
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        length = len(flat)
        flat = functional.pad(flat, (0, -length % self.world_size))
        parts = torch.empty_like(flat)
        distributed.all_to_all_single(parts, flat)
        own = _in_order(parts.chunk(self.world_size))
        distributed.all_gather_into_tensor(flat, own)
        self._count(parts)
        self._count(flat)
        sums = torch.split(flat[:length], [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, sums, strict=True):
            gradient.copy_(part.view_as(gradient))

    @override
    def sum_rows(self, rows: Rows) -> Rows:
        # Every process receives the rows of every other and adds them up in the order of the ranks. Within one rank
        # rows are distinct: a single addition of all would meet the same row from several ranks, which a GPU adds in no
        # fixed order, and the tables would drift apart.
        touched, gradient = rows
        counts = [int(part) for part in self._gather(torch.tensor([len(touched)], device=touched.device))]
        longest = max(counts)
        all_rows = self._gather(torch.cat([touched, touched.new_zeros(longest - len(touched))]))
        all_values = self._gather(torch.cat([gradient, gradient.new_zeros(longest - len(gradient), gradient.shape[1])]))
        everything = torch.cat([part[:count] for part, count in zip(all_rows, counts, strict=True)])
        distinct, position = torch.unique(everything, return_inverse=True)
        total = gradient.new_zeros(len(distinct), gradient.shape[1])
        for places, part in zip(torch.split(position, counts), all_values, strict=True):
            total.index_add_(0, places, part[: len(places)])
        return distinct, total

    @override
    def broadcast(self, values: Tensor) -> Tensor:
        distributed.broadcast(values, 0)
        return values

    def _gather(self, values: Tensor) -> list[Tensor]:
        """The tensors of all processes, of one size, in the order of the ranks."""
        parts = [torch.empty_like(values) for _ in range(self.world_size)]
        distributed.all_gather(parts, values)
        self.bytes_received += (self.world_size - 1) * values.nbytes
        return parts

    def _count(self, message: Tensor) -> None:
        """Count a message of which all but one part came from others."""
        self.bytes_received += message.nbytes // self.world_size * (self.world_size - 1)


def _in_order(parts: Sequence[Tensor]) -> Tensor:
    """The sum of tensors of one size, added one after the other."""
    total = parts[0].clone()
    for part in parts[1:]:
        total += part
    return total


def check_divisible(params: Train, world_size: int) -> None:
    """Check that `world_size` processes can divide the batches of this set among them.

    Raises:
        BadHyperparameters: they cannot.
    """
    if params.batch_size % world_size:
        raise BadHyperparameters(
            f"{world_size} devices cannot divide batches of {params.batch_size} titles evenly. Choose a "
            f"train.batch_size that is a multiple of {world_size}, or another MELI_DEVICES."
        )
    if params.sees_padding and world_size > 1:
        name = "mean_over_padding" if params.mean_over_padding else "max_over_padding"
        raise BadHyperparameters(
            f"train.{name}, a mistake of the lab that is reproduced on request, depends on the whole batch, so it "
            f"trains on one device only, and MELI_DEVICES times MELI_NODES is {world_size}."
        )
