"""What the tests ask of a run: its trainings, and what stands of them in the store."""

from __future__ import annotations

import json
from typing import Any

from meli_tasks.artifacts.manifest import need
from meli_tasks.settings import Settings
from meli_tasks.store import Store
from tests.cluster.api import TRAINING, Task
from tests.cluster.cluster import Cluster

SOURCE = "sample:rows=3000,seed=1"
TRAIN_TASKS = ("train_mlp", "train_cnn")


def trainings(cluster: Cluster, run: str) -> list[Task]:
    """The run's trainings, one task a set."""
    return [task for task in cluster.api.seen(run) if task.task in TRAIN_TASKS]


def told(cluster: Cluster, run: str, task: Task) -> dict[str, Any]:
    """What a task of the run returned."""
    found: dict[str, Any] = cluster.api.returned(TRAINING, run, task.task, task.index)
    return found


def opened(cluster: Cluster) -> Store:
    """The cluster's artifact store."""
    return Settings.from_environment(cluster.environment).open_store()


def history(cluster: Cluster, key: str) -> list[dict[str, Any]]:
    """The epochs of the training with this key."""
    store = opened(cluster)
    blob = store.read(need(store, "train", key).file_name("history.json"))
    assert blob
    epochs: list[dict[str, Any]] = json.loads(blob.data)
    return epochs


def training_key(returned: dict[str, Any]) -> str:
    """The key of a training, from what its task returned: the manifest is at .../train/KEY/manifest.json."""
    return str(returned["manifest"].split("/")[-2])
