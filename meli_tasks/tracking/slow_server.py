"""What the tasks of a run tell each other about a slow MLflow, so that one of them waits for it and not all."""

from __future__ import annotations

import logging

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.core.errors import MeliError
from meli_tasks.stages.stored import Stored
from meli_tasks.store import Store

logger = logging.getLogger("meli_tasks")


class WaitedInVain(Stored):
    """The plan of the run that last waited for MLflow in vain."""

    plan: str


def has_waited(store: Store, plan: str) -> bool:
    """Whether a task of the run has waited for MLflow in vain. A damaged object counts as none: that costs seconds."""
    try:
        found = LenientReader(store).read(paths.MLFLOW_SLOW, WaitedInVain.model_validate_json)
    except MeliError as error:  # of the store: whoever needs it will say so
        logger.info("%s could not be read: %s", paths.MLFLOW_SLOW, error)
        return False
    return found is not None and found.plan == plan


def note_waited(store: Store, plan: str) -> None:
    """Let the later tasks of the run wait for MLflow only briefly."""
    try:
        reading.write(store, paths.MLFLOW_SLOW, WaitedInVain(plan=plan).model_dump_json().encode())
    except MeliError as error:
        logger.warning("Later tasks of the run will wait for MLflow, too: %s", error)
