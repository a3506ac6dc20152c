"""What the tests read of a run: its training tasks, and their results in the store."""

from __future__ import annotations

from typing import Any

from meli_tasks.artifacts.manifest import need
from meli_tasks.artifacts.timed import read_history
from meli_tasks.settings import Settings
from meli_tasks.store import Store
from tests.cluster.api import TRAINING, Task
from tests.cluster.cluster import Cluster

SOURCE = "sample:rows=3000,seed=1"
TRAIN_TASKS = ("train_mlp", "train_cnn")


def trainings(cluster: Cluster, run: str) -> list[Task]:
    """The run's training tasks, one for each set."""
    return [task for task in cluster.api.instances(run) if task.task in TRAIN_TASKS]


def returned(cluster: Cluster, run: str, task: Task) -> dict[str, Any]:
    """What a task of the run returned."""
    found: dict[str, Any] = cluster.api.returned(TRAINING, run, task.task, task.index)
    return found


def opened(cluster: Cluster) -> Store:
    """The cluster's artifact store."""
    return Settings.from_environment(cluster.environment).open_store()


def history(cluster: Cluster, key: str) -> list[dict[str, Any]]:
    """The epochs of the training run with this content key."""
    store = opened(cluster)
    return [epoch.model_dump() for epoch in read_history(store, need(store, "train", key))]
