"""What a running stage says of itself, in the log and, at most once a second, in the store.

The terminal, the Airflow page and a person asking `is it still learning?` read `live/STAGE/KEY.json`. Losing one of
these notes loses nothing: they are told again, and never stop the work.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from meli_tasks.artifacts import paths
from meli_tasks.core.errors import MeliError
from meli_tasks.store import Store

Point = TypeVar("Point")

logger = logging.getLogger("meli_tasks")

SECONDS_BETWEEN_NOTES = 1.0
SECONDS_AFTER_A_FAILURE = 60.0
MOST_POINTS = 300  # of a curve; then every second one is dropped


class ProgressLog:
    """The log that a stage is given."""

    def __init__(self, store: Store, stage: str, name: str, key: str, run_id: str) -> None:
        self._store = store
        self._about = {"stage": stage, "name": name, "key": key, "run_id": run_id}
        self._next_note = 0.0
        self._values: dict[str, float | int | str] = {}
        self._history: list[dict[str, float | int | bool]] = []
        self._losses: list[tuple[int, float]] = []

    def info(self, message: str) -> None:
        """Say a sentence to whoever reads the task's log."""
        logger.info("%s %s: %s", self._about["stage"], self._about["name"], message)

    def progress(self, **values: float | int | str) -> None:
        """Tell how far the work is, e.g. epoch, epochs, titles_per_second, loss, seconds_left."""
        self._values.update(values)
        # A terminal in this process listens to the log (`meli run`); the rest of the world reads the store.
        logger.debug("%s %s: %s", self._about["stage"], self._about["name"], values, extra={"progress": self._values})
        if "step" in values and "loss" in values:
            self._losses.append((int(values["step"]), float(values["loss"])))
            self._losses = _thinned(self._losses)
        if time.monotonic() >= self._next_note:
            self._note("running")

    def epoch(self, values: Mapping[str, float | int | bool]) -> None:
        """Keep what an epoch came to, for the curves of who watches."""
        self._history = _thinned([*self._history, dict(values)])

    def finished(self) -> None:
        """Leave the last note of a step that succeeded."""
        self._note("done")

    def failed(self, message: str) -> None:
        """Leave the last note of a step that failed."""
        self._values["error"] = message
        self._note("failed")

    def _note(self, state: str) -> None:
        note: dict[str, Any] = {**self._about, "state": state, "at": datetime.now(UTC).isoformat(), **self._values}
        if self._history or self._losses:
            note |= {"history": self._history, "losses": self._losses}
        pause = SECONDS_BETWEEN_NOTES
        try:
            self._store.write(paths.progress_log(self._about["stage"], self._about["key"]), json.dumps(note).encode())
        except MeliError as error:
            pause = SECONDS_AFTER_A_FAILURE
            logger.warning("progress could not be noted in the store: %s", error)
        self._next_note = time.monotonic() + pause


def _thinned(points: list[Point]) -> list[Point]:
    """The points of a curve, every second one when there are too many; the newest stays."""
    return points if len(points) <= MOST_POINTS else points[::-2][::-1]
