"""Stop markers in the store: `stops/STAGE/KEY.json` asks a step that is running to end with the best it has.

The training looks for it at the end of every epoch and every few seconds within one; whoever computes that key next
would find it too, so it is deleted when the step's result stands.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

from meli_tasks.core.errors import MeliError, MissingArtifact
from meli_tasks.live import live_name
from meli_tasks.store import Store

logger = logging.getLogger("meli_tasks")


class StoredStops:
    """The marker of one step."""

    def __init__(self, store: Store, stage: str, key: str) -> None:
        self._store = store
        self._name = f"stops/{stage}/{key}.json"

    def asked(self) -> str | None:
        """Who asked the step to stop, and when; None when nobody did, or the store is away: then it goes on."""
        try:
            blob = self._store.read(self._name)
        except MeliError as error:
            logger.warning("Nobody knows whether this training is to stop, so it goes on: %s", error)
            return None
        if blob is None:
            return None
        told = json.loads(blob.data)
        return f"{told['by']} at {told['at'][:19]}"

    def ask(self, by: str) -> None:
        """Leave the marker."""
        told = {"by": by, "at": datetime.now(UTC).isoformat()}
        self._store.write(self._name, json.dumps(told).encode())

    def clear(self) -> None:
        """Take the marker away: the result stands, or another is wanted."""
        try:
            self._store.delete(self._name)
        except MeliError as error:
            logger.warning("The marker %s could not be deleted: %s", self._name, error)


def ask_to_stop(store: Store, stage: str, key: str, name: str, by: str) -> None:
    """Ask a step that is running to end with the best it has.

    Raises:
        MissingArtifact: it is not running, so the marker would stop whoever computes it next.
    """
    blob = store.read(live_name(stage, key))
    state = json.loads(blob.data)["state"] if blob else "not begun"
    if state != "running":
        raise MissingArtifact(f"The training of {name} ({key[:8]}) is not running, it is {state}: nothing to stop.")
    StoredStops(store, stage, key).ask(by)
