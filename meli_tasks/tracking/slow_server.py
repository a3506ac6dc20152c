"""What the tasks of a run know about a slow MLflow, so that only one of them waits for it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from pydantic import AwareDatetime

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.core.errors import MeliError
from meli_tasks.stages.stored import Stored
from meli_tasks.store import Store

logger = logging.getLogger("meli_tasks")


RECENT = timedelta(minutes=30)
"""For so long the tasks of the run believe it; one that is cleared the next day waits again."""


class WaitedInVain(Stored):
    """The plan of the run that last waited for MLflow in vain, and when."""

    plan: str
    at: AwareDatetime


def has_waited(store: Store, plan: str) -> bool:
    """Whether a task of the run has lately waited for MLflow in vain. A damaged note counts as none."""
    try:
        found = LenientReader(store).read(paths.MLFLOW_SLOW, WaitedInVain.model_validate_json)
    except MeliError as error:  # of the store: whoever needs it will say so
        logger.info("%s could not be read: %s", paths.MLFLOW_SLOW, error)
        return False
    return found is not None and found.plan == plan and abs(datetime.now(UTC) - found.at) < RECENT


def note_waited(store: Store, plan: str) -> None:
    """Let the later tasks of the run wait for MLflow only briefly."""
    try:
        reading.write(
            store, paths.MLFLOW_SLOW, WaitedInVain(plan=plan, at=datetime.now(UTC)).model_dump_json().encode()
        )
    except MeliError as error:
        logger.warning("Later tasks of the run will wait for MLflow, too: %s", error)
