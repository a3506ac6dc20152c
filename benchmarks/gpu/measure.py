"""Titles per second of a training run's steps: as the loop takes them, compiled, and replayed as a CUDA graph."""

from __future__ import annotations

import itertools
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from meli_tasks.core.models.networks import PooledBatch
from meli_tasks.core.training.pooled_titles import AnyBatch
from meli_tasks.core.training.trainer import Training

WARM_UP_STEPS = {"cpu": 1, "cuda": 20}
STEPS_BETWEEN_LOOKS = {"cpu": 1, "cuda": 64}
"""A look at the clock has to wait for the GPU first."""
NEVER = 1 << 60

Step = Callable[[Tensor, AnyBatch], object]


@dataclass(frozen=True)
class Rate:
    """The steps that were timed, their titles per second, and the peak of the device's memory in bytes.

    `utilization` is the percentage of the time in which a kernel ran, by nvidia-smi; None without it.
    """

    titles_per_second: float
    steps: int
    seconds: float
    peak_bytes: int
    utilization: float | None

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)


def rate_of(training: Training, seconds: float, step: Step | None = None) -> Rate:
    """Take steps, epoch after epoch, for some seconds after a warm-up."""
    take = step or training._take_step
    training.network.train()
    training.network.set_epoch(NEVER)
    batches = _endless_batches(training)
    for rows, batch in itertools.islice(batches, WARM_UP_STEPS[training.device.type]):
        take(rows, batch)
    _wait(training)
    if training.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    titles = steps = 0
    with Utilization(training.device) as used:
        start = time.perf_counter()
        for rows, batch in batches:
            take(rows, batch)
            titles, steps = titles + len(rows), steps + 1
            if steps % STEPS_BETWEEN_LOOKS[training.device.type] == 0 or len(rows) >= 4_096:
                _wait(training)
                if time.perf_counter() - start >= seconds:
                    break
        _wait(training)
        passed = time.perf_counter() - start
    training.guard.check(NEVER)
    peak = torch.cuda.max_memory_allocated() if training.device.type == "cuda" else 0
    return Rate(titles / passed, steps, passed, peak, used.mean)


def _endless_batches(training: Training) -> Iterator[tuple[Tensor, AnyBatch]]:
    """Batches of whole size, epoch after epoch."""
    generator = torch.Generator().manual_seed(1)
    while True:
        order = torch.randperm(len(training.titles), generator=generator).to(training.device)
        for rows, batch in training.titles.batches(order, training.batch_size):
            if len(rows) == min(training.batch_size, len(training.titles)):
                yield rows, batch


def _wait(training: Training) -> None:
    if training.device.type == "cuda":
        torch.cuda.synchronize()


class Utilization:
    """Asks nvidia-smi twice a second, inside `with`, in which part of the time a kernel ran."""

    def __init__(self, device: torch.device) -> None:
        self.program = shutil.which("nvidia-smi") if device.type == "cuda" else None
        self.mean: float | None = None
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Utilization:
        if self.program:
            query = [self.program, "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "500"]
            self._process = subprocess.Popen(query, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return self

    def __exit__(self, *error: object) -> None:
        if self._process is None:
            return
        self._process.terminate()
        output, _ = self._process.communicate()
        values = [float(line) for line in output.splitlines() if line.strip().isdigit()]
        self.mean = statistics.mean(values[1:] or values) if values else None


class Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the operations that launch work: views and other changes of metadata do not."""

    VIEWS: ClassVar[set[str]] = {
        "view", "_unsafe_view", "reshape", "t", "transpose", "permute", "select", "slice", "expand", "unsqueeze",
        "squeeze", "detach", "alias", "split", "split_with_sizes", "as_strided", "empty", "new_empty", "empty_like",
        "lift_fresh", "unbind", "diagonal",
    }  # fmt: skip

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.count += str(func).removeprefix("aten.").partition(".")[0] not in self.VIEWS
        return func(*args, **(kwargs or {}))


def operations_of(training: Training) -> int:
    """Operations of one step on the CPU, without gathering its batch."""
    training.network.train()
    training.network.set_epoch(NEVER)
    rows, batch = next(_endless_batches(training))
    with Operations() as operations:
        training._take_step(rows, batch)
    count: int = operations.count
    return count


def compiled(training: Training) -> Step:
    """The step with the network compiled by torch.compile."""
    network = training.network
    network.forward = torch.compile(network.forward, dynamic=True)  # type: ignore[method-assign]
    return training._take_step


class GraphedStep:
    """A step of pooled titles, recorded as a CUDA graph and replayed with other titles.

    Only for sets whose steps all have the same shapes and a constant learning rate: the lab's MLP.
    """

    def __init__(self, training: Training) -> None:
        rows, batch = next(_endless_batches(training))
        assert isinstance(batch, PooledBatch)
        training.guard.interval = NEVER  # a check by the host cannot be recorded
        self.rows, self.values = rows.clone(), batch.values / batch.divisor
        step = PooledBatch(self.values, 1)
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                training._take_step(self.rows, step)
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        self.graph.register_generator_state(training.network.generator)
        with torch.cuda.graph(self.graph):
            training._take_step(self.rows, step)

    def __call__(self, rows: Tensor, batch: AnyBatch) -> None:
        """Replay the step with these titles."""
        assert isinstance(batch, PooledBatch)
        self.rows.copy_(rows)
        torch.div(batch.values, batch.divisor, out=self.values)
        self.graph.replay()


def pooled(training: Training) -> bool:
    """Whether `GraphedStep` can record the steps of this training run."""
    return hasattr(training.titles, "vectors") and training.params.schedule == "constant"


def write(path: Path, text: str) -> None:
    """Write a file into a folder that may not exist yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
