"""The one training loop, for every architecture: a generator whose caller logs and saves.

Nothing here opens a file, a store or a tracking server.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from meli_tasks.core.data.encoded_titles import EncodedTitles
from meli_tasks.core.data.host_waits import host_waits
from meli_tasks.core.errors import BadData
from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.models.networks import TitleNetwork
from meli_tasks.core.training.distributed import ProcessGroup, SingleProcess
from meli_tasks.core.training.ema import EMA
from meli_tasks.core.training.epoch_totals import EpochTotals
from meli_tasks.core.training.finite_guard import FiniteGuard
from meli_tasks.core.training.loss import TitleLoss
from meli_tasks.core.training.memory import free_memory, halved, out_of_memory_in_group
from meli_tasks.core.training.optimizers import Optimizer
from meli_tasks.core.training.padding import typical_longest
from meli_tasks.core.training.pooled_titles import AnyBatch, pool_if_frozen
from meli_tasks.core.training.progress import Epoch, Progress
from meli_tasks.core.training.schedule import learning_rate_at
from meli_tasks.core.training.state import Metadata, State
from meli_tasks.core.training.validation import (
    first_validation_batch_size,
    reduced_precision,
    trains_in_bfloat16,
    validate_within_memory,
)

GPU_CHECK_INTERVAL = 64
"""On a GPU, the number of steps between two checks by the host that the losses are finite."""


class Training:
    """One training run, from its first step or from a `State`."""

    def __init__(
        self,
        network: TitleNetwork,
        titles: EncodedTitles,
        validation: EncodedTitles,
        params: Train,
        group: ProcessGroup | None = None,
    ) -> None:
        """Prepare to train `network`, in place, on the device of the titles. Each process of `group` has all titles.

        Raises:
            BadData: there are no titles.
        """
        if not len(titles) or not len(validation):
            raise BadData(f"nothing to train on: {len(titles)} training and {len(validation)} validation titles")
        self.device = device = titles.labels.device
        self.network = network
        self.padded_to = typical_longest(titles, params)
        self.titles = pool_if_frozen(network, titles)
        self.validation = pool_if_frozen(network, validation)
        self.params = params
        self.loss = TitleLoss(self.titles, network.out.out_features, params)
        self.group = group or SingleProcess()
        self.optimizer = Optimizer(network, params, self.group)
        self.ema = EMA(self.optimizer, params.ema_decay) if params.ema_decay else None
        self.guard = FiniteGuard(device, params, interval=1 if device.type == "cpu" else GPU_CHECK_INTERVAL)
        self.order = torch.Generator().manual_seed(params.seed)
        self.order_at_epoch_start = self.order.get_state()
        self.batch_size, self.validation_batch_size = params.batch_size, first_validation_batch_size(params)
        self.step, self.epoch, self.titles_done, self.titles_since_start = 0, 1, 0, 0
        self.started_at = self.last_report_at = time.monotonic()
        self.epochs: list[Epoch] = []
        self.best_accuracy, self.epochs_without_improvement = -1.0, 0
        self.stop_requested = self.stopped = self.cut_short = False
        self.best_state: dict[str, Tensor] | None = None
        self.totals = EpochTotals(device)
        network.seed(params.seed + self.group.rank, device)

    @property
    def steps(self) -> int:
        """Steps of the whole training run, at the current batch size."""
        return math.ceil(len(self.titles) / self.batch_size) * self.params.epochs

    def run(self, progress_seconds: float = 0.5) -> Iterator[Progress | Epoch]:
        """Train, and yield `Progress` at most every `progress_seconds` and an `Epoch` after each epoch.

        Afterwards the network holds the weights of the epoch `kept_epoch`.

        Raises:
            Diverged: a loss or gradient is not finite. The step was not taken.
            OutOfMemory: not even the smallest batch fits.
        """
        self.started_at = self.last_report_at = time.monotonic()
        self.titles_since_start = 0
        while self.epoch <= self.params.epochs and not self.stopped and not self._out_of_patience:
            started = time.monotonic()
            yield from self._run_epoch(progress_seconds)
            if self.titles_done:
                yield self._close_epoch(*self._validate(), time.monotonic() - started)
        # A stop after the last epoch changed nothing.
        self.cut_short |= self.stopped and self.epoch <= self.params.epochs
        if self.best_state is not None and self.keeps_best:
            self.network.load_state_dict(self.best_state)
        elif self.ema:
            self.ema.take_over()
        self.network.padded_to = self.padded_to
        self.network.eval()

    @property
    def keeps_best(self) -> bool:
        """Whether the best epoch becomes the model: if the set says so, or the run was stopped early."""
        return self.params.keep == "best" or self.cut_short

    @property
    def kept_epoch(self) -> Epoch:
        """The epoch whose weights the network ends with: the best (ties go to the earlier) or the last."""
        if self.keeps_best:
            return max(self.epochs, key=lambda epoch: epoch.validation_balanced_accuracy)
        return self.epochs[-1]

    def stop(self) -> None:
        """Stop as early stopping would: the current epoch is cut short and validated, and may be the best."""
        self.stop_requested = True
        self.stopped |= self.group.world_size == 1  # several processes must stop at the same step: see _sum_of_group

    def state(self) -> State:
        """The current state. Call it only while `run` is suspended between two of its events."""
        metadata = Metadata(
            step=self.step, epoch=self.epoch, titles_done=self.titles_done, batch_size=self.batch_size,
            epochs=tuple(self.epochs), best_accuracy=self.best_accuracy,
            epochs_without_improvement=self.epochs_without_improvement, last_good_loss=self.guard.last_good_loss,
            titles=len(self.titles), row_steps=tuple(self.optimizer.row_steps()),
            ema_steps=self.ema.steps if self.ema else 0, device=self.device.type,
            stopped=self.stopped, cut_short=self.cut_short,
        )  # fmt: skip
        tensors = {
            "order": self.order_at_epoch_start,
            "dropout": self.network.generator.get_state(),
            **self.totals.tensors(),
            **{f"network.{name}": value for name, value in self.network.state_dict().items()},
            **{f"optimizer.{name}": value for name, value in self.optimizer.tensors().items()},
            **{f"ema.{name}": value for name, value in (self.ema.tensors() if self.ema else {}).items()},
            **{f"best_state.{name}": value for name, value in (self.best_state or {}).items()},
        }
        return State(metadata, tensors)

    def resume(self, state: State) -> None:
        """Continue from a state instead of from the first step.

        Raises:
            BadData: the state belongs to a training run on other titles.
        """
        metadata, tensors = state.metadata, state.tensors
        if metadata.titles != len(self.titles):
            raise BadData(
                f"the checkpoint is of a run on {metadata.titles:,} training titles, but there are {len(self.titles):,}"
            )
        self.network.load_state_dict(state.under("network."))
        self.optimizer.load(state.under("optimizer."), list(metadata.row_steps))
        if self.ema:
            self.ema.load(state.under("ema."), metadata.ema_steps)
        self.best_state = {name: value.to(self.device) for name, value in state.under("best_state.").items()} or None
        if self.group.rank == 0 and metadata.device == self.device.type:
            self.network.generator.set_state(tensors["dropout"].cpu())
        else:  # another kind of device draws other numbers, and another process draws for its own titles
            seed = self.params.seed + self.group.rank + self.group.world_size * metadata.step
            self.network.seed(seed, self.device)
        self.order.set_state(tensors["order"].cpu())
        self.order_at_epoch_start = self.order.get_state()
        self.totals.load(tensors)
        self.step, self.epoch, self.titles_done = metadata.step, metadata.epoch, metadata.titles_done
        self.batch_size, self.epochs = metadata.batch_size, list(metadata.epochs)
        self.best_accuracy = metadata.best_accuracy
        self.epochs_without_improvement = metadata.epochs_without_improvement
        self.stopped, self.cut_short = metadata.stopped, metadata.cut_short
        self.guard.last_good_loss = metadata.last_good_loss

    def limit_batch_size(self, batch_size: int) -> None:
        """Take smaller batches from here on, after larger ones did not fit."""
        if batch_size < self.batch_size:
            self.batch_size = batch_size
            self._continue_with_smaller_batches()

    @property
    def _out_of_patience(self) -> bool:
        return 0 < self.params.patience <= self.epochs_without_improvement

    def _averaged(self) -> AbstractContextManager[None]:
        """The context in which the network's weights are the EMA, if there is one."""
        return self.ema.in_place() if self.ema else nullcontext()

    def _close_epoch(self, loss: float, accuracy: float, seconds: float) -> Epoch:
        better = accuracy > self.best_accuracy
        rate = learning_rate_at(self.step - 1, self.steps, self.params)
        totals = self.totals
        closed = Epoch(self.epoch, totals.loss, loss, accuracy, rate, seconds, better, totals.cross_entropy)
        self.epochs.append(closed)
        self.epochs_without_improvement = 0 if better else self.epochs_without_improvement + 1
        if better:
            self.best_accuracy = accuracy
            # The last epoch needs no copy: its weights, or their average, are there when the run ends.
            copy = self.epoch < self.params.epochs
            with self._averaged():
                weights = self.network.state_dict()
                self.best_state = {name: value.clone() for name, value in weights.items()} if copy else None
        self.epoch, self.titles_done = self.epoch + 1, 0
        self.order_at_epoch_start = self.order.get_state()
        return closed

    def _validate(self) -> tuple[float, float]:
        """(loss, balanced accuracy) on the validation titles, of the averaged weights if there is an EMA."""
        self.guard.check(self.steps)
        result = [0.0, 0.0]
        if self.group.rank == 0:
            with self._averaged():
                *result, self.validation_batch_size = validate_within_memory(
                    self.network, self.validation, self.validation_batch_size
                )
        if self.group.world_size > 1:
            result = self.group.broadcast(torch.tensor(result, dtype=torch.float64, device=self.device)).tolist()
            requested = torch.tensor([float(self.stop_requested)], device=self.device)
            self.stopped |= bool(self.group.sum(requested))
        return result[0], result[1]

    def _run_epoch(self, progress_seconds: float) -> Iterator[Progress]:
        """The remaining steps of the current epoch, in smaller batches if the memory is too small."""
        self.network.train()
        self.network.set_epoch(self.epoch)
        if self.titles_done == 0:
            self.totals.reset()
        with host_waits("once per epoch: the order of the titles"):
            order = torch.randperm(len(self.titles), generator=self.order).to(self.device)
        while self.titles_done < len(order) and not self.stopped:
            try:
                yield from self._take_steps(order[self.titles_done :], progress_seconds)
            except torch.OutOfMemoryError as error:
                if self.group.world_size > 1:  # the others wait for this process's part of the step
                    raise out_of_memory_in_group(self.batch_size, str(error)) from error
                self.batch_size = halved(self.batch_size, str(error))
            else:
                continue
            self._continue_with_smaller_batches()

    def _continue_with_smaller_batches(self) -> None:
        """Recount the steps. The failed step changed nothing; the schedule continues where it was."""
        self.optimizer.release()
        free_memory(self.device)
        steps_per_epoch = math.ceil(len(self.titles) / self.batch_size)
        self.step = (self.epoch - 1) * steps_per_epoch + self.titles_done // self.batch_size

    def _take_steps(self, order: Tensor, progress_seconds: float) -> Iterator[Progress]:
        own, size = self.group.shard(order, self.batch_size)
        for rows, batch in self.titles.batches(own, size):
            loss = self._take_step(rows, batch)
            done = min(self.batch_size, len(order))
            order = order[done:]
            self.titles_done += done
            self.titles_since_start += done
            now = time.monotonic()
            if now - self.last_report_at >= progress_seconds:
                yield self._progress(loss, now)
                self.last_report_at = time.monotonic()
            if self.stopped:
                self.cut_short |= self.titles_done < len(self.titles)
                return
        self.titles_done += len(order)  # a last batch with fewer titles than processes

    def _progress(self, loss: Tensor, now: float) -> Progress:
        self.guard.check(self.steps)
        speed = self.titles_since_start / (now - self.started_at)
        left = len(self.titles) * (self.params.epochs - self.epoch + 1) - self.titles_done
        with host_waits("twice a second at most: the loss to report"):
            current = float(loss)
        return Progress(self.epoch, self.params.epochs, self.step, self.steps, speed, current, left / speed)

    def _take_step(self, rows: Tensor, batch: AnyBatch) -> Tensor:
        with reduced_precision(self.device, trains_in_bfloat16(self.params, self.device)):
            logits = self.network(batch).float()
        own_total, weight = self.loss.of(logits, rows)
        total = own_total.detach()
        cross_entropy = total if self.loss.plain else self.loss.cross_entropy(logits, rows)
        titles = torch.full_like(total, len(rows))
        if self.group.world_size > 1:
            total, weight, cross_entropy, titles = self._sum_of_group(total, weight, cross_entropy, titles)
        # A batch of weight 0 (only unreliable titles, weighted 0) changes nothing and must not divide by 0.
        weight = weight.clamp(min=1e-12)
        self.optimizer.zero_grad()
        own_loss = own_total / weight
        own_loss.backward()  # type: ignore[no-untyped-call]
        loss = own_loss.detach() if self.group.world_size == 1 else total / weight
        norm = self.optimizer.gradient_norm()
        skip = self.guard.admit(loss, norm, self.step, self.steps)
        update_rows = self.ema.update_rows if self.ema else None
        self.optimizer.step(learning_rate_at(self.step, self.steps, self.params), norm, skip, update_rows)
        if self.ema:
            self.ema.after_step()
        self.step += 1
        self.totals.add(total, weight, cross_entropy, titles)
        return loss

    def _sum_of_group(self, *sums: Tensor) -> Tensor:
        """These sums over the whole batch, from the part of each process. Also learns whether a stop was requested."""
        parts = self.group.sum(torch.stack([*sums, torch.full_like(sums[0], float(self.stop_requested))]))
        if (self.step + 1) % self.guard.interval == 0:
            with host_waits("once per `interval` steps: whether a stop was requested"):
                self.stopped |= bool(parts[-1])
        return parts[:-1]
