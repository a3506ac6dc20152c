"""Trainings on a cluster: two GPU workers at once, and what a run costs beyond its stages' own seconds (printed)."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime

import pytest

from tests import waiting
from tests.cluster.api import TRAINING, Task
from tests.cluster.cluster import GPU_WORKERS, Cluster
from tests.cluster.runs import SOURCE, returned, trainings

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(7200)]

SETS = ["quick_mlp", "mlp", "quick_cnn", "cnn"]
CONF = {"source": SOURCE, "sets": SETS, "overrides": {"train.epochs": 2}}


@pytest.fixture(scope="module")
def trained(cluster: Cluster) -> str:
    """A finished run of four sets."""
    run = cluster.api.trigger(TRAINING, CONF, "")
    assert cluster.api.wait(run) == "success"
    return run


def test_the_pools_are_made_and_sized(cluster: Cluster) -> None:
    gpu, backfill = cluster.api.pool("gpu"), cluster.api.pool("backfill")
    assert (gpu["slots"], backfill["slots"], backfill["include_deferred"]) == (len(GPU_WORKERS), 2, True)


def test_four_sets_train_under_their_names_on_two_workers_at_once(cluster: Cluster, trained: str) -> None:
    tasks = trainings(cluster, trained)
    assert sorted(task.name for task in tasks) == sorted(SETS)
    assert {task.worker for task in tasks} == set(GPU_WORKERS)
    results = {task.name: returned(cluster, trained, task) for task in tasks}
    assert not any(fact["hit"] for fact in results.values()), results
    together = [
        (one.name, other.name) for one in tasks for other in tasks if one.worker < other.worker and one.overlaps(other)
    ]
    assert together, tasks


def test_a_dag_that_is_paused_in_mid_run_goes_on_where_it_was(cluster: Cluster) -> None:
    api = cluster.api
    run = api.trigger(TRAINING, {**CONF, "sets": ["quick_mlp"], "overrides": {"train.epochs": 3}}, "")

    def states() -> list[tuple[str, str]]:
        return [(task.label, task.state) for task in api.instances(run)]

    waiting.until(lambda: ("plan", "success") in states(), states)
    api.pause(TRAINING, paused=True)
    try:
        waiting.until(lambda: not {"running", "queued"} & {state for _, state in states()}, states)
        assert api.run_state(TRAINING, run) == "running", states()
        assert ("promote", "success") not in states()
    finally:
        api.pause(TRAINING, paused=False)
    assert api.wait(run) == "success"
    assert all(task.tries <= 1 for task in api.instances(run))


def test_a_run_of_what_is_all_there_computes_nothing(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    # Evaluates against the champion that the runs before it have made.
    first = cluster.api.trigger(TRAINING, CONF, "")
    assert cluster.api.wait(first) == "success"
    began = datetime.now(UTC)
    run = cluster.api.trigger(TRAINING, CONF, "")
    assert cluster.api.wait(run) == "success"
    ended = datetime.fromisoformat(cluster.api.run(TRAINING, run)["end_date"])
    tasks = [task for task in cluster.api.instances(run) if task.state != "skipped"]  # no search was requested
    assert all(returned(cluster, run, task)["hit"] for task in trainings(cluster, run))
    own = {task.label: own_seconds(cluster, run, task) for task in tasks}
    assert {label for label, seconds in own.items() if seconds} <= {"decide"}  # every time
    overheads = {task.label: task.seconds - own[task.label] for task in tasks}
    with capsys.disabled():
        sys.stdout.write(table((ended - began).total_seconds(), tasks, overheads))


def table(seconds: float, tasks: list[Task], overheads: dict[str, float]) -> str:
    """The run's figures, for whoever runs the tests."""
    lines = [f"\n{seconds:6.2f} s from trigger to done; beyond its stage's own seconds each task took"]
    for task in sorted(tasks, key=lambda task: str(task.queued)):
        assert task.started and task.queued
        waited = (task.started - task.queued).total_seconds()
        lines.append(f"{overheads[task.label]:6.2f} s ({waited:.2f} of them before its start)  {task.label}")
    return "\n".join(lines) + "\n"


def own_seconds(cluster: Cluster, run: str, task: Task) -> float:
    """The seconds in which the stage behind a task computed, as its log says; 0 where all was found."""
    return sum(float(found) for found in re.findall(r": done in ([0-9.]+) s", cluster.api.log(run, task, 1)))
