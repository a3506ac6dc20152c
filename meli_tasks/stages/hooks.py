"""What a stage receives besides its inputs and parameters: a log, checkpoints, and requests to stop.

A stage knows only these protocols. The caller decides what is behind them: a terminal, the store, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

from typing_extensions import override

from meli_tasks.rowfiles.limits import ReadingLimits
from meli_tasks.stages.timings import Timings

Inputs: TypeAlias = Mapping[str, Path]
"""A stage's inputs by name: the folder of another stage's artifact, or a source."""


class Log(Protocol):
    """Where a stage reports: a terminal, a task's log, the progress log in the store, or nowhere."""

    def info(self, message: str) -> None:
        """Report one line for a person."""

    def progress(self, **values: float | int | str) -> None:
        """Report how far the stage is, e.g. epoch=3, epochs=10, step, steps, titles_per_second, loss, seconds_left.

        May be called at every step: the receiver decides how much of it to keep.
        """

    def epoch(self, values: Mapping[str, float | int | bool]) -> None:
        """Report a finished epoch: the fields of `core.training.progress.Epoch`."""


class Checkpoints(Protocol):
    """The saved states of one step, of which only the newest counts."""

    def newest(self) -> Path | None:
        """A file with the last saved state, whichever process saved it; None if there is none."""

    def save(self, write: Callable[[Path], None]) -> None:
        """Store the file that `write` writes. This may fail silently: a lost checkpoint costs time, not results."""


class StopRequests(Protocol):
    """Requests that a step stops early and keeps the best it has."""

    def requested_by(self) -> str | None:
        """Who requested a stop, and when; None if nobody did. It may query a server: do not call it at every step."""


class SilentLog(Log):
    """Reports nowhere."""

    @override
    def info(self, message: str) -> None:
        pass

    @override
    def progress(self, **values: float | int | str) -> None:
        pass

    @override
    def epoch(self, values: Mapping[str, float | int | bool]) -> None:
        pass


class NoCheckpoints(Checkpoints):
    """Keeps nothing."""

    @override
    def newest(self) -> Path | None:
        return None

    @override
    def save(self, write: Callable[[Path], None]) -> None:
        pass


class NoStopRequests(StopRequests):
    """Nobody can request a stop."""

    @override
    def requested_by(self) -> str | None:
        return None


@dataclass(frozen=True)
class Machines:
    """The machines that train one model together.

    `count` is their number; `rendezvous` is the host:port at which they meet, where this machine listens. `offer` is
    what the others need to find the inputs, as plain values: a stage knows no store.
    """

    count: int = 1
    rendezvous: str = ""
    offer: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Hooks:
    """What the caller of a stage provides. The defaults suit a stage that runs by itself, as in a test.

    `device` is "auto", "cuda" or "cpu"; "auto" takes CUDA if the machine has a GPU. `devices` is the number of devices
    on each machine that train one model together. `record_timings` receives what the stage measured with a clock, and
    `limits` bound what a file of a source may take.
    """

    log: Log = field(default_factory=SilentLog)
    checkpoints: Checkpoints = field(default_factory=NoCheckpoints)
    stop_requests: StopRequests = field(default_factory=NoStopRequests)
    device: str = "auto"
    devices: int = 1
    machines: Machines = field(default_factory=Machines)
    record_timings: Callable[[Timings], None] = lambda timings: None
    limits: ReadingLimits = field(default_factory=ReadingLimits)
