"""The one training loop, for every architecture: a generator that the caller logs and saves from.

Nothing here knows a file, a store or a tracking server.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from meli_tasks.core.batch import Batch
from meli_tasks.core.encoded_titles import EncodedTitles
from meli_tasks.core.errors import BadData, Diverged
from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.networks import TitleNetwork
from meli_tasks.core.optimizers import Optimizer

FIRST_SHARE = 1 / 25
"""one_cycle starts at this share of the peak."""


@dataclass(frozen=True)
class Progress:
    """Where a training is, several times a second at most."""

    epoch: int
    epochs: int
    step: int
    steps: int
    titles_per_second: float
    loss: float
    seconds_left: float


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to. `best`: better than every epoch before. The seconds are the clock's, the rest repeats."""

    epoch: int
    train_loss: float
    validation_loss: float
    validation_balanced_accuracy: float
    learning_rate: float
    seconds: float
    best: bool


def learning_rate_at(step: int, steps: int, params: Train) -> float:
    """The learning rate of step 0 ... steps - 1."""
    peak = params.learning_rate
    if params.schedule == "constant":
        return peak
    if params.schedule == "cosine":
        return peak * 0.5 * (1 + math.cos(math.pi * step / steps))
    climb = params.warmup_share * steps
    if step < climb:
        share = 0.5 * (1 - math.cos(math.pi * step / climb))
        return peak * (FIRST_SHARE + (1 - FIRST_SHARE) * share)
    return peak * 0.5 * (1 + math.cos(math.pi * (step - climb) / max(steps - climb, 1)))


def category_weights(labels: Tensor, categories: int, kind: str) -> Tensor:
    """A weight a category (K,), float32, of mean 1 over the titles; a category without titles gets 0."""
    counts = torch.bincount(labels, minlength=categories).float()
    power = {"none": 0.0, "sqrt": 0.5, "balanced": 1.0}[kind]
    weights = torch.where(counts > 0, counts.clamp(min=1) ** -power, torch.zeros_like(counts))
    return weights * (counts.sum() / (weights * counts).sum())


@torch.no_grad()
def measure(network: TitleNetwork, titles: EncodedTitles, batch_size: int = 1024) -> tuple[float, float]:
    """(cross-entropy without weights or smoothing, balanced accuracy: the mean recall of the categories seen)."""
    network.eval()
    categories = network.out.out_features
    right = torch.zeros(categories, device=titles.labels.device)
    loss = torch.zeros((), dtype=torch.float64, device=titles.labels.device)
    order = torch.arange(len(titles), device=titles.labels.device)
    for rows, batch in titles.batches(order, batch_size):
        labels = titles.labels[rows]
        with _precision(labels.device):
            logits = network(batch).float()
        loss += functional.cross_entropy(logits, labels, reduction="sum")
        right += torch.bincount(labels[logits.argmax(1) == labels], minlength=categories)
    counts = torch.bincount(titles.labels, minlength=categories)
    recall = right[counts > 0] / counts[counts > 0]
    return float(loss / len(titles)), float(recall.mean())


@dataclass(frozen=True)
class State:
    """A training between two steps: all that another process needs to go on as if nothing had happened.

    `facts` are plain JSON values, `tensors` share memory with the training: write them before it goes on.
    """

    facts: dict[str, Any]
    tensors: dict[str, Tensor]


def train(
    network: TitleNetwork,
    titles: EncodedTitles,
    validation: EncodedTitles,
    params: Train,
    *,
    progress_seconds: float = 0.5,
) -> Iterator[Progress | Epoch]:
    """Trains in place; see `Training.run`."""
    return Training(network, titles, validation, params).run(progress_seconds)


