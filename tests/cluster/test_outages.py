"""Parts of the cluster fail in the middle of training tasks; the run succeeds, and nothing is trained twice."""

from __future__ import annotations

import json
import time

import pytest

from meli_tasks.artifacts import paths
from meli_tasks.planning.plan import Plan
from meli_tasks.planning.stop import stop_training
from tests.cluster.api import TRAINING, Task
from tests.cluster.cluster import GPU_WORKERS, Cluster
from tests.cluster.runs import SOURCE, history, opened, returned, trainings
from tests.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(7200)]

SETS = ["quick_mlp", "quick_cnn"]
# They train until the test stops them, however fast the machine is.
CONF = {"source": SOURCE, "sets": SETS, "overrides": {"train.batch_size": 16, "train.epochs": 10_000}}
SECONDS_DOWN = 90


def test_a_run_outlives_the_outages_of_its_parts(cluster: Cluster) -> None:
    run = cluster.api.trigger(TRAINING, CONF, "")
    both = until(lambda: both_train(cluster, run), lambda: cluster.api.states(run))
    victim, survivor = (next(task for task in both if task.worker == worker) for worker in GPU_WORKERS)
    keys = keys_of(cluster, run)
    until(lambda: saved(cluster, keys[victim.name]), message=lambda: f"{victim.name} has left no checkpoint")
    until(lambda: epoch_of(cluster, keys[victim.name]) > 1)

    killed_in = epoch_of(cluster, keys[victim.name])
    cluster[victim.worker].kill()
    cluster[victim.worker].start()  # as Docker's restart policy does
    cluster["api-server"].kill()
    time.sleep(SECONDS_DOWN)
    cluster["api-server"].start()
    until(lambda: cluster.api.health().get("scheduler") == "healthy", message=lambda: "The api-server is still down")
    assert current(cluster, run, survivor).state == "running", cluster.api.states(run)
    for database, ready in (("redis", cluster.redis_ready), ("postgres", cluster.postgres_ready)):
        cluster[database].stop()
        cluster[database].start()
        cluster[database].wait_until(ready)
    stop(cluster, run, survivor)
    until(lambda: epoch_of(cluster, keys[victim.name]) > killed_in, lambda: cluster.api.states(run), idle_seconds=900)
    stop(cluster, run, victim)

    assert cluster.api.wait(run) == "success", cluster.api.states(run)
    survived, resumed = current(cluster, run, survivor), current(cluster, run, victim)
    assert (survived.tries, survived.worker, survived.started) == (1, survivor.worker, survivor.started)
    assert resumed.tries == 2
    log = cluster.api.log(run, resumed, 2)
    assert "resumed at epoch" in log, log
    for name in SETS:
        numbers = [epoch["epoch"] for epoch in history(cluster, keys[name])]
        assert numbers == list(range(1, len(numbers) + 1))
        assert name != victim.name or len(numbers) > killed_in
    assert all(returned(cluster, run, task)["mlflow"] for task in trainings(cluster, run))
    assert not list(opened(cluster).names("checkpoints/"))


def both_train(cluster: Cluster, run: str) -> list[Task]:
    """Both trainings once both are running, on a worker each; else none."""
    running = [task for task in trainings(cluster, run) if task.state == "running" and task.name in SETS]
    return running if {task.worker for task in running} == set(GPU_WORKERS) else []


def keys_of(cluster: Cluster, run: str) -> dict[str, str]:
    """The keys of the run's trainings by set."""
    plan = Plan.load(opened(cluster), cluster.api.returned(TRAINING, run, "plan")["plan"])
    return {name: step.key for name, step in plan.sets.items()}


def saved(cluster: Cluster, key: str) -> bool:
    """Whether a training has left a checkpoint."""
    return opened(cluster).read(f"checkpoints/train/{key}/newest.json") is not None


def epoch_of(cluster: Cluster, key: str) -> int:
    """The epoch that a training is in."""
    note = opened(cluster).read(paths.progress_log("train", key))
    return int(json.loads(note.data)["epoch"]) if note else 0


def stop(cluster: Cluster, run: str, task: Task) -> None:
    """End a training as a person does: its best epoch so far becomes the model."""
    until(lambda: current(cluster, run, task).state == "running", lambda: cluster.api.states(run))
    stop_training(opened(cluster), run, task.name, by="the test", reason="all outages are over")


def current(cluster: Cluster, run: str, task: Task) -> Task:
    """A task in its current state."""
    return next(now for now in cluster.api.instances(run) if (now.task, now.index) == (task.task, task.index))
