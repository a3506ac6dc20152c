"""The one training loop, for every architecture: a generator that the caller logs and saves from.

The whole encoded set lives on the device; a batch is formed there by gathering from it. Nothing here knows a file,
a store or a tracking server.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from meli_tasks.core.errors import BadData, Diverged
from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.networks import Batch, TitleNetwork
from meli_tasks.core.optimizers import Optimizer

FIRST_SHARE = 1 / 25
"""one_cycle starts at this share of the peak."""


@dataclass(frozen=True)
class Csr:
    """Rows of different lengths, flat: row i is values[offsets[i]:offsets[i + 1]]."""

    ids: Tensor
    offsets: Tensor
    weights: Tensor | None = None

    def gather(self, rows: Tensor, total: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """Some rows -> (ids int64, offsets, weights); `total` is how many ids they hold, known without a sync."""
        starts = self.offsets[rows]
        lengths = self.offsets[rows + 1] - starts
        offsets = functional.pad(lengths.cumsum(0), (1, 0))
        shift = torch.repeat_interleave(starts - offsets[:-1], lengths, output_size=total)
        index = torch.arange(total, device=rows.device) + shift
        weights = None if self.weights is None else self.weights.index_select(0, index)
        return self.ids.index_select(0, index).long(), offsets, weights


@dataclass(frozen=True)
class EncodedTitles:
    """Titles as integers on one device, with their categories (all zeros when unknown)."""

    words: Csr
    labels: Tensor
    reliable: Tensor
    ngrams: Csr | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def from_arrays(
        cls,
        words: tuple[NDArray[np.int32], NDArray[np.int64]],
        ngrams: tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.float32]] | None = None,
        labels: NDArray[np.int32] | None = None,
        reliable: NDArray[np.bool_] | None = None,
        *,
        device: str = "cpu",
    ) -> EncodedTitles:
        """Arrays of the preprocess stage (memory-mapped ones too) -> tensors on `device`.

        `words`: ids and offsets. `ngrams`: ids, offsets and values.
        """

        def tensor(array: NDArray[np.generic]) -> Tensor:
            # A copy: torch may not share memory that is mapped read-only.
            return torch.from_numpy(np.array(array)).to(device)

        rows = len(words[1]) - 1
        return cls(
            words=Csr(tensor(words[0]), tensor(words[1])),
            labels=torch.zeros(rows, dtype=torch.int64, device=device) if labels is None else tensor(labels).long(),
            reliable=torch.ones(rows, dtype=torch.bool, device=device) if reliable is None else tensor(reliable),
            ngrams=None if ngrams is None else Csr(tensor(ngrams[0]), tensor(ngrams[1]), tensor(ngrams[2])),
        )

    def batches(self, order: Tensor, size: int) -> Iterator[tuple[Tensor, Batch]]:
        """(rows, batch) after (rows, batch), `size` titles each, in this order."""
        if not len(order):
            return
        chunks = torch.split(order, size)
        lengths = self.words.offsets.diff()[order]
        # One transfer an epoch tells the host every batch's size.
        longest = torch.stack([part.max() for part in torch.split(lengths, size)]).tolist()
        words = torch.stack([part.sum() for part in torch.split(lengths, size)]).tolist()
        ngrams = [0] * len(chunks)
        if self.ngrams is not None:
            lengths = self.ngrams.offsets.diff()[order]
            ngrams = torch.stack([part.sum() for part in torch.split(lengths, size)]).tolist()
        for rows, width, word_total, ngram_total in zip(chunks, longest, words, ngrams, strict=True):
            tokens, offsets, _ = self.words.gather(rows, word_total)
            batch = Batch(tokens, offsets, width)
            if self.ngrams is not None:
                ids, ngram_offsets, values = self.ngrams.gather(rows, ngram_total)
                batch = replace(batch, ngrams=ids, ngram_offsets=ngram_offsets, ngram_values=values)
            yield rows, batch


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


def train(
    network: TitleNetwork,
    titles: EncodedTitles,
    validation: EncodedTitles,
    params: Train,
    *,
    progress_seconds: float = 0.5,
) -> Iterator[Progress | Epoch]:
    """Trains in place, on the device where network and titles are; yields `Progress` now and then and an `Epoch` each.

    Afterwards the network holds the weights of the best epoch (ties go to the earlier), or of the last.
    Raises Diverged before the step whose loss or gradient is not finite, BadData when there is nothing to train on.
    """
    if not len(titles) or not len(validation):
        raise BadData(f"nothing to train on: {len(titles)} training and {len(validation)} validation titles")
    run = _Run(network, titles, params)
    kept: dict[str, Tensor] | None = None
    best, stale = -1.0, 0
    for number in range(1, params.epochs + 1):
        began = time.monotonic()
        yield from run.epoch(number, progress_seconds)
        loss, accuracy = measure(network, validation)
        better = accuracy > best
        stale = 0 if better else stale + 1
        rate = learning_rate_at(run.step - 1, run.steps, params)
        yield Epoch(number, run.mean_loss(), loss, accuracy, rate, time.monotonic() - began, better)
        if better:
            best = accuracy
            # The last epoch needs no copy: it is in the network already.
            keep_copy = params.keep == "best" and number < params.epochs
            kept = {name: value.clone() for name, value in network.state_dict().items()} if keep_copy else None
        if params.patience and stale >= params.patience:
            break
    if kept is not None:
        network.load_state_dict(kept)
    network.eval()


class _Run:
    """The state of one training between two steps."""

    def __init__(self, network: TitleNetwork, titles: EncodedTitles, params: Train) -> None:
        device = titles.labels.device
        self.network = network
        self.titles = titles
        self.params = params
        self.device = device
        self.optimizer = Optimizer(network, params)
        self.order = torch.Generator().manual_seed(params.seed)
        self.batches_an_epoch = math.ceil(len(titles) / params.batch_size)
        self.steps = self.batches_an_epoch * params.epochs
        self.step = 0
        self.began = time.monotonic()
        self.last_good = math.nan
        self.loss_total = torch.zeros((), dtype=torch.float64, device=device)
        self.weight_total = torch.zeros((), dtype=torch.float64, device=device)
        categories = network.out.out_features
        self.category_weights = category_weights(titles.labels, categories, params.class_weights)
        network.seed(params.seed, device)

    def mean_loss(self) -> float:
        return float(self.loss_total / self.weight_total)

    def epoch(self, number: int, progress_seconds: float) -> Iterator[Progress]:
        self.network.train()
        self.network.set_epoch(number)
        self.loss_total.zero_()
        self.weight_total.zero_()
        order = torch.randperm(len(self.titles), generator=self.order).to(self.device)
        told, done = time.monotonic(), 0
        for rows, batch in self.titles.batches(order, self.params.batch_size):
            loss = self.one_step(rows, batch)
            done += len(rows)
            now = time.monotonic()
            if now - told >= progress_seconds:
                speed = self.params.batch_size * self.step / (now - self.began)
                left = (self.steps - self.step) * (now - self.began) / self.step
                yield Progress(number, self.params.epochs, self.step, self.steps, speed, float(loss), left)
                told = time.monotonic()

    def one_step(self, rows: Tensor, batch: Batch) -> Tensor:
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
        self.require_finite(loss.detach(), norm)
        self.optimizer.step(learning_rate_at(self.step, self.steps, self.params), norm)
        self.step += 1
        self.loss_total += loss.detach() * weight
        self.weight_total += weight
        return loss.detach()

    def require_finite(self, loss: Tensor, norm: Tensor) -> None:
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


def _precision(device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")
