"""Adam and AdamW for two kinds of weights: dense layers, and sparse embeddings of which a step touches few rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.models.networks import TitleNetwork
from meli_tasks.core.models.sparse_embedding import SparseEmbedding
from meli_tasks.core.training.distributed import ProcessGroup, Rows, SingleProcess

BETAS = (0.9, 0.999)
EPSILON = 1e-8


@dataclass(frozen=True)
class RowUpdate:
    """A prepared step of some rows of a table.

    `rows` (n,) are distinct; `square` (n,) and `steps` (n,) are their new second moments and numbers of steps, `change`
    (n, dimensions) is what the learning rate multiplies.
    """

    rows: Tensor
    square: Tensor
    steps: Tensor
    change: Tensor


class RowAdam:
    """Adam without momentum and with one second moment per row instead of one per weight, on the touched rows only.

    Weight decay is decoupled, as in AdamW, and also applies to touched rows only. On a table of n-grams this is as
    accurate as Adam with half of the memory and three quarters of the time. torch's SparseAdam has neither weight decay
    nor the shared second moment.

    A second moment decays only at the steps that touch its row, so Adam's bias correction counts these steps, row by
    row. With `correct_by_all_steps` it counts all steps instead, which is no correction for a row first touched late:
    the first step of such a row is up to 1 / sqrt(1 - BETAS[1]) = 31.6 learning rates long.
    """

    def __init__(self, table: SparseEmbedding, decay: float, *, correct_by_all_steps: bool = False) -> None:
        self.table = table
        self.decay = decay
        self.correct_by_all_steps = correct_by_all_steps
        self.all_steps = 0
        self.square = table.weight.new_zeros(table.trained)
        self.steps = torch.zeros(table.trained, dtype=torch.int32, device=table.weight.device)

    @torch.no_grad()
    def prepare(self, rows: Tensor, gradient: Tensor, norms: Tensor) -> RowUpdate:
        """Compute a step without changing any weight.

        Args:
            rows: Distinct rows (n,).
            gradient: Their gradient (n, dimensions), overwritten: it is tens of megabytes, and what costs time here is
                each pass over it.
            norms: The norm of each row's gradient (n,), overwritten.
        """
        steps = self.steps.index_select(0, rows).add_(1)
        size = norms.square_()
        square = self.square.index_select(0, rows).mul_(BETAS[1])
        square.add_(size, alpha=(1 - BETAS[1]) / gradient.shape[1])
        divisor = square.div(self._correction(steps)).sqrt_().add_(EPSILON)
        change = gradient.mul_(divisor.reciprocal_()[:, None])
        if self.decay:
            change.add_(self.table.current(rows), alpha=self.decay)
        return RowUpdate(rows, square, steps, change)

    def _correction(self, steps: Tensor) -> Tensor | float:
        """1 - beta ** steps, which the second moments after these steps are divided by."""
        if self.correct_by_all_steps:
            return 1 - BETAS[1] ** (self.all_steps + 1)
        return torch.expm1(steps.double() * math.log(BETAS[1])).neg_().float()

    @torch.no_grad()
    def apply(self, update: RowUpdate, learning_rate: float) -> None:
        """Take a prepared step, in place."""
        self.all_steps += 1
        self.square.index_copy_(0, update.rows, update.square)
        self.steps.index_copy_(0, update.rows, update.steps)
        self.table.weight.index_add_(0, update.rows, update.change, alpha=-learning_rate)

    @torch.no_grad()
    def masked(self, update: RowUpdate, skip: Tensor | None, changes: Tensor | None) -> RowUpdate:
        """The update without the rows for which `changes` (n,) is False; without any row if `skip` (a number) is 1."""
        if skip is None and changes is None:
            return update
        rows = update.rows
        taken = torch.ones_like(rows, dtype=torch.bool) if changes is None else changes
        if skip is not None:
            taken = taken & (skip == 0)
        return RowUpdate(
            rows,
            torch.where(taken, update.square, self.square.index_select(0, rows)),
            torch.where(taken, update.steps, self.steps.index_select(0, rows)),
            torch.where(taken[:, None], update.change, 0.0),
        )


class DenseAdam:
    """Adam, or with `decoupled` weight decay AdamW, over whole weights, by torch's fused step.

    It calls `torch.optim.adam.adam`, the function behind torch.optim.Adam and AdamW, because the constructors of these
    classes import torch's compiler: 2.75 CPU-seconds in every training process. The function is in its module's
    `__all__` but not in torch's documentation, so torch is pinned to its minor version and tests compare the steps with
    those of torch.optim.
    """

    def __init__(self, weights: list[nn.Parameter], decay: float, *, decoupled: bool) -> None:
        self.weights = weights
        self.decay = decay
        self.decoupled = decoupled
        self.first = [torch.zeros_like(weight) for weight in weights]
        self.second = [torch.zeros_like(weight) for weight in weights]
        self.steps = [torch.zeros((), device=weight.device) for weight in weights]

    @torch.no_grad()
    def step(self, learning_rate: float, skip: Tensor | None) -> None:
        """Update every weight that has a gradient, unless `skip` (a number on the device) is 1."""
        places = [place for place, weight in enumerate(self.weights) if weight.grad is not None]

        def of(tensors: list[Tensor]) -> list[Tensor]:
            return [tensors[place] for place in places]

        gradients = [weight.grad for weight in self.weights if weight.grad is not None]
        weights: list[Tensor] = [self.weights[place] for place in places]
        adam(
            weights, gradients, of(self.first), of(self.second), [], of(self.steps),
            fused=True, found_inf=skip, decoupled_weight_decay=self.decoupled, amsgrad=False, beta1=BETAS[0],
            beta2=BETAS[1], lr=learning_rate, weight_decay=self.decay, eps=EPSILON, maximize=False,
        )  # fmt: skip

    def tensors(self) -> dict[str, Tensor]:
        """The state between two steps, by name."""
        kinds = {"exp_avg": self.first, "exp_avg_sq": self.second, "step": self.steps}
        return {f"{place}.{kind}": value for kind, values in kinds.items() for place, value in enumerate(values)}


class Optimizer:
    """Updates all weights of a network: sparse embeddings by `RowAdam`, everything else by `DenseAdam`.

    A table with `every_row`, as in the lab, is updated as a dense weight: every row at every step.
    """

    def __init__(self, network: TitleNetwork, params: Train, group: ProcessGroup | None = None) -> None:
        self.group = group or SingleProcess()
        self.clip = params.gradient_clip
        self.device = network.words.weight.device
        every_table = [module for module in network.modules() if isinstance(module, SparseEmbedding)]
        tables = [table for table in every_table if table.trained]
        for table in every_table:  # what processes exchange must be exactly the rows that one of them touched
            table.bounded = self.device.type == "cuda" and (self.group.world_size == 1 or not table.trained)
        self.by_all_steps = params.row_correction == "all_steps"
        self.rows = [
            RowAdam(table, params.weight_decay, correct_by_all_steps=self.by_all_steps)
            for table in tables
            if not table.every_row
        ]
        # A view of the rows that train: torch's optimizer updates the table through it.
        self.whole = {table: nn.Parameter(table.trained_part()) for table in tables if table.every_row}
        self.dense = [weight for weight in network.parameters() if weight.requires_grad] + list(self.whole.values())
        self.row_gradients: list[tuple[RowAdam, Rows]] = []
        self.row_norms: list[Tensor] = []
        self.adam = DenseAdam(self.dense, params.weight_decay, decoupled=params.optimizer == "adamw")

    def zero_grad(self) -> None:
        """Discard the gradients before a backward pass. A sparse embedding discards its own at its next lookup."""
        for weight in self.dense:
            weight.grad = None

    def release(self) -> None:
        """Release everything a step would be made from, which is most of its memory."""
        self.zero_grad()
        self.row_gradients, self.row_norms = [], []
        for table in [rows.table for rows in self.rows] + list(self.whole):
            table.release()

    def gradient_norm(self) -> Tensor:
        """The norm of all gradients together, on the device; not finite if any of them is not.

        Call it exactly once per step: it also adds up the gradients of all processes.
        """
        own = [(rows, gradient) for rows in self.rows if (gradient := rows.table.gradient()) is not None]
        self.row_gradients = [(rows, self.group.sum_rows(gradient)) for rows, gradient in own]
        for table, weight in self.whole.items():
            gradient = table.gradient()
            weight.grad = None if gradient is None else gradient[1]
        gradients = [weight.grad for weight in self.dense if weight.grad is not None]
        self.group.sum_gradients(gradients)
        self.row_norms = [_norms(gradient, optimizer.table.changes) for optimizer, (_, gradient) in self.row_gradients]
        # torch.nn.utils.get_total_norm, without its Python around it: a fiftieth of a step of the lab's MLP.
        norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients + self.row_norms)))
        return norm

    def step(
        self,
        learning_rate: float,
        norm: Tensor,
        skip: Tensor | None = None,
        before_row_update: Callable[[int, Tensor], None] | None = None,
    ) -> None:
        """Update every weight that trains.

        All memory is allocated before the first weight changes, so a step that runs out of memory changes no weight.

        Args:
            learning_rate: The learning rate of this step.
            norm: The result of `gradient_norm`, for clipping.
            skip: A number on the device; if it is 1, no weight changes.
            before_row_update: Called with the index of a sparse embedding and the rows that are about to change.
        """
        gradients = [weight.grad for weight in self.dense if weight.grad is not None]
        gradients += [gradient for _, (_, gradient) in self.row_gradients] + self.row_norms
        if self.clip:
            factor = (self.clip / (norm + 1e-6)).clamp(max=1.0)
            for gradient in gradients:
                gradient.mul_(factor)
        updates = [
            (optimizer, optimizer.prepare(*rows, norms))
            for (optimizer, rows), norms in zip(self.row_gradients, self.row_norms, strict=True)
        ]
        updates = [
            (optimizer, optimizer.masked(update, skip, optimizer.table.changes)) for optimizer, update in updates
        ]
        if before_row_update is not None:
            for optimizer, update in updates:
                before_row_update(self.rows.index(optimizer), update.rows)
        self.adam.step(learning_rate, skip)
        for optimizer, update in updates:
            optimizer.apply(update, learning_rate)

    def tensors(self) -> dict[str, Tensor]:
        """The optimizer's state between two steps, by name."""
        dense = {f"dense.{name}": value for name, value in self.adam.tensors().items()}
        squares = {f"rows.{place}": optimizer.square for place, optimizer in enumerate(self.rows)}
        return dense | squares | {f"row_steps.{place}": optimizer.steps for place, optimizer in enumerate(self.rows)}

    def row_steps(self) -> list[int]:
        """The number of steps that each sparse embedding has taken."""
        return [optimizer.all_steps for optimizer in self.rows]

    def load(self, tensors: dict[str, Tensor], row_steps: list[int]) -> None:
        """Restore the state that `tensors` and `row_steps` returned.

        The steps of each row may be missing, as in states written up to 0.1.0, if the correction does not use them.
        """
        for name, own in self.tensors().items():
            if not (name.startswith("row_steps.") and self.by_all_steps and name not in tensors):
                own.copy_(tensors[name])
        for optimizer, steps in zip(self.rows, row_steps, strict=True):
            optimizer.all_steps = steps


def _norms(gradient: Tensor, changes: Tensor | None) -> Tensor:
    """The norm of each row's gradient (n,), 0 for rows that may not change."""
    norms: Tensor = torch.linalg.vector_norm(gradient, dim=1)
    return norms if changes is None else torch.where(changes, norms, 0.0)
