"""Whole runs on an S3 of which a fraction of all requests fails: green at the first try, with the same bytes.

`make test-faults`; MELI_FAULT_RUNS sets the number of runs at each rate.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest

from meli_tasks.store import open_store
from tests.fault_proxy import SEVEN, Plan, in_front_of
from tests.servers import S3Server

pytestmark = [pytest.mark.integration, pytest.mark.faults, pytest.mark.long]

RUNS = int(os.environ.get("MELI_FAULT_RUNS") or 1)
RESULTS = (".safetensors", ".parquet", ".npy", ".jsonl.gz")
logger = logging.getLogger(__name__)


def run(server: S3Server, endpoint: str, folder: Path) -> tuple[subprocess.CompletedProcess[str], dict[str, str]]:
    """One run with a store and a cache of its own; what it printed, and the digests of its results."""
    store = f"s3://{server.bucket}/run-{uuid4().hex[:8]}"
    environment = {
        **os.environ,
        **server.environment,
        "MELI_S3_ENDPOINT": endpoint,
        "MELI_S3_RETRY_SECONDS": "30",
        "MELI_STORE": store,
        "MELI_CACHE": str(folder / uuid4().hex),
        "MLFLOW_TRACKING_URI": "none",
    }
    command = [str(Path(sys.executable).with_name("meli")), "run", "all", "--source", "sample:rows=2000,seed=1"]
    command += ["--sets", "quick_mlp,quick_cnn", "--as-of", "2026-11-20"]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    clean = open_store(store, s3_endpoint=server.endpoint)
    digests: dict[str, str] = {}
    for name in clean.names(""):
        if name.endswith(RESULTS) and (blob := clean.read(name)) is not None:
            stage, key, _, file = name.split("/", 3)  # the third part is the attempt's, which is random
            digest = sha256(blob.data).hexdigest()
            assert digests.setdefault(f"{stage}/{key}/{file}", digest) == digest, name
    return done, digests


@pytest.fixture(scope="module")
def undisturbed(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The digests of a run without faults."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_server.environment.items():
            patch.setenv(name, value)
        done, digests = run(s3_server, s3_server.endpoint, tmp_path_factory.mktemp("undisturbed"))
    assert done.returncode == 0, done.stderr
    assert any(name.endswith(".safetensors") for name in digests)
    return digests


@pytest.mark.parametrize("rate", [0.05, 0.2])
@pytest.mark.parametrize("number", range(RUNS))
def test_a_run_is_green_at_the_first_try(
    s3_server: S3Server,
    undisturbed: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    rate: float,
) -> None:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    plan = Plan(rate=rate, faults=SEVEN, seed=number)
    with in_front_of(s3_server.endpoint, plan) as proxy:
        done, digests = run(s3_server, proxy, tmp_path)
    faults = {fault.name: count for fault, count in plan.done.items()}
    logger.info("%d %% of %d requests failed: %s", round(rate * 100), plan.requests, faults)
    assert done.returncode == 0, done.stdout + done.stderr
    assert digests == undisturbed
    assert sum(faults.values()) > 0
