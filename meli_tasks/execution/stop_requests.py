"""Stop requests in the store: `stops/STAGE/KEY.json` asks a running step to stop early and keep the best it has.

A training run looks for it at the end of every epoch and every few seconds within one. The request names the run that
it is meant for, and only that run obeys: if the training run has died or failed meanwhile, the request is left behind,
and another run that computes the same key later has to train in full. A retry keeps its run's id, so it stops. The
request is deleted once the step's artifact exists.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict
from typing_extensions import override

from meli_tasks.artifacts import paths, reading
from meli_tasks.core.errors import Conflict, MeliError
from meli_tasks.execution.progress_log import read_progress
from meli_tasks.stages.hooks import StopRequests
from meli_tasks.store import Store

logger = logging.getLogger("meli_tasks")


class _Request(BaseModel):
    """The stored request. Requests of the first version named no run, and apply to none that exists now."""

    model_config = ConfigDict(frozen=True)

    by: str
    at: str
    run_id: str | None = None
    reason: str = ""


class StoredStopRequests(StopRequests):
    """The stop request for one step, from the point of view of the run `run_id`."""

    def __init__(self, store: Store, stage: str, key: str, run_id: str) -> None:
        self._store = store
        self._run_id = run_id
        self._name = paths.stop_request(stage, key)

    @override
    def requested_by(self) -> str | None:
        """Who asked this run to stop the step, and when; None without a request or while the store is unavailable."""
        try:
            request = reading.read(self._store, self._name, _Request.model_validate_json)
        except MeliError as error:
            logger.warning("Could not check for a stop request, so the training run continues: %s", error)
            return None
        if request is None or request.run_id != self._run_id:
            return None
        return f"{request.by} at {request.at[:19]}{f' ({request.reason})' if request.reason else ''}"

    def request(self, by: str, reason: str = "") -> None:
        """Write a stop request for this run."""
        request = _Request(by=by, at=datetime.now(UTC).isoformat(), run_id=self._run_id, reason=reason)
        reading.write(self._store, self._name, request.model_dump_json().encode())

    def clear(self) -> None:
        """Delete the request, because the artifact exists or is about to be computed again."""
        try:
            self._store.delete(self._name)
        except MeliError as error:
            logger.warning("Could not delete the stop request %s: %s", self._name, error)


def request_stop(store: Store, stage: str, key: str, run_id: str, *, name: str, by: str, reason: str = "") -> None:
    """Request that the run `run_id`, which computes a step now, stops early and keeps the best it has.

    `name` is the set, `by` who requests it, and `reason` why. The first request counts.

    Raises:
        Conflict: the step is not running, or it is another run that computes it.
    """
    note = read_progress(store, stage, key)
    if not note.running:
        raise Conflict(
            f"The training run of {name} ({key[:8]}) is not running (state: {note.state}): there is nothing to stop."
        )
    if note.run_id != run_id:
        raise Conflict(
            f"{run_id} is not training {name} ({key[:8]}): the run {note.run_id} is, and this run will use its model. "
            f"To stop that one: meli stop-training {note.run_id} {name}"
        )
    requests = StoredStopRequests(store, stage, key, note.run_id)
    if requests.requested_by() is None:
        requests.request(by, reason)
