"""train: from one hyperparameter set to a model.

In: `preprocess` (encoded titles, encoder, categories) and `embed` (vectors.npy). Out: model.safetensors and model.json
(together all that classifying a raw title needs), history.json (one entry per epoch), curves.png.
None of them depends on a clock: the seconds of the epochs are recorded in the manifest.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.training.distributed import SingleProcess
from meli_tasks.core.training.memory import keep_freed_memory
from meli_tasks.stages.hooks import Hooks, Inputs, Log
from meli_tasks.stages.summaries import TrainSummary
from meli_tasks.stages.training.fitting import Fitting, fit
from meli_tasks.stages.training.job import Job
from meli_tasks.stages.training.setup import check_devices, chosen_device, counts_row_steps

OUTPUTS = ("model.safetensors", "model.json", "history.json", "curves.png")


def run(inputs: Inputs, out: Path, params: Train, hooks: Hooks) -> TrainSummary:
    """Train a model and write it, resuming from a checkpoint if there is one. Uses the threads that torch is set to.

    One device trains in this process; several train in processes of their own (`training.group`).

    A requested stop keeps the best epoch so far; the summary says who requested it.

    Raises:
        Unreachable: there is no GPU though one is required, there are fewer than `hooks.devices`, or one of several
            processes that train together has ended.
    """
    device = chosen_device(hooks.device, hooks.log)
    keep_freed_memory()
    together = hooks.devices * hooks.machines.count > 1
    if together:
        check_devices(hooks.devices, hooks.machines, device, params)
    checkpoint = _usable(hooks.checkpoints.newest(), params, hooks.log)
    if together:
        from meli_tasks.stages.training.group import train_in_group  # imports torch's elastic agent

        job = replace(_job(inputs, out, params, device, hooks), checkpoint=checkpoint)
        summary = train_in_group(job, hooks)
    else:
        summary = fit(Fitting(inputs, params, device, SingleProcess(), checkpoint), out, hooks)
    if checkpoint:
        checkpoint.unlink(missing_ok=True)
    return summary


def _job(inputs: Inputs, out: Path, params: Train, device: str, hooks: Hooks) -> Job:
    devices, machines = hooks.devices, hooks.machines
    return Job(
        inputs,
        out,
        params,
        device,
        devices,
        machines.count,
        machines.rendezvous,
        # Processes on one CPU share its cores.
        threads=max(1, torch.get_num_threads() // (devices if device == "cpu" else 1)),
        offer=machines.offer,
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
