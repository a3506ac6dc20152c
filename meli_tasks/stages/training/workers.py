"""Worker processes of a training run on several GPUs: started by the process that runs the stage, and ended with it.

`python -m meli_tasks.stages.training.workers FOLDER RANK` is one of them: it reads what to train from FOLDER/job.json,
takes its part of every batch, and writes nothing. On a machine without GPUs the workers run on its CPU.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import torch
from torch import distributed

from meli_tasks.core.errors import Unreachable
from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.training.distributed import ProcessGroup, SingleProcess, TorchProcessGroup, check_divisible
from meli_tasks.core.training.memory import keep_freed_memory
from meli_tasks.stages.training.setup import prepare, read_state

# Longer than validating or saving a checkpoint takes: the workers wait for rank 0 meanwhile.
TIMEOUT = timedelta(minutes=15)
SECONDS_TO_END = 5.0
PROGRAM = [sys.executable, "-m", "meli_tasks.stages.training.workers"]
MAX_LOG_TAIL = 600  # characters of a lost worker's output that its error shows


def check_gpus(world_size: int, device: str, params: Train) -> None:
    """Check that `world_size` processes can train this set on this machine.

    Raises:
        Unreachable: the machine has fewer GPUs.
        BadHyperparameters: the processes cannot divide the batches among them.
    """
    check_divisible(params, world_size)
    if device == "cuda" and world_size > torch.cuda.device_count():
        raise Unreachable(
            f"MELI_GPUS={world_size}, but this machine has {torch.cuda.device_count()}. Set MELI_GPUS to that number, "
            "or to 1."
        )


@dataclass(frozen=True)
class Job:
    """What the processes train: a stage's inputs and parameters, the kind of device, and a checkpoint to resume."""

    inputs: Mapping[str, Path]
    params: Train
    device: str
    world_size: int
    checkpoint: Path | None

    def write(self, folder: Path) -> None:
        """Write the job to where the workers read it."""
        job = {
            "inputs": {name: str(path.absolute()) for name, path in self.inputs.items()},
            "params": self.params.model_dump(mode="json"),
            "device": self.device,
            "world_size": self.world_size,
            "checkpoint": str(self.checkpoint.absolute()) if self.checkpoint else None,
        }
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Job:
        """Read what `write` wrote."""
        job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
        inputs = {name: Path(path) for name, path in job["inputs"].items()}
        checkpoint = Path(job["checkpoint"]) if job["checkpoint"] else None
        return cls(inputs, Train.model_validate(job["params"]), job["device"], job["world_size"], checkpoint)


@contextmanager
def worker_group(job: Job, folder: Path) -> Iterator[ProcessGroup]:
    """Start the workers; inside, this process has rank 0. Afterwards all have ended. One GPU starts nothing.

    Raises:
        Unreachable: a worker ended early; the message holds the end of its output.
    """
    world_size = job.world_size
    if world_size == 1:
        yield SingleProcess()
        return
    job.write(folder)
    workers: list[subprocess.Popen[bytes]] = []
    try:
        for rank in range(1, world_size):
            with (folder / f"worker-{rank}.log").open("wb") as log:
                workers.append(
                    subprocess.Popen(
                        [*PROGRAM, str(folder), str(rank)], stdout=log, stderr=log, stdin=subprocess.DEVNULL
                    )
                )
        yield join_group(folder, 0, job)
    except RuntimeError as error:
        lost = next((rank for rank, worker in enumerate(workers, 1) if _failed(worker)), None)
        if lost is None:
            raise
        output = (folder / f"worker-{lost}.log").read_text(encoding="utf-8", errors="replace")[-MAX_LOG_TAIL:].strip()
        raise Unreachable(
            f"Worker process {lost} of ranks 0 to {world_size - 1} ended early, so the training run cannot continue; a "
            f"retry resumes from its last checkpoint. The end of its output: {output or 'nothing'}"
        ) from error
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
        if distributed.is_initialized():
            distributed.destroy_process_group()


def _failed(worker: subprocess.Popen[bytes]) -> bool:
    """Whether a worker ended with an error. Its connection breaks a moment before the process has ended."""
    try:
        return worker.wait(timeout=SECONDS_TO_END) != 0
    except subprocess.TimeoutExpired:
        return False


def join_group(folder: Path, rank: int, job: Job) -> ProcessGroup:
    """Join the group of processes, which meet in a file of `folder`."""
    if job.device == "cuda":
        torch.cuda.set_device(rank)
    distributed.init_process_group(
        "nccl" if job.device == "cuda" else "gloo",
        init_method=(folder / "meeting").absolute().as_uri(),
        rank=rank,
        world_size=job.world_size,
        timeout=TIMEOUT,
    )
    return TorchProcessGroup()


def main() -> None:
    """Train to the end as one of the workers."""
    keep_freed_memory()
    folder, rank = Path(sys.argv[1]), int(sys.argv[2])
    job = Job.read(folder)
    group = join_group(folder, rank, job)
    training, _, _ = prepare(job.inputs, job.params, f"cuda:{rank}" if job.device == "cuda" else "cpu", group)
    if job.checkpoint:
        training.resume(read_state(job.checkpoint))
    for _ in training.run(progress_seconds=float("inf")):
        pass


if __name__ == "__main__":
    main()
