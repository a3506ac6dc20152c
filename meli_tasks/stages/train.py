"""train: from one hyperparameter set to a model.

In: `preprocess` (encoded titles, encoder, categories) and `embed` (vectors.npy). Out: model.safetensors and model.json
(together all that classifying a raw title needs), history.json (one entry per epoch), curves.png.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.training.memory import keep_freed_memory
from meli_tasks.core.training.progress import Epoch, Progress
from meli_tasks.core.training.trainer import Training
from meli_tasks.core.training.validation import trains_in_bfloat16
from meli_tasks.stages.files.model_files import write_model
from meli_tasks.stages.files.plots import draw_curves
from meli_tasks.stages.hooks import Hooks, Inputs, Log
from meli_tasks.stages.summaries import TrainSummary
from meli_tasks.stages.training.memory_needs import parameter_counts
from meli_tasks.stages.training.setup import (
    chosen_device,
    counts_row_steps,
    device_name,
    prepare,
    read_state,
    write_state,
)
from meli_tasks.stages.training.workers import Job, check_gpus, worker_group
from meli_tasks.wording import count, duration

OUTPUTS = ("model.safetensors", "model.json", "history.json", "curves.png")

# A shorter run starts again from the beginning if it is killed. Saving takes at most a twentieth of a longer run.
SECONDS_BETWEEN_EPOCH_CHECKPOINTS = 20.0
SECONDS_BETWEEN_CHECKPOINTS_IN_AN_EPOCH = 180.0
MAX_CHECKPOINT_FRACTION = 0.05

SECONDS_BETWEEN_STOP_CHECKS = 3.0
"""The longest wait for a requested stop, besides the step or the validation that is under way."""


def run(inputs: Inputs, out: Path, params: Train, hooks: Hooks) -> TrainSummary:
    """Train a model and write it, resuming from a checkpoint if there is one. Uses the threads that torch is set to.

    A requested stop keeps the best epoch so far; the summary says who requested it.

    Raises:
        Unreachable: there is no GPU though one is required, there are fewer than `hooks.gpus`, or one of several
            processes that train together has ended.
    """
    log, gpus = hooks.log, hooks.gpus
    device = chosen_device(hooks.device, log)
    keep_freed_memory()
    check_gpus(gpus, device, params)
    checkpoint = _usable(hooks.checkpoints.newest(), params, log)
    job = Job(inputs, params, device, gpus, checkpoint)
    with TemporaryDirectory() as work, worker_group(job, Path(work)) as group:
        training, encoder, categories = prepare(inputs, params, device, group)
        _log_start(training, gpus, log)
        started = time.monotonic()
        if checkpoint:
            _resume(training, checkpoint, log)
        stopped_by = _train(training, hooks)
    if checkpoint:
        checkpoint.unlink()
    seconds = time.monotonic() - started
    epochs, kept = training.epochs, training.kept_epoch
    log.info(
        f"kept epoch {kept.epoch}: balanced accuracy {kept.validation_balanced_accuracy:.4f} on validation; "
        f"{count(len(epochs), 'epoch')} in {duration(seconds)}, "
        f"{len(epochs) * len(training.titles) / seconds:,.0f} titles/s with validation"
    )
    write_model(out, training.network, encoder, categories)
    (out / "history.json").write_text(json.dumps([asdict(epoch) for epoch in epochs], indent=1), encoding="utf-8")
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
        world_size=gpus,
        batch_size_used=training.batch_size,
        stopped_by=stopped_by,
    )


def _log_start(training: Training, gpus: int, log: Log) -> None:
    size, categories = parameter_counts(training.network), training.network.out.out_features
    device = training.device.type if gpus == 1 else f"{gpus} x {training.device.type}"
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


def _usable(checkpoint: Path | None, params: Train, log: Log) -> Path | None:
    """The checkpoint, unless this version cannot continue it: the run then starts from the beginning."""
    if checkpoint and not counts_row_steps(checkpoint, params):
        log.info(
            "The checkpoint was written up to 0.1.0, which did not count the steps of each word's and n-gram's vector: "
            "training starts from the beginning"
        )
        checkpoint.unlink()
        return None
    return checkpoint


def _resume(training: Training, checkpoint: Path, log: Log) -> None:
    training.resume(read_state(checkpoint))
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
