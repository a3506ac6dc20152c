"""MLflow runs that nobody will end: their process was killed, or their DAG run failed before its evaluation."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import psutil

from meli_tasks.artifacts.manifest import find_model
from meli_tasks.tracking.client import MlflowServer
from meli_tasks.tracking.entities import MlflowRun
from meli_tasks.tracking.fields import finished_at
from meli_tasks.tracking.runs import ARTIFACT_KEY, PLAN, PROCESS, SHA256, Projection

logger = logging.getLogger("meli_tasks")

RUNNING = "RUNNING"
GIVEN_UP = timedelta(hours=48)
"""The age of a run that is over if nothing else is known of it: tasks are retried for hours."""
SAME_START = 1.0
"""Seconds by which two readings of a process's start may differ."""


def this_process() -> str:
    """The machine, the id and the start of this process, for the tag of a run."""
    return f"{socket.gethostname()} {os.getpid()} {psutil.Process().create_time():.0f}"


def end_left_running(projection: Projection, pending: Collection[str]) -> int:
    """End the runs of the experiment that are running in MLflow only, with their true state; return how many.

    Args:
        projection: The server and the store.
        pending: Plans of which something is still to be sent; it ends their runs.
    """
    ended = 0
    for run in projection.server.running(projection.experiment):
        status, end = _state(projection, run, pending)
        if status != RUNNING:
            end_run(projection.server, run, status, end)
            ended += 1
    if ended:
        logger.info("Ended %d MLflow run(s) that were left running", ended)
    return ended


def end_run(server: MlflowServer, run: MlflowRun, status: str, end: int) -> None:
    """Set the state of a run and the time of its end, in ms since 1970."""
    server.post("runs/update", run_id=run.id, status=status, end_time=max(end, run.started))


def _state(projection: Projection, run: MlflowRun, pending: Collection[str]) -> tuple[str, int]:
    """The true state of a run that is running according to MLflow, and its end."""
    if ARTIFACT_KEY in run.tags:  # a model, which was sent in part: it exists, so its training has ended
        model = find_model(projection.store, run.tags[ARTIFACT_KEY], run.tags.get(SHA256, ""))
        return ("FINISHED", finished_at(model)) if model else (RUNNING, 0)
    if PLAN not in run.tags or run.tags[PLAN] in pending:
        return RUNNING, 0
    now = datetime.now(UTC).timestamp() * 1e3
    host, _, process = run.tags.get(PROCESS, "").partition(" ")
    if host == socket.gethostname():
        return (RUNNING, 0) if _is_alive(process) else ("KILLED", _last_end(projection, run))
    if now - run.started < GIVEN_UP.total_seconds() * 1e3:
        return RUNNING, 0
    return "KILLED" if host else "FAILED", _last_end(projection, run)


def _is_alive(process: str) -> bool:
    try:
        pid, start = process.split(" ")
        return abs(psutil.Process(int(pid)).create_time() - float(start)) <= SAME_START
    except (psutil.Error, ValueError):
        return False


def _last_end(projection: Projection, parent: MlflowRun) -> int:
    """When the last model of a run was finished: the last sign of it."""
    children = projection.server.runs(projection.experiment, {"mlflow.parentRunId": parent.id})
    return max((run.ended for run in children), default=parent.started)
