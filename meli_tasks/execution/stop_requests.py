"""Stop markers in the store: `stops/STAGE/KEY.json` asks a step that is running to end with the best it has.

The training looks for it at the end of every epoch and every few seconds within one. The marker names the run whose
training is meant, and only that run obeys it: a training that died or failed after somebody asked leaves its marker
behind, and another run that computes the same key later is to train in full. A retry keeps its run's id, so it stops.
It is deleted when the step's result stands.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

from meli_tasks.artifacts import paths
from meli_tasks.core.errors import Conflict, MeliError
from meli_tasks.store import Store

logger = logging.getLogger("meli_tasks")


class StoredStopRequests:
    """The marker of one step, as the run `run_id` sees it."""

    def __init__(self, store: Store, stage: str, key: str, run_id: str) -> None:
        self._store = store
        self._run_id = run_id
        self._name = paths.stop_request(stage, key)

    def requested_by(self) -> str | None:
        """Who asked this run's step to stop, and when; None when nobody did, or the store is away: then it goes on."""
        try:
            blob = self._store.read(self._name)
        except MeliError as error:
            logger.warning("Nobody knows whether this training is to stop, so it goes on: %s", error)
            return None
        if blob is None:
            return None
        told = json.loads(blob.data)
        if told.get("run_id") != self._run_id:  # a marker of a time when they named no run is nobody's
            return None
        return f"{told['by']} at {told['at'][:19]}"

    def ask(self, by: str) -> None:
        """Leave the marker for this run."""
        told = {"by": by, "at": datetime.now(UTC).isoformat(), "run_id": self._run_id}
        self._store.write(self._name, json.dumps(told).encode())

    def clear(self) -> None:
        """Take the marker away: the result stands, or another is wanted."""
        try:
            self._store.delete(self._name)
        except MeliError as error:
            logger.warning("The marker %s could not be deleted: %s", self._name, error)


def request_stop(store: Store, stage: str, key: str, name: str, by: str) -> None:
    """Ask a step that is running to end with the best it has: the run that told last that it computes it.

    Raises:
        Conflict: it is not running, so there is no run to ask.
    """
    blob = store.read(paths.progress_log(stage, key))
    note = json.loads(blob.data) if blob else {"state": "not begun"}
    state = note["state"]
    if state != "running":
        raise Conflict(f"The training of {name} ({key[:8]}) is not running, it is {state}: nothing to stop.")
    StoredStopRequests(store, stage, key, note["run_id"]).ask(by)
