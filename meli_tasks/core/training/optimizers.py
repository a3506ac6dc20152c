"""Adam and AdamW over two kinds of weights: dense layers, and tables of which a step touches few rows."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.models.networks import TitleNetwork
from meli_tasks.core.models.sparse_embedding import SparseEmbedding
from meli_tasks.core.training.distributed import ProcessGroup, Rows, SingleProcess

BETAS = (0.9, 0.999)
EPSILON = 1e-8


class RowAdam:
    """Moves the rows of a table that a batch touched, each by its gradient over its own running size.

    Adam without momentum, with one second moment a row instead of one a weight, decay as in AdamW, on touched rows
    only. Over a table of n-grams it is as accurate as Adam, with half of the memory and three quarters of the time.
    """

    def __init__(self, table: SparseEmbedding, decay: float) -> None:
        self.table = table
        self.decay = decay
        self.steps = 0
        self.square = table.weight.new_zeros(table.trained)

    @torch.no_grad()
    def worked_out(self, rows: Tensor, gradient: Tensor, norms: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rows (n,) distinct, gradient (n, dimensions), its norms (n,), both used up -> what `move` takes.

        No weight changes yet. A table's gradient is tens of megabytes: what costs here is every time that it is read.
        """
        steps = self.steps + 1
        size = norms.square_()
        square = self.square.index_select(0, rows).mul_(BETAS[1])
        square.add_(size, alpha=(1 - BETAS[1]) / gradient.shape[1])
        divisor = square.div(1 - BETAS[1] ** steps).sqrt_().add_(EPSILON)
        change = gradient.mul_(divisor.reciprocal_()[:, None])
        if self.decay:
            change.add_(self.table.current(rows), alpha=self.decay)
        return rows, square, change

    @torch.no_grad()
    def move(self, rows: Tensor, square: Tensor, change: Tensor, learning_rate: float) -> None:
        """Takes the step that was worked out, all of it in place."""
        self.steps += 1
        self.square.index_copy_(0, rows, square)
        self.table.weight.index_add_(0, rows, change, alpha=-learning_rate)

    @torch.no_grad()
    def without(self, worked: tuple[Tensor, Tensor, Tensor], skip: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What was worked out, or a step that changes nothing where `skip` (a number on the device) is 1."""
        rows, square, change = worked
        skipped = skip > 0
        square = torch.where(skipped, self.square.index_select(0, rows), square)
        return rows, square, torch.where(skipped, 0.0, change)


class DenseAdam:
    """Adam, or with `decoupled` decay AdamW, over whole weights: torch's fused step, and what it remembers.

    Not torch.optim.Adam, which is the same step: its constructor imports torch's compiler, almost three seconds of
    every training's process.
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
        """Moves every weight that has a gradient, unless `skip`, on the device, is 1."""
        moved = [place for place, weight in enumerate(self.weights) if weight.grad is not None]

        def of(tensors: list[Tensor]) -> list[Tensor]:
            return [tensors[place] for place in moved]

        gradients = [weight.grad for weight in self.weights if weight.grad is not None]
        weights: list[Tensor] = [self.weights[place] for place in moved]
        adam(
            weights, gradients, of(self.first), of(self.second), [], of(self.steps),
            fused=True, found_inf=skip, decoupled_weight_decay=self.decoupled, amsgrad=False, beta1=BETAS[0],
            beta2=BETAS[1], lr=learning_rate, weight_decay=self.decay, eps=EPSILON, maximize=False,
        )  # fmt: skip

    def tensors(self) -> dict[str, Tensor]:
        """What is remembered between two steps, by name."""
        kinds = {"exp_avg": self.first, "exp_avg_sq": self.second, "step": self.steps}
        return {f"{place}.{kind}": value for kind, values in kinds.items() for place, value in enumerate(values)}


class Optimizer:
    """All of a network's weights. Tables go by `RowAdam`, or in the lab's way: every row, every step, with the rest."""

    def __init__(self, network: TitleNetwork, params: Train, cards: ProcessGroup | None = None) -> None:
        self.cards = cards or SingleProcess()
        self.clip = params.gradient_clip
        self.device = network.words.weight.device
        tables = [module for module in network.modules() if isinstance(module, SparseEmbedding) and module.trained]
        self.rows = [RowAdam(table, params.weight_decay) for table in tables if not table.every_row]
        # A view on the rows that train: torch's optimiser moves the table through it.
        self.whole = {table: nn.Parameter(table.trained_part()) for table in tables if table.every_row}
        self.dense = [weight for weight in network.parameters() if weight.requires_grad] + list(self.whole.values())
        self.found: list[tuple[RowAdam, Rows]] = []
        self.row_norms: list[Tensor] = []
        self.adam = DenseAdam(self.dense, params.weight_decay, decoupled=params.optimizer == "adamw")

    def zero_grad(self) -> None:
        """Before a backward pass; a table forgets by itself, at its next lookup."""
        for weight in self.dense:
            weight.grad = None

    def forget(self) -> None:
        """Lets go of all that a step was to be made from, which is most of its memory."""
        self.zero_grad()
        self.found, self.row_norms = [], []
        for table in [rows.table for rows in self.rows] + list(self.whole):
            table.forget()

    def gradient_norm(self) -> Tensor:
        """The norm of all gradients together, on the device; not finite when any of them is not. Once a step."""
        found = [(rows, gradient) for rows in self.rows if (gradient := rows.table.gradient()) is not None]
        self.found = [(rows, self.cards.add_rows(gradient)) for rows, gradient in found]
        for table, weight in self.whole.items():
            gradient = table.gradient()
            weight.grad = None if gradient is None else gradient[1]
        gradients = [weight.grad for weight in self.dense if weight.grad is not None]
        self.cards.add_gradients(gradients)
        self.row_norms = [torch.linalg.vector_norm(gradient, dim=1) for _, (_, gradient) in self.found]
        return torch.nn.utils.get_total_norm(gradients + self.row_norms)

    def step(
        self,
        learning_rate: float,
        norm: Tensor,
        skip: Tensor | None = None,
        before_rows_move: Callable[[int, Tensor], None] | None = None,
    ) -> None:
        """Moves every weight that trains. `norm`: what `gradient_norm` said, for clipping.

        `skip`, on the device: where it is 1, nothing moves. `before_rows_move` hears of a table's place and rows.
        All that needs memory is done before the first weight moves, so a step that finds too little leaves the weights
        as they were.
        """
        gradients = [weight.grad for weight in self.dense if weight.grad is not None]
        gradients += [gradient for _, (_, gradient) in self.found] + self.row_norms
        if self.clip:
            torch._foreach_mul_(gradients, (self.clip / (norm + 1e-6)).clamp(max=1.0))
        worked = [
            (optimizer, optimizer.worked_out(*found, norms))
            for (optimizer, found), norms in zip(self.found, self.row_norms, strict=True)
        ]
        if skip is not None:
            worked = [(optimizer, optimizer.without(moves, skip)) for optimizer, moves in worked]
        if before_rows_move is not None:
            for optimizer, moves in worked:
                before_rows_move(self.rows.index(optimizer), moves[0])
        self.adam.step(learning_rate, skip)
        for optimizer, moves in worked:
            optimizer.move(*moves, learning_rate)

    def tensors(self) -> dict[str, Tensor]:
        """What the optimiser remembers between two steps, by name."""
        dense = {f"dense.{name}": value for name, value in self.adam.tensors().items()}
        return dense | {f"rows.{place}": optimizer.square for place, optimizer in enumerate(self.rows)}

    def rows_steps(self) -> list[int]:
        """Steps that each table of rows has taken."""
        return [optimizer.steps for optimizer in self.rows]

    def load(self, tensors: dict[str, Tensor], rows_steps: list[int]) -> None:
        """Takes over what `tensors` and `rows_steps` told."""
        for name, own in self.tensors().items():
            own.copy_(tensors[name])
        for optimizer, steps in zip(self.rows, rows_steps, strict=True):
            optimizer.steps = steps
