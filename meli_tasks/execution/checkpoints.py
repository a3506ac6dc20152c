"""Checkpoints in the store, under `checkpoints/STAGE/KEY/`: the saved states of a step that is still running.

`newest.json` names the current file and its hash. It is written after that file, so a worker that is killed at any
moment leaves a complete checkpoint. Once the step's artifact exists, all of them are deleted. Two workers on the same
step do not interfere: each deletes only its own files, and both compute the same result.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, ConfigDict
from typing_extensions import override

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.outputs import describe_file
from meli_tasks.core.errors import MeliError
from meli_tasks.stages.hooks import Checkpoints
from meli_tasks.store import Store

logger = logging.getLogger("meli_tasks")


class _Newest(BaseModel):
    """The stored pointer to the current checkpoint."""

    model_config = ConfigDict(frozen=True)

    file: str
    sha256: str


class StoredCheckpoints(Checkpoints):
    """The checkpoints of one step.

    Args:
        store: Where they are kept.
        stage: The step's stage.
        key: Its content key.
        folder: A local folder for the files in transfer.
    """

    def __init__(self, store: Store, stage: str, key: str, folder: Path) -> None:
        self._store = store
        self._prefix = paths.checkpoints(stage, key)
        self._newest = paths.newest_checkpoint(stage, key)
        self._folder = folder
        self._attempt = uuid.uuid4().hex[:8]
        self._count = 0
        self._older: list[str] = []

    @override
    def newest(self) -> Path | None:
        """The newest checkpoint, downloaded; None if there is none or it is damaged: the step then restarts."""
        try:
            newest = reading.read(self._store, self._newest, _Newest.model_validate_json)
            if newest is None:
                return None
            path = self._folder / "checkpoint"
            self._store.download(self._prefix + newest.file, path)
        except MeliError as error:
            logger.warning("Could not read the checkpoint, so the step starts from the beginning: %s", error)
            return None
        if describe_file(path).sha256 != newest.sha256:
            logger.warning(
                "The checkpoint %s%s is damaged, so the step starts from the beginning.", self._prefix, newest.file
            )
            return None
        return path

    @override
    def save(self, write: Callable[[Path], None]) -> None:
        """Save a state. If the store is unavailable, log a warning and continue without it."""
        self._count += 1
        name = f"{self._attempt}-{self._count}"
        path = self._folder / name
        try:
            write(path)
            self._store.upload(path, self._prefix + name)
            newest = _Newest(file=name, sha256=describe_file(path).sha256)
            reading.write(self._store, self._newest, newest.model_dump_json().encode())
            while self._older:
                self._store.delete(self._prefix + self._older[-1])
                self._older.pop()
            self._older.append(name)
        except (MeliError, OSError) as error:
            logger.warning("Could not save a checkpoint; the step continues: %s", error)
        finally:
            path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Delete all of them, once the artifact exists."""
        try:
            for name in list(self._store.names(self._prefix)):
                self._store.delete(name)
            self._store.discard_below(self._prefix)
        except MeliError as error:
            logger.warning("Could not delete the checkpoints under %s: %s", self._prefix, error)
