"""The progress of a running stage, in the log and, at most once a second, in the store.

The terminal, the Airflow pages and notifications read it from `live/STAGE/KEY.json`. Losing a note is harmless,
because the next one replaces it. An unavailable store never stops the work.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeVar

from pydantic import BaseModel, ConfigDict
from typing_extensions import override

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.reading import LenientReader, write
from meli_tasks.core.errors import MeliError
from meli_tasks.redaction import redact
from meli_tasks.stages.hooks import Log
from meli_tasks.store import Store

Point = TypeVar("Point")

logger = logging.getLogger("meli_tasks")

SECONDS_BETWEEN_NOTES = 1.0
SECONDS_AFTER_A_FAILURE = 60.0
MAX_POINTS = 300  # of a curve; if there are more, every second one is dropped


class ProgressNote(BaseModel):
    """The last reported progress of a step, as stored, without the curves, which only the pages display."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    run_id: str = ""
    state: str = "not started"
    at: str = ""
    error: str = ""
    epoch: int | None = None
    epochs: int | None = None
    loss: float | None = None
    titles_per_second: float | None = None
    seconds_left: float | None = None

    @property
    def running(self) -> bool:
        """Whether the step was running when it left this note."""
        return self.state == "running"


def read_progress(store: Store, stage: str, key: str) -> ProgressNote:
    """The last note of a step; its state is "not started" if there is none, and "unknown" if it cannot be read."""
    name = paths.progress_log(stage, key)
    reader = LenientReader(store)
    note = reader.read(name, ProgressNote.model_validate_json)
    reader.warn()
    return note or ProgressNote(state="unknown" if reader.skipped else "not started")


class ProgressLog(Log):
    """The log that a stage receives."""

    def __init__(self, store: Store, stage: str, name: str, key: str, run_id: str) -> None:
        self._store = store
        self._step = {"stage": stage, "name": name, "key": key, "run_id": run_id}
        self._stored_as = paths.progress_log(stage, key)
        self._next_note = 0.0
        self._values: dict[str, float | int | str] = {}
        self._history: list[dict[str, float | int | bool]] = []
        self._losses: list[tuple[int, float]] = []

    @override
    def info(self, message: str) -> None:
        logger.info("%s %s: %s", self._step["stage"], self._step["name"], message)

    @override
    def progress(self, **values: float | int | str) -> None:
        self._values.update(values)
        # `meli run` displays these log records in its own terminal; everything else reads the store.
        logger.debug("%s %s: %s", self._step["stage"], self._step["name"], values, extra={"progress": self._values})
        if "step" in values and "loss" in values:
            self._losses.append((int(values["step"]), float(values["loss"])))
            self._losses = _thinned(self._losses)
        if time.monotonic() >= self._next_note:
            self._write_note("running")

    @override
    def epoch(self, values: Mapping[str, float | int | bool]) -> None:
        self._history = _thinned([*self._history, dict(values)])

    def finished(self) -> None:
        """Write the last note of a step that succeeded."""
        self._write_note("done")

    def failed(self, message: str) -> None:
        """Write the last note of a step that failed."""
        self._values["error"] = redact(message)
        self._write_note("failed")

    def _write_note(self, state: str) -> None:
        note: dict[str, object] = {**self._step, "state": state, "at": datetime.now(UTC).isoformat(), **self._values}
        if self._history or self._losses:
            note |= {"history": self._history, "losses": self._losses}
        pause = SECONDS_BETWEEN_NOTES
        try:
            write(self._store, self._stored_as, json.dumps(note).encode())
        except MeliError as error:
            pause = SECONDS_AFTER_A_FAILURE
            logger.warning("Could not write the progress to the store; the step continues: %s", error)
        self._next_note = time.monotonic() + pause


def _thinned(points: list[Point]) -> list[Point]:
    """The points of a curve; if there are too many, every second one, the newest included."""
    return points if len(points) <= MAX_POINTS else points[::-2][::-1]
