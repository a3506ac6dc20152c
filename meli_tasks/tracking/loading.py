"""The champion as MLflow serves it: loaded in a process of its own, once its files are those that were registered."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from meli_tasks.core.errors import TrackingRejected, TrackingUnavailable
from meli_tasks.ledger import Ledger
from meli_tasks.proxies import no_proxy_variables
from meli_tasks.redaction import redact
from meli_tasks.settings import Settings
from meli_tasks.tracking.alias import ALIAS
from meli_tasks.tracking.verified import download_champion
from meli_tasks.wording import duration

LOAD_SECONDS = 180.0
PROGRAM = """
import sys, warnings
warnings.simplefilter("ignore")
import mlflow.pyfunc
answer = mlflow.pyfunc.load_model(sys.argv[1]).predict(["celular"])
if len(answer) != 1 or "category" not in answer:
    sys.exit(f"it answers one title with {len(answer)} rows of {list(answer)}")
"""


def load_by_alias(settings: Settings, ledger: Ledger) -> None:
    """Download the version at the alias, check its files, load it with MLflow alone, and have it classify a title.

    Raises:
        NotFound: there is no champion, or MLflow has no version of it.
        BadData: the version does not hold what this project registered; nothing of it ran.
        TrackingRejected: it cannot be loaded, or does not answer as it should.
        TrackingUnavailable: that took too long.
    """
    with TemporaryDirectory(prefix="meli-registered-") as work:
        load_folder(download_champion(settings, ledger, Path(work)), f"models:/{settings.registered_model}@{ALIAS}")


def load_folder(folder: Path, name: str, seconds: float = LOAD_SECONDS) -> None:
    """Load a checked version, and have it classify a title; `name` is for messages.

    In a process of its own (`-I`), since loading runs the code that is stored with the version.

    Raises:
        TrackingRejected: it cannot be loaded, or does not answer as it should.
        TrackingUnavailable: that took too long.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", PROGRAM, str(folder)],
            env={**os.environ, **no_proxy_variables()}, capture_output=True, text=True, errors="replace",
            timeout=seconds, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise TrackingUnavailable(f"{name} was not loaded within {duration(seconds)}.") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
        raise TrackingRejected(f"{name} cannot be loaded: {redact(lines[-1].strip()[:500])}")
