"""One training run from its inputs to the files of a model, in this process or as rank 0 of several."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.text.encoder import Encoder
from meli_tasks.core.training.distributed import ProcessGroup
from meli_tasks.core.training.progress import Epoch, Progress
from meli_tasks.core.training.shared_state import share_state
from meli_tasks.core.training.trainer import Training
from meli_tasks.core.training.validation import trains_in_bfloat16
from meli_tasks.stages.files.model_files import write_model
from meli_tasks.stages.hooks import Hooks, Log
from meli_tasks.stages.summaries import TrainSummary
from meli_tasks.stages.timings import Timings
from meli_tasks.stages.training.memory_needs import parameter_counts
from meli_tasks.stages.training.setup import device_name, prepare, read_state, write_state
from meli_tasks.wording import count, duration

# A shorter run starts again from the beginning if it is killed. Saving takes at most a twentieth of a longer run.
SECONDS_BETWEEN_EPOCH_CHECKPOINTS = 20.0
SECONDS_BETWEEN_CHECKPOINTS_IN_AN_EPOCH = 180.0
MAX_CHECKPOINT_FRACTION = 0.05

SECONDS_BETWEEN_STOP_CHECKS = 3.0
"""The longest wait for a requested stop, besides the step or the validation that is under way."""


@dataclass(frozen=True)
class Fitting:
    """What one process trains, and with which others. `batch_size` limits the titles per step; 0 does not."""

    inputs: Mapping[str, Path]
    params: Train
    device: str
    group: ProcessGroup
    checkpoint: Path | None = None
    batch_size: int = 0

    def prepare(self) -> tuple[Training, Encoder, list[str]]:
        """The training run before its next step, and the encoder and the categories of its model."""
        training, encoder, categories = prepare(self.inputs, self.params, self.device, self.group)
        if self.checkpoint and self.group.rank == 0:
            training.resume(read_state(self.checkpoint))
        share_state(training, self.group)
        if self.batch_size:
            training.limit_batch_size(self.batch_size)
        return training, encoder, categories


def fit(fitting: Fitting, out: Path, hooks: Hooks) -> TrainSummary:
    """Train to the end, or until a stop is requested, and write the model into `out`."""
    from meli_tasks.stages.files.plots import (
        draw_curves,  # imports matplotlib, which only one of several processes needs
    )

    log, params, world_size = hooks.log, fitting.params, fitting.group.world_size
    training, encoder, categories = fitting.prepare()
    _log_start(training, world_size, log)
    started = time.monotonic()
    if fitting.checkpoint:
        _log_resumed(training, log)
    stopped_by = _train(training, hooks)
    seconds = time.monotonic() - started
    epochs, kept = training.epochs, training.kept_epoch
    log.info(
        f"kept epoch {kept.epoch}: balanced accuracy {kept.validation_balanced_accuracy:.4f} on validation; "
        f"{count(len(epochs), 'epoch')} in {duration(seconds)}, "
        f"{len(epochs) * len(training.titles) / seconds:,.0f} titles/s with validation"
    )
    if fitting.group.bytes_received:
        log.info(f"each of the {world_size} processes received {fitting.group.bytes_received / 1e6:,.1f} MB")
    write_model(out, training.network, encoder, categories)
    _write_history(out / "history.json", epochs)
    hooks.record_timings(Timings(epoch_seconds=tuple(round(epoch.seconds, 3) for epoch in epochs)))
    draw_curves(epochs, kept.epoch, out / "curves.png")
    size = parameter_counts(training.network)
    return TrainSummary(
        kept_epoch=kept.epoch,
        validation_balanced_accuracy=kept.validation_balanced_accuracy,
        validation_loss=kept.validation_loss,
        train_loss=kept.train_loss,
        train_cross_entropy=kept.train_cross_entropy,
        epochs_run=len(epochs),
        parameters=size["all"],
        trained_parameters=size["trained"],
        device=device_name(training.device),
        threads=torch.get_num_threads(),
        precision="bfloat16" if trains_in_bfloat16(params, training.device) else "float32",
        world_size=world_size,
        batch_size_used=training.batch_size,
        stopped_by=stopped_by,
    )


def _write_history(path: Path, epochs: Sequence[Epoch]) -> None:
    fields = [{name: value for name, value in asdict(epoch).items() if name != "seconds"} for epoch in epochs]
    path.write_text(json.dumps(fields, indent=1), encoding="utf-8")


def _log_start(training: Training, world_size: int, log: Log) -> None:
    size, categories = parameter_counts(training.network), training.network.out.out_features
    device = training.device.type if world_size == 1 else f"{world_size} x {training.device.type}"
    log.info(
        f"{training.params.architecture} on {device}: {len(training.titles):,} training and "
        f"{len(training.validation):,} validation titles, {categories:,} categories, {size['trained']:,} of "
        f"{size['all']:,} parameters trainable"
    )


def _train(training: Training, hooks: Hooks) -> str:
    """Train to the end, or until a stop is requested: by whom, and when; empty if nobody did."""
    log, stops = hooks.log, hooks.stop_requests
    pace, batch_size, stopped_by, last_check = _CheckpointPace(), training.batch_size, "", time.monotonic()
    for event in training.run():
        _log_event(event, training.params.epochs, log)
        if training.batch_size < batch_size:
            log.info(
                f"the GPU's memory was full with {batch_size:,} titles per step: continuing with "
                f"{training.batch_size:,}"
            )
            batch_size = training.batch_size
        if pace.due(isinstance(event, Epoch)):
            with pace.saving():
                hooks.checkpoints.save(lambda path: write_state(path, training.state()))
        over = isinstance(event, Epoch) and event.epoch == training.params.epochs
        if not over and (isinstance(event, Epoch) or time.monotonic() - last_check >= SECONDS_BETWEEN_STOP_CHECKS):
            stopped_by, last_check = stops.requested_by() or stopped_by, time.monotonic()
            if stopped_by and not training.stop_requested:
                log.info(f"stop requested by {stopped_by}: keeping the best epoch")
                training.stop()
    if training.cut_short:
        # If it was killed after the stop, the resumed run has nothing left to train, but still counts as stopped.
        return stopped_by or stops.requested_by() or ""
    return ""


def _log_event(event: Progress | Epoch, epochs: int, log: Log) -> None:
    if isinstance(event, Progress):
        log.progress(**asdict(event))
        return
    log.epoch(asdict(event))
    train = "not recorded" if event.train_cross_entropy is None else f"{event.train_cross_entropy:.4f}"
    log.info(
        f"epoch {event.epoch}/{epochs}: cross-entropy {train} in training, {event.validation_loss:.4f} on validation; "
        f"balanced accuracy {event.validation_balanced_accuracy:.4f}{' (best)' if event.best else ''}, "
        f"{duration(event.seconds)}"
    )


def _log_resumed(training: Training, log: Log) -> None:
    for epoch in training.epochs:
        log.epoch(asdict(epoch))
    log.info(f"resumed at epoch {training.epoch}, step {training.step:,} of {training.steps:,}, from a checkpoint")


class _CheckpointPace:
    """When to save: at the end of an epoch, every few minutes within a long one, and never at much cost."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._cost = 0.0

    def due(self, epoch_ended: bool) -> bool:
        pause = SECONDS_BETWEEN_EPOCH_CHECKPOINTS if epoch_ended else SECONDS_BETWEEN_CHECKPOINTS_IN_AN_EPOCH
        return time.monotonic() - self._last >= max(pause, self._cost / MAX_CHECKPOINT_FRACTION)

    @contextmanager
    def saving(self) -> Iterator[None]:
        started = time.monotonic()
        yield
        self._last = time.monotonic()
        self._cost = self._last - started
