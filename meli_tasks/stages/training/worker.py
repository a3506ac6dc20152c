"""One of the processes that train a network together: `python -m meli_tasks.stages.training.worker FOLDER`.

torch's elastic agent starts it and says which one it is (RANK, LOCAL_RANK, WORLD_SIZE). Rank 0 is on the machine that
runs the stage: it logs, saves and writes the model. The others take their part of every batch and write nothing.
"""

from __future__ import annotations

import os
import sys
import traceback
from datetime import timedelta
from pathlib import Path

import torch
from torch import distributed
from torch.distributed.elastic.multiprocessing.errors import record

from meli_tasks.core.errors import MeliError
from meli_tasks.core.training.distributed import ProcessGroup, TorchProcessGroup
from meli_tasks.core.training.memory import keep_freed_memory
from meli_tasks.stages.training.channel import RemoteHooks, end_with_parent
from meli_tasks.stages.training.fitting import Fitting, fit
from meli_tasks.stages.training.job import Job
from meli_tasks.stages.training.meeting import open_meeting

# Longer than validating or saving a checkpoint takes: the workers wait for rank 0 meanwhile.
TIMEOUT = timedelta(minutes=15)


class PeerLost(Exception):
    """Another process has ended: the cause is there, not here."""


@record
def main() -> None:
    """Train to the end as one of the workers."""
    folder = Path(sys.argv[1])
    end_with_parent(folder)
    keep_freed_memory()
    job = Job.read(folder)
    torch.set_num_threads(job.threads)
    try:
        train(job, folder)
    except RuntimeError as error:
        if _is_of_a_collective(error):
            raise PeerLost(str(error)) from error
        raise
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()


def train(job: Job, folder: Path) -> None:
    """Join the group, and train with it."""
    local_rank = int(os.environ["LOCAL_RANK"])
    group = join_group(job, folder, local_rank)
    device = f"cuda:{local_rank}" if job.device == "cuda" else "cpu"
    fitting = Fitting(job.inputs, job.params, device, group, job.checkpoint, job.batch_size)
    if group.rank == 0 and job.out:
        remote = RemoteHooks(folder)
        remote.done(fit(fitting, job.out, remote.hooks(device)))
    else:
        training, _, _ = fitting.prepare()
        for _ in training.run(progress_seconds=float("inf")):
            pass


def join_group(job: Job, folder: Path, local_rank: int) -> ProcessGroup:
    """Join the group of processes, with the first process of the machine that runs the stage as rank 0."""
    rank, world_size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    store = open_meeting(job, folder)
    if job.leads and local_rank == 0:
        store.set("leader", str(rank))
    leader = int(store.get("leader"))
    if job.device == "cuda":
        torch.cuda.set_device(local_rank)
    distributed.init_process_group(
        "nccl" if job.device == "cuda" else "gloo",
        store=store,
        rank=(rank - leader) % world_size,
        world_size=world_size,
        timeout=TIMEOUT,
    )
    return TorchProcessGroup()


def _is_of_a_collective(error: RuntimeError) -> bool:
    """Whether torch.distributed raised an error, as it does if the connection to another process breaks."""
    frames = traceback.extract_tb(error.__traceback__)
    return not isinstance(error, MeliError) and bool(frames) and "/torch/distributed/" in frames[-1].filename


if __name__ == "__main__":
    main()
