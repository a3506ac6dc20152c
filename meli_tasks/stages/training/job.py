"""What several processes train together: written by the process that runs the stage, read by the others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from meli_tasks.core.hyperparameters import Train

JOB, LOGS, CHANNEL, MEETING, CHECKPOINT = "job.json", "logs", "channel", "meeting", "checkpoint"
WORKER = "meli_tasks.stages.training.worker"


@dataclass(frozen=True)
class Job:
    """A training run on `devices` of each of `machines`.

    Args:
        inputs: The folders of the stage's inputs on this machine.
        out: Where the process of rank 0 writes the model; None on a machine that has not started the run.
        params: The hyperparameters.
        device: "cuda" or "cpu".
        devices: Processes on this machine, with a device each.
        machines: The number of machines.
        rendezvous: host:port at which several machines meet; the machine that runs the stage listens there.
        run_id: Tells this attempt from every other.
        checkpoint: A state to resume from.
        batch_size: Titles per step, if fewer than the parameters say.
        threads: Threads of each process.
        worker: The module that is a worker process.
    """

    inputs: Mapping[str, Path]
    out: Path | None
    params: Train
    device: str
    devices: int
    machines: int = 1
    rendezvous: str = ""
    run_id: str = "training"
    checkpoint: Path | None = None
    batch_size: int = 0
    threads: int = 1
    worker: str = WORKER
    offer: Mapping[str, object] = field(default_factory=dict)

    @property
    def leads(self) -> bool:
        """Whether the process of rank 0 is on this machine."""
        return self.out is not None

    @property
    def world_size(self) -> int:
        """The processes on all machines."""
        return self.devices * self.machines

    def write(self, folder: Path) -> None:
        """Write the job to where the processes of this machine read it."""
        job = {
            **vars(self),
            "inputs": {name: str(path.absolute()) for name, path in self.inputs.items()},
            "out": str(self.out.absolute()) if self.out else None,
            "params": self.params.model_dump(mode="json"),
            "checkpoint": str(self.checkpoint.absolute()) if self.checkpoint else None,
            "offer": dict(self.offer),
        }
        (folder / JOB).write_text(json.dumps(job), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Job:
        """Read what `write` wrote."""
        job = json.loads((folder / JOB).read_text(encoding="utf-8"))
        job["inputs"] = {name: Path(path) for name, path in job["inputs"].items()}
        job["params"] = Train.model_validate(job["params"])
        for name in ("out", "checkpoint"):
            job[name] = Path(job[name]) if job[name] else None
        return cls(**job)
