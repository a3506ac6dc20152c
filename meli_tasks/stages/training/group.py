"""Several processes that train one network: started and supervised by torch's elastic agent, and ended with the stage.

The process that runs the stage trains nothing itself. It starts the agent, answers rank 0 (`channel`), and raises what
made a worker fail.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from meli_tasks.core import errors
from meli_tasks.core.errors import MeliError, OutOfMemory, StepOutOfMemory, Unreachable
from meli_tasks.core.training.memory import halved
from meli_tasks.stages.hooks import Hooks, Log
from meli_tasks.stages.summaries import TrainSummary
from meli_tasks.stages.training.agent import Failure
from meli_tasks.stages.training.channel import Channel, receive
from meli_tasks.stages.training.job import CHANNEL, Job

AGENT = "meli_tasks.stages.training.agent"
POLL_SECONDS = 0.2
SECONDS_TO_END = 45.0
"""How long the agent may take to end its workers, which it kills after 30 seconds."""
MAX_SOCKET_PATH = 100
"""Bytes of the path of a Unix socket, less a few: the systems allow 104 to 108."""
SHORT_FOLDER = "/tmp"  # a new folder in it, which only this user can enter
MAX_LOG_TAIL = 600


def train_in_group(job: Job, hooks: Hooks) -> TrainSummary:
    """Train with all processes of a job; rank 0 writes the model into `job.out`.

    If the memory of a device is full, all start again with half the batch size, from the newest checkpoint.

    Raises:
        MeliError: what a worker raised; `Unreachable` if one was killed or the machines did not meet.
        RuntimeError: an unexpected error of a worker.
    """
    while True:
        try:
            return _attempt(replace(job, run_id=uuid4().hex), hooks)
        except StepOutOfMemory as error:
            smaller = _smaller_batch(job, str(error), hooks.log)
        if job.checkpoint:
            job.checkpoint.unlink(missing_ok=True)
        job = replace(job, batch_size=smaller, checkpoint=hooks.checkpoints.newest())


def take_part(job: Job) -> None:
    """Train with the processes of this machine in a run that another machine leads.

    Raises:
        MeliError: what ended it early.
        RuntimeError: an unexpected error of a worker.
    """
    with _scratch() as folder, _running(job, folder) as (_, agent):
        if agent.wait():
            raise _failure(job, folder)


def _attempt(job: Job, hooks: Hooks) -> TrainSummary:
    with _scratch() as folder, _running(job, folder) as (channel, agent):
        summary = _serve(channel, agent, hooks)
        # Other machines need a moment to notice. If the model is complete, nothing that ends late can spoil it;
        # otherwise what a worker wrote about its error counts, even if the agent hangs.
        with contextlib.suppress(subprocess.TimeoutExpired):
            agent.wait(SECONDS_TO_END)
        if summary is None:
            raise _failure(job, folder)
        return summary


def _serve(channel: Channel, agent: subprocess.Popen[bytes], hooks: Hooks) -> TrainSummary | None:
    """Answer rank 0 until the model is written, or a process has ended: then None."""
    while True:
        leader = channel.leader(POLL_SECONDS)
        try:
            if leader and wait([leader], POLL_SECONDS):
                if summary := receive(leader, hooks):
                    return summary
            elif agent.poll() is not None:
                return None
        except (EOFError, ConnectionError):
            return None


@contextlib.contextmanager
def _running(job: Job, folder: Path) -> Iterator[tuple[Channel, subprocess.Popen[bytes]]]:
    """The agent and its workers; afterwards all have ended."""
    job.write(folder)
    channel = Channel(folder)
    try:
        with (folder / "agent.log").open("wb") as log:
            # In a session of its own, so that Ctrl-C at a terminal reaches the stage only, which ends it in order.
            agent = subprocess.Popen(
                [sys.executable, "-m", AGENT, str(folder)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            yield channel, agent
        finally:
            channel.close()
            try:
                with contextlib.suppress(subprocess.TimeoutExpired):  # then it is killed
                    agent.wait(SECONDS_TO_END)
            finally:
                agent.kill()
                agent.wait()
    finally:
        channel.close()


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    """A folder for the files of one attempt, whose path is short enough for a socket."""
    with TemporaryDirectory(prefix="meli-") as usual, contextlib.ExitStack() as stack:
        long = len(str(Path(usual, CHANNEL)).encode()) > MAX_SOCKET_PATH
        yield Path(stack.enter_context(TemporaryDirectory(prefix="meli-", dir=SHORT_FOLDER)) if long else usual)


def _failure(job: Job, folder: Path) -> Exception:
    """What ended the workers, as the exception that a single process would have raised."""
    failure = Failure.read(folder)
    if failure is None:
        output = (folder / "agent.log").read_text(encoding="utf-8", errors="replace")[-MAX_LOG_TAIL:].strip()
        return Unreachable(
            "The agent that starts the worker processes ended early, so the training run cannot continue; a retry "
            f"resumes from its last checkpoint. The end of its output: {output or 'nothing'}"
        )
    if failure.rank is None:
        return _error_class(failure.kind)(failure.message)
    who = f"Worker process {failure.rank} of ranks 0 to {job.world_size - 1}"
    if failure.kind in ("", "PeerLost"):
        reason = failure.message if not failure.kind else f"it lost the connection to the others ({failure.message})"
        return Unreachable(
            f"{who} ended early, so the training run cannot continue; a retry resumes from its last checkpoint. "
            f"{reason[:1].upper()}{reason[1:]}"
        )
    kind = _error_class(failure.kind)
    message = failure.message if issubclass(kind, MeliError) else f"{failure.kind}: {failure.message}"
    return kind(f"{who}: {message}")


def _error_class(name: str) -> type[Exception]:
    found = getattr(errors, name, None)
    return found if isinstance(found, type) and issubclass(found, MeliError) else RuntimeError


def _smaller_batch(job: Job, error: str, log: Log) -> int:
    """Half of the batch size, or a little less so that the processes can divide it.

    Raises:
        OutOfMemory: there is no smaller batch.
    """
    size = job.batch_size or job.params.batch_size
    smaller = halved(size, error)
    smaller -= smaller % job.world_size
    if not smaller:
        raise OutOfMemory(f"{error}. Batches of {size} titles are the smallest that {job.world_size} devices can share")
    log.info(
        f"a device's memory was full with its part of {size:,} titles per step: starting again with {smaller:,} from "
        "the last checkpoint"
    )
    return smaller
