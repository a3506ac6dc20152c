"""The one training loop, for every architecture: a generator that the caller logs and saves from.

Nothing here knows a file, a store or a tracking server.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from meli_tasks.core.data.encoded_titles import EncodedTitles
from meli_tasks.core.errors import BadData
from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.models.networks import TitleNetwork
from meli_tasks.core.training.distributed import ProcessGroup, SingleProcess
from meli_tasks.core.training.ema import EMA
from meli_tasks.core.training.finite_guard import FiniteGuard
from meli_tasks.core.training.loss import TitleLoss
from meli_tasks.core.training.memory import free_memory, full_beside_others, halved
from meli_tasks.core.training.optimizers import Optimizer
from meli_tasks.core.training.pooled_titles import AnyBatch, pooled_once
from meli_tasks.core.training.progress import Epoch, Progress
from meli_tasks.core.training.schedule import learning_rate_at
from meli_tasks.core.training.validation import reduced_precision, validate_within_memory

STEPS_BETWEEN_LOOKS = 64
"""On a card: how many steps go by before the host asks whether all of them were finite."""

TITLES_MEASURED_AT_ONCE = 1_024


@dataclass(frozen=True)
class State:
    """A training between two steps: all that another process needs to go on as if nothing had happened.

    `facts` are plain JSON values, `tensors` share memory with the training: write them before it goes on.
    """

    facts: dict[str, Any]
    tensors: dict[str, Tensor]


class Training:
    """One training, from its first step or from a `State`."""

    def __init__(
        self,
        network: TitleNetwork,
        titles: EncodedTitles,
        validation: EncodedTitles,
        params: Train,
        cards: ProcessGroup | None = None,
    ) -> None:
        """`cards`: the processes that train it together; each has all titles. Errors: BadData for no titles."""
        if not len(titles) or not len(validation):
            raise BadData(f"nothing to train on: {len(titles)} training and {len(validation)} validation titles")
        self.device = device = titles.labels.device
        self.network = network
        self.titles = pooled_once(network, titles)
        self.validation = pooled_once(network, validation)
        self.params = params
        self.loss = TitleLoss(self.titles, network.out.out_features, params)
        self.cards = cards or SingleProcess()
        self.optimizer = Optimizer(network, params, self.cards)
        self.average = EMA(self.optimizer, params.ema_decay) if params.ema_decay else None
        self.guard = FiniteGuard(device, params, every=1 if device.type == "cpu" else STEPS_BETWEEN_LOOKS)
        self.reduced = params.precision == "bfloat16" or (params.precision == "auto" and device.type == "cuda")
        self.order = torch.Generator().manual_seed(params.seed)
        self.order_before = self.order.get_state()
        self.batch_size, self.measured_at_once = params.batch_size, TITLES_MEASURED_AT_ONCE
        self.step, self.epoch, self.titles_done = 0, 1, 0
        self.began = self.told = time.monotonic()
        self.seen_since = 0
        self.epochs: list[Epoch] = []
        self.best, self.stale = -1.0, 0
        self.asked = self.stopped = self.cut_short = False
        self.kept: dict[str, Tensor] | None = None
        self.loss_total = torch.zeros((), dtype=torch.float64, device=device)
        self.weight_total = torch.zeros((), dtype=torch.float64, device=device)
        network.seed(params.seed + self.cards.number, device)

    @property
    def steps(self) -> int:
        """Steps of the whole training, with the batches of now."""
        return math.ceil(len(self.titles) / self.batch_size) * self.params.epochs

    def run(self, progress_seconds: float = 0.5) -> Iterator[Progress | Epoch]:
        """Trains in place, where network and titles are; yields `Progress` now and then and an `Epoch` each.

        Afterwards the network holds the weights of the epoch that `kept_epoch` names.
        Raises Diverged before the step whose loss or gradient is not finite, OutOfMemory when even the smallest batch
        does not fit.
        """
        self.began = self.told = time.monotonic()
        self.seen_since = 0
        while self.epoch <= self.params.epochs and not self.stopped and not 0 < self.params.patience <= self.stale:
            began = time.monotonic()
            yield from self._steps(progress_seconds)
            if self.titles_done:
                yield self._close_epoch(*self._measured(), time.monotonic() - began)
        # A stop that came when all was done changed nothing.
        self.cut_short |= self.stopped and self.epoch <= self.params.epochs
        if self.kept is not None and self.keeps_best:
            self.network.load_state_dict(self.kept)
        elif self.average:
            self.average.take_over()
        self.network.eval()

    @property
    def keeps_best(self) -> bool:
        """Whether the best epoch is wanted: who stops a training early gets that, whatever it kept at its end."""
        return self.params.keep == "best" or self.cut_short

    @property
    def kept_epoch(self) -> Epoch:
        """The epoch whose weights the network ends with: the best (ties go to the earlier), or the last."""
        if self.keeps_best:
            return max(self.epochs, key=lambda epoch: epoch.validation_balanced_accuracy)
        return self.epochs[-1]

    def stop(self) -> None:
        """Ends the training as if its patience had: the epoch under way is cut short, measured, and may be the best."""
        self.asked = True
        self.stopped |= self.cards.count == 1  # several must stop at the same step: see _agreed

    def state(self) -> State:
        """Where the training stands. Only to be asked for while `run` waits: between two of its events."""
        facts = {
            "step": self.step, "epoch": self.epoch, "titles_done": self.titles_done, "batch_size": self.batch_size,
            "epochs": [asdict(epoch) for epoch in self.epochs], "best": self.best, "stale": self.stale,
            "last_good": None if math.isnan(self.guard.last_good) else self.guard.last_good,
            "titles": len(self.titles), "rows_steps": self.optimizer.rows_steps(),
            "average_steps": self.average.steps if self.average else 0, "device": self.device.type,
            "stopped": self.stopped, "cut_short": self.cut_short,
        }  # fmt: skip
        tensors = {
            "order": self.order_before,
            "dropout": self.network.generator.get_state(),
            "loss_total": self.loss_total,
            "weight_total": self.weight_total,
            **{f"network.{name}": value for name, value in self.network.state_dict().items()},
            **{f"optimizer.{name}": value for name, value in self.optimizer.tensors().items()},
            **{f"average.{name}": value for name, value in (self.average.tensors() if self.average else {}).items()},
            **{f"kept.{name}": value for name, value in (self.kept or {}).items()},
        }
        return State(facts, tensors)

    def resume(self, state: State) -> None:
        """Goes on from there instead of from the start. Errors: BadData when the state is of another training."""
        facts, tensors = state.facts, state.tensors
        if facts["titles"] != len(self.titles):
            raise BadData(f"the state is of {facts['titles']:,} training titles, but there are {len(self.titles):,}")
        self.network.load_state_dict(_under("network.", tensors))
        self.optimizer.load(_under("optimizer.", tensors), facts["rows_steps"])
        if self.average:
            self.average.load(_under("average.", tensors), facts["average_steps"])
        self.kept = {name: value.to(self.device) for name, value in _under("kept.", tensors).items()} or None
        if self.cards.number == 0 and facts["device"] == self.device.type:
            self.network.generator.set_state(tensors["dropout"].cpu())
        else:  # another kind of device draws otherwise, and another card draws for its own titles
            seed = self.params.seed + self.cards.number + self.cards.count * facts["step"]
            self.network.seed(seed, self.device)
        self.order.set_state(tensors["order"].cpu())
        self.order_before = self.order.get_state()
        self.loss_total.copy_(tensors["loss_total"])
        self.weight_total.copy_(tensors["weight_total"])
        self.step, self.epoch, self.titles_done = facts["step"], facts["epoch"], facts["titles_done"]
        self.batch_size = facts["batch_size"]
        self.epochs = [Epoch(**epoch) for epoch in facts["epochs"]]
        self.best, self.stale = facts["best"], facts["stale"]
        self.stopped, self.cut_short = facts["stopped"], facts["cut_short"]
        self.guard.last_good = math.nan if facts["last_good"] is None else facts["last_good"]

    def _close_epoch(self, loss: float, accuracy: float, seconds: float) -> Epoch:
        better = accuracy > self.best
        mean_loss = float(self.loss_total / self.weight_total)
        rate = learning_rate_at(self.step - 1, self.steps, self.params)
        closed = Epoch(self.epoch, mean_loss, loss, accuracy, rate, seconds, better)
        self.epochs.append(closed)
        self.stale = 0 if better else self.stale + 1
        if better:
            self.best = accuracy
            # The last epoch's weights need no copy: they, and their average, are there when the training ends.
            copy = self.epoch < self.params.epochs
            with self.average.in_place() if self.average else nullcontext():
                self.kept = {name: value.clone() for name, value in self.network.state_dict().items()} if copy else None
        self.epoch, self.titles_done = self.epoch + 1, 0
        self.order_before = self.order.get_state()
        return closed

    def _measured(self) -> tuple[float, float]:
        """(loss, balanced accuracy) on the validation titles, by the averaged weights where there are any."""
        self.guard.look(self.steps)
        measured = [0.0, 0.0]
        if self.cards.number == 0:
            with self.average.in_place() if self.average else nullcontext():
                *measured, self.measured_at_once = validate_within_memory(
                    self.network, self.validation, self.measured_at_once
                )
        if self.cards.count > 1:
            measured = self.cards.first(torch.tensor(measured, dtype=torch.float64, device=self.device)).tolist()
            self.stopped |= bool(self.cards.sums(torch.tensor([float(self.asked)], device=self.device)))
        return measured[0], measured[1]

    def _steps(self, progress_seconds: float) -> Iterator[Progress]:
        """The rest of the current epoch's steps."""
        self.network.train()
        self.network.set_epoch(self.epoch)
        if self.titles_done == 0:
            self.loss_total.zero_()
            self.weight_total.zero_()
        order = torch.randperm(len(self.titles), generator=self.order).to(self.device)
        while self.titles_done < len(order) and not self.stopped:
            try:
                yield from self._steps_in(order[self.titles_done :], progress_seconds)
            except torch.OutOfMemoryError as error:
                if self.cards.count > 1:  # the others wait for this one's part of the step
                    raise full_beside_others(self.batch_size, str(error)) from error
                self.batch_size = halved(self.batch_size, str(error))
            else:
                continue
            self._go_on_with_smaller_batches()

    def _go_on_with_smaller_batches(self) -> None:
        """The step that did not fit moved nothing; the schedule goes on where it was, in steps of the new size."""
        self.optimizer.forget()
        free_memory(self.device)
        steps_an_epoch = math.ceil(len(self.titles) / self.batch_size)
        self.step = (self.epoch - 1) * steps_an_epoch + self.titles_done // self.batch_size

    def _steps_in(self, order: Tensor, progress_seconds: float) -> Iterator[Progress]:
        mine, size = self.cards.share(order, self.batch_size)
        for rows, batch in self.titles.batches(mine, size):
            loss = self._one_step(rows, batch)
            together = min(self.batch_size, len(order))
            order = order[together:]
            self.titles_done += together
            self.seen_since += together
            now = time.monotonic()
            if now - self.told >= progress_seconds:
                self.guard.look(self.steps)
                speed = self.seen_since / (now - self.began)
                left = len(self.titles) * (self.params.epochs - self.epoch + 1) - self.titles_done
                yield Progress(
                    self.epoch, self.params.epochs, self.step, self.steps, speed, float(loss), left / speed
                )  # fmt: skip
                self.told = time.monotonic()
            if self.stopped:
                self.cut_short |= self.titles_done < len(self.titles)
                return
        self.titles_done += len(order)  # those too few to share

    def _one_step(self, rows: Tensor, batch: AnyBatch) -> Tensor:
        with reduced_precision(self.device, self.reduced):
            logits = self.network(batch).float()
        total, weight = self.loss.of(logits, rows)
        everything = total.detach()
        if self.cards.count > 1:
            everything, weight = self._agreed(everything, weight)
        # A batch of weight 0 (only unreliable titles, weighted 0) teaches nothing and divides nothing.
        weight = weight.clamp(min=1e-12)
        self.optimizer.zero_grad()
        (total / weight).backward()  # type: ignore[no-untyped-call]
        norm = self.optimizer.gradient_norm()
        skip = self.guard.admit(everything / weight, norm, self.step, self.steps)
        before_rows_move = self.average.before_rows_move if self.average else None
        self.optimizer.step(learning_rate_at(self.step, self.steps, self.params), norm, skip, before_rows_move)
        if self.average:
            self.average.after_step()
        self.step += 1
        self.loss_total += everything
        self.weight_total += weight
        return everything / weight

    def _agreed(self, total: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """The whole batch's loss and weight, from every card's part; and whether one of them was asked to stop."""
        parts = torch.stack([total, weight, torch.full_like(total, float(self.asked))])
        total, weight, asked = self.cards.sums(parts)
        if (self.step + 1) % self.guard.every == 0 and bool(asked):
            self.stopped = True
        return total, weight


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin so, without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
