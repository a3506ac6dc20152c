"""Checkpoints in the store, under `checkpoints/STAGE/KEY/`: the states of a step that is still running.

`newest.json` names the file that counts and its hash. It is written after the file, so a worker killed at any moment
leaves a whole checkpoint; when the step's result stands, all of them are deleted. Two workers on one step do not
disturb each other: each deletes only files of its own, and both compute the same.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable
from pathlib import Path

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import describe_file
from meli_tasks.core.errors import MeliError
from meli_tasks.store import Store

logger = logging.getLogger("meli_tasks")


class StoredCheckpoints:
    """The checkpoints of one step. `folder`: a local one for the files on their way."""

    def __init__(self, store: Store, stage: str, key: str, folder: Path) -> None:
        self._store = store
        self._prefix = paths.checkpoints(stage, key)
        self._newest = paths.newest_checkpoint(stage, key)
        self._folder = folder
        self._attempt = uuid.uuid4().hex[:8]
        self._count = 0
        self._older: list[str] = []

    def newest(self) -> Path | None:
        """The newest checkpoint, fetched; None when there is none, or it cannot be had whole: then all begins anew."""
        try:
            blob = self._store.read(self._newest)
            if blob is None:
                return None
            told = json.loads(blob.data)
            path = self._folder / "checkpoint"
            self._store.download(self._prefix + told["file"], path)
        except MeliError as error:
            logger.warning("The checkpoint cannot be read, so the work begins anew: %s", error)
            return None
        if describe_file(path).sha256 != told["sha256"]:
            logger.warning("The checkpoint %s%s is damaged, so the work begins anew.", self._prefix, told["file"])
            return None
        return path

    def save(self, write: Callable[[Path], None]) -> None:
        """Keep a state; while the store is away, none is kept and the work goes on."""
        self._count += 1
        name = f"{self._attempt}-{self._count}"
        path = self._folder / name
        try:
            write(path)
            self._store.upload(path, self._prefix + name)
            told = {"file": name, "sha256": describe_file(path).sha256}
            self._store.write(self._newest, json.dumps(told).encode())
            while self._older:
                self._store.delete(self._prefix + self._older[-1])
                self._older.pop()
            self._older.append(name)
        except (MeliError, OSError) as error:
            logger.warning("No checkpoint was kept, the work goes on: %s", error)
        finally:
            path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Delete them all: the result stands."""
        try:
            for name in list(self._store.names(self._prefix)):
                self._store.delete(name)
        except MeliError as error:
            logger.warning("Checkpoints under %s could not be deleted: %s", self._prefix, error)
