"""One cluster for all of these tests: it takes a minute to start."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.cluster import database
from tests.cluster.api import BACKFILL, TRAINING
from tests.cluster.cluster import Cluster, running


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The running cluster; its logs stay in pytest's temporary folder."""
    if missing := database.missing_programs():
        pytest.fail(missing, pytrace=False)
    with pytest.MonkeyPatch.context() as environment:
        for name in list(os.environ):
            if name.startswith(("AIRFLOW", "AWS_", "MELI_", "MLFLOW_")):
                environment.delenv(name)
        # Whoever ends the tests by SIGTERM, as CI does when it is late, ends the cluster too.
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
        with running(tmp_path_factory.mktemp("cluster")) as started:
            yield started
        signal.signal(signal.SIGTERM, before)


@pytest.fixture(autouse=True)
def nothing_left_running(cluster: Cluster) -> Iterator[None]:
    """A test that fails in the middle of its run leaves the workers to the next one."""
    yield
    for dag in (TRAINING, BACKFILL):
        for run in cluster.api.runs(dag):
            if run["state"] in {"queued", "running"}:
                cluster.api.cancel(dag, run["dag_run_id"])
