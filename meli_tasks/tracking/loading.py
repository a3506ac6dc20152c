"""The champion as MLflow serves it: loaded by its alias in a process of its own, as any user of the registry does."""

from __future__ import annotations

import os
import subprocess
import sys

from meli_tasks.core.errors import TrackingRejected, TrackingUnavailable
from meli_tasks.proxies import no_proxy_variables
from meli_tasks.redaction import redact
from meli_tasks.tracking.alias import ALIAS
from meli_tasks.wording import duration

LOAD_SECONDS = 180.0
PROGRAM = """
import sys, warnings
warnings.simplefilter("ignore")
import mlflow.pyfunc
answer = mlflow.pyfunc.load_model(f"models:/{sys.argv[1]}@{sys.argv[2]}").predict(["celular"])
if len(answer) != 1 or "category" not in answer:
    sys.exit(f"it answers one title with {len(answer)} rows of {list(answer)}")
"""


def load_by_alias(uri: str, model: str, seconds: float = LOAD_SECONDS) -> None:
    """Load the version at the alias with MLflow's own client, and have it classify a title.

    In a process of its own (`-I`), since loading runs the code that is stored with the version.

    Raises:
        TrackingRejected: it cannot be loaded, or does not answer as it should.
        TrackingUnavailable: that took too long.
    """
    environment = {**os.environ, **no_proxy_variables(), "MLFLOW_TRACKING_URI": uri}
    environment |= {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", PROGRAM, model, ALIAS],
            env=environment, capture_output=True, text=True, errors="replace", timeout=seconds, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise TrackingUnavailable(f"models:/{model}@{ALIAS} was not loaded within {duration(seconds)}.") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
        raise TrackingRejected(f"models:/{model}@{ALIAS} cannot be loaded: {redact(lines[-1].strip()[:500])}")
