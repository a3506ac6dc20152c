"""Each worker's own name where several share a machine: in the compose file each is a container with a name."""

from __future__ import annotations

import os


def member() -> str:
    """The name of this process's member of the cluster; Airflow records it with each task."""
    return os.environ["MELI_CLUSTER_MEMBER"]