class Training:
    """One training, from its first step or from a `State`."""

    def __init__(self, network: TitleNetwork, titles: EncodedTitles, validation: EncodedTitles, params: Train) -> None:
        """Errors: BadData when there is nothing to train on."""
        if not len(titles) or not len(validation):
            raise BadData(f"nothing to train on: {len(titles)} training and {len(validation)} validation titles")
        device = titles.labels.device
        self.network = network
        self.titles = titles
        self.validation = validation
        self.params = params
        self.device = device
        self.optimizer = Optimizer(network, params)
        self.order = torch.Generator().manual_seed(params.seed)
        self.order_before = self.order.get_state()
        self.steps = math.ceil(len(titles) / params.batch_size) * params.epochs
        self.step = self.first_step = 0
        self.epoch = 1
        self.batches_done = 0
        self.began = self.told = time.monotonic()
        self.epochs: list[Epoch] = []
        self.best, self.stale = -1.0, 0
        self.kept: dict[str, Tensor] | None = None
        self.last_good = math.nan
        self.loss_total = torch.zeros((), dtype=torch.float64, device=device)
        self.weight_total = torch.zeros((), dtype=torch.float64, device=device)
        categories = network.out.out_features
        self.category_weights = category_weights(titles.labels, categories, params.class_weights)
        network.seed(params.seed, device)

    def run(self, progress_seconds: float = 0.5) -> Iterator[Progress | Epoch]:
        """Trains in place, where network and titles are; yields `Progress` now and then and an `Epoch` each.

        Afterwards the network holds the weights of the best epoch (ties go to the earlier), or of the last.
        Raises Diverged before the step whose loss or gradient is not finite.
        """
        self.began = self.told = time.monotonic()
        self.first_step = self.step
        while self.epoch <= self.params.epochs and not 0 < self.params.patience <= self.stale:
            began = time.monotonic()
            yield from self._steps(progress_seconds)
            loss, accuracy = measure(self.network, self.validation)
            yield self._close_epoch(loss, accuracy, time.monotonic() - began)
        if self.kept is not None:
            self.network.load_state_dict(self.kept)
        self.network.eval()

    def state(self) -> State:
        """Where the training stands. Only to be asked for while `run` waits: between two of its events."""
        facts = {
            "step": self.step, "epoch": self.epoch, "batches_done": self.batches_done,
            "epochs": [asdict(epoch) for epoch in self.epochs], "best": self.best, "stale": self.stale,
            "last_good": None if math.isnan(self.last_good) else self.last_good,
            "titles": len(self.titles), "rows_steps": self.optimizer.rows_steps(),
        }  # fmt: skip
        tensors = {
            "order": self.order_before,
            "dropout": self.network.generator.get_state(),
            "loss_total": self.loss_total,
            "weight_total": self.weight_total,
            **{f"network.{name}": value for name, value in self.network.state_dict().items()},
            **{f"optimizer.{name}": value for name, value in self.optimizer.tensors().items()},
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
        self.kept = {name: value.to(self.device) for name, value in _under("kept.", tensors).items()} or None
        self.network.generator.set_state(tensors["dropout"].cpu())
        self.order.set_state(tensors["order"].cpu())
        self.order_before = self.order.get_state()
        self.loss_total.copy_(tensors["loss_total"])
        self.weight_total.copy_(tensors["weight_total"])
        self.step, self.epoch, self.batches_done = facts["step"], facts["epoch"], facts["batches_done"]
        self.epochs = [Epoch(**epoch) for epoch in facts["epochs"]]
        self.best, self.stale = facts["best"], facts["stale"]
        self.last_good = math.nan if facts["last_good"] is None else facts["last_good"]

    def _close_epoch(self, loss: float, accuracy: float, seconds: float) -> Epoch:
        better = accuracy > self.best
        mean_loss = float(self.loss_total / self.weight_total)
        rate = learning_rate_at(self.step - 1, self.steps, self.params)
        closed = Epoch(self.epoch, mean_loss, loss, accuracy, rate, seconds, better)
        self.epochs.append(closed)
        self.stale = 0 if better else self.stale + 1
        if better:
            self.best = accuracy
            # The last epoch needs no copy: it is in the network already.
            copy = self.params.keep == "best" and self.epoch < self.params.epochs
            self.kept = {name: value.clone() for name, value in self.network.state_dict().items()} if copy else None
        self.epoch, self.batches_done = self.epoch + 1, 0
        self.order_before = self.order.get_state()
        return closed

    def _steps(self, progress_seconds: float) -> Iterator[Progress]:
        """The rest of the current epoch's steps."""
        self.network.train()
        self.network.set_epoch(self.epoch)
        if not self.batches_done:
            self.loss_total.zero_()
            self.weight_total.zero_()
        order = torch.randperm(len(self.titles), generator=self.order)[self.batches_done * self.params.batch_size :]
        for rows, batch in self.titles.batches(order.to(self.device), self.params.batch_size):
            loss = self._one_step(rows, batch)
            now = time.monotonic()
            if now - self.told >= progress_seconds:
                rate = (self.step - self.first_step) / (now - self.began)
                left, speed = (self.steps - self.step) / rate, self.params.batch_size * rate
                yield Progress(self.epoch, self.params.epochs, self.step, self.steps, speed, float(loss), left)
                self.told = time.monotonic()

    def _one_step(self, rows: Tensor, batch: Batch) -> Tensor:
        labels = self.titles.labels[rows]
        weights = self.category_weights[labels]
        if self.params.unreliable_weight < 1:
            weights = torch.where(self.titles.reliable[rows], weights, weights * self.params.unreliable_weight)
        with _precision(self.device):
            logits = self.network(batch).float()
        losses = functional.cross_entropy(logits, labels, reduction="none", label_smoothing=self.params.label_smoothing)
        weight = weights.sum()
        # A batch of weight 0 (only unreliable titles, weighted 0) teaches nothing and divides nothing.
        loss = (losses * weights).sum() / weight.clamp(min=1e-12)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = self.optimizer.gradient_norm()
        self._require_finite(loss.detach(), norm)
        self.optimizer.step(learning_rate_at(self.step, self.steps, self.params), norm)
        self.step += 1
        self.batches_done += 1
        self.loss_total += loss.detach() * weight
        self.weight_total += weight
        return loss.detach()

    def _require_finite(self, loss: Tensor, norm: Tensor) -> None:
        """The one number a step that the host must see: it decides whether there is a step at all."""
        if not bool(torch.isfinite(loss + norm)):
            what = "loss" if not bool(torch.isfinite(loss)) else "gradient"
            good = "none, it was the first step" if self.step == 0 else f"{self.last_good:.6g}"
            raise Diverged(
                f"the {what} is not finite at step {self.step + 1} of {self.steps} (last good loss: {good}); "
                f"the step was not taken. A smaller learning_rate (now {self.params.learning_rate:g}) or a "
                f"gradient_clip (now {self.params.gradient_clip:g}) helps"
            )
        self.last_good = float(loss) if self.device.type == "cpu" else self.last_good


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin so, without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _precision(device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")
