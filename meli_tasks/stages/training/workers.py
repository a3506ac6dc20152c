"""The other processes of a training on several cards: started by the one that is the task, ended with it.

`python -m meli_tasks.stages.training.workers FOLDER NUMBER` is one of them: it reads what to train from
FOLDER/asked.json, takes its share of every batch, and writes nothing. On a machine without cards they are processes
on its CPU.
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
from meli_tasks.core.training.distributed import ProcessGroup, SingleProcess, TorchProcessGroup, check_shared
from meli_tasks.core.training.memory import keep_freed_memory

# Longer than measuring or saving a checkpoint takes: the others wait meanwhile.
PATIENCE = timedelta(minutes=15)
SECONDS_TO_END = 5.0
PROGRAM = [sys.executable, "-m", "meli_tasks.stages.training.workers"]
LAST_WORDS = 600  # characters of what a process said before it ended


def check_cards(count: int, device: str, params: Train) -> None:
    """Errors: Unreachable when this machine has fewer cards, BadHyperparameters when they cannot share the work."""
    check_shared(params, count)
    if device == "cuda" and count > torch.cuda.device_count():
        raise Unreachable(
            f"MELI_CARDS={count}, but this machine has {torch.cuda.device_count()} cards: set it to that, or to 1"
        )


@dataclass(frozen=True)
class Asked:
    """What the processes train: a stage's inputs and parameters, on which kind of device, from which checkpoint on."""

    inputs: Mapping[str, Path]
    params: Train
    device: str
    count: int
    checkpoint: Path | None

    def write(self, work: Path) -> None:
        """Where the others read it."""
        told = {
            "inputs": {name: str(path.absolute()) for name, path in self.inputs.items()},
            "params": self.params.model_dump(mode="json"),
            "device": self.device,
            "count": self.count,
            "checkpoint": str(self.checkpoint.absolute()) if self.checkpoint else None,
        }
        (work / "asked.json").write_text(json.dumps(told), encoding="utf-8")

    @classmethod
    def read(cls, work: Path) -> Asked:
        """What `write` wrote."""
        told = json.loads((work / "asked.json").read_text(encoding="utf-8"))
        inputs = {name: Path(path) for name, path in told["inputs"].items()}
        checkpoint = Path(told["checkpoint"]) if told["checkpoint"] else None
        return cls(inputs, Train.model_validate(told["params"]), told["device"], told["count"], checkpoint)


@contextmanager
def together(asked: Asked, work: Path) -> Iterator[ProcessGroup]:
    """This process as card 0, the others started; all have ended afterwards. One card: nothing is started.

    Raises Unreachable when one of the others ended before its time; what it said last is in the message.
    """
    count = asked.count
    if count == 1:
        yield SingleProcess()
        return
    asked.write(work)
    others: list[subprocess.Popen[bytes]] = []
    try:
        for number in range(1, count):
            with (work / f"card-{number}.log").open("wb") as log:
                others.append(
                    subprocess.Popen(
                        [*PROGRAM, str(work), str(number)], stdout=log, stderr=log, stdin=subprocess.DEVNULL
                    )
                )
        yield joined(work, 0, asked)
    except RuntimeError as error:
        lost = next((number for number, other in enumerate(others, 1) if _ended_badly(other)), None)
        if lost is None:
            raise
        said = (work / f"card-{lost}.log").read_text(encoding="utf-8", errors="replace")[-LAST_WORDS:].strip()
        raise Unreachable(
            f"the process on card {lost} of {count} ended before its time, so the training cannot go on; a retry goes "
            f"on from its checkpoint. It said: {said or 'nothing'}"
        ) from error
    finally:
        for other in others:
            other.kill()
            other.wait()
        if distributed.is_initialized():
            distributed.destroy_process_group()


def _ended_badly(other: subprocess.Popen[bytes]) -> bool:
    """Whether a process ended with an error; a connection breaks a moment before its process has ended."""
    try:
        return other.wait(timeout=SECONDS_TO_END) != 0
    except subprocess.TimeoutExpired:
        return False


def joined(work: Path, number: int, asked: Asked) -> ProcessGroup:
    """This process as one of those that train; they meet in a file of the folder."""
    if asked.device == "cuda":
        torch.cuda.set_device(number)
    distributed.init_process_group(
        "nccl" if asked.device == "cuda" else "gloo",
        init_method=(work / "meeting").absolute().as_uri(),
        rank=number,
        world_size=asked.count,
        timeout=PATIENCE,
    )
    return TorchProcessGroup()


def main() -> None:
    """Trains to the end as one of the others."""
    from meli_tasks.stages.train import read_state, ready

    keep_freed_memory()
    work, number = Path(sys.argv[1]), int(sys.argv[2])
    asked = Asked.read(work)
    cards = joined(work, number, asked)
    training, _, _ = ready(asked.inputs, asked.params, f"cuda:{number}" if asked.device == "cuda" else "cpu", cards)
    if asked.checkpoint:
        training.resume(read_state(asked.checkpoint))
    for _ in training.run(progress_seconds=float("inf")):
        pass


if __name__ == "__main__":
    main()
