"""Attempts that are being uploaded: a note names each one and its process, so that a later run can remove its files.

A process that is killed between the first file of an attempt and the manifest leaves files that nothing refers to, and
on S3 perhaps an upload in parts; soon after the manifest, it leaves checkpoints that nobody needs. The next run on the
same machine removes them. Of a process of another machine it cannot know whether it still runs; what that one left is
pruned.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.manifest import Manifest, find_record
from meli_tasks.core.errors import MeliError
from meli_tasks.execution.checkpoints import StoredCheckpoints
from meli_tasks.execution.stop_requests import StoredStopRequests
from meli_tasks.process_names import has_ended, this_process
from meli_tasks.store import Store
from meli_tasks.wording import count

logger = logging.getLogger("meli_tasks")


@contextmanager
def noted(store: Store, manifest: Manifest) -> Iterator[None]:
    """Note that the attempt is being uploaded and what it no longer needs deleted. After an error, the note stays."""
    note = paths.uploading(manifest.stage, manifest.key, manifest.attempt, this_process())
    try:
        reading.write(store, note, b"{}")
    except MeliError as error:  # such as rights that were given before there were notes
        logger.warning("If this task is killed, `meli prune` removes what it has uploaded, and no later run: %s", error)
    yield
    try:
        store.delete(note)
    except MeliError as error:  # the artifact is complete, and the next run deletes the note
        logger.warning("%s was not deleted: %s", note, error)


def remove_abandoned(store: Store) -> None:
    """Remove what processes that have ended left of attempts which they did not publish. Errors are logged."""
    try:
        notes = list(store.names(paths.UPLOADING))
    except MeliError as error:
        logger.warning("What killed tasks left in %s stays until the next run: %s", store.url, error)
        return
    for name in notes:
        found = paths.parse_uploading(name)
        if found is None or not has_ended(found[-1]):
            continue
        try:
            if reading.read(store, name, bytes) is None:  # a bit of its name flipped in the listing
                continue
            removed = _remove(store, *found[:-1])
            store.delete(name)
        except MeliError as error:
            logger.warning("What a killed task left of %s stays until it can be deleted: %s", name, error)
            continue
        if removed:
            what = count(removed, "file")
            logger.info("%s removed: a task was killed while it uploaded %s", what, "/".join(found[:2]))


def clear_states(store: Store, stage: str, key: str) -> None:
    """Delete what a step needed only while it was running: its checkpoints and the request to stop it."""
    StoredCheckpoints(store, stage, key, Path()).clear()
    StoredStopRequests(store, stage, key, run_id="").clear()


def _remove(store: Store, stage: str, key: str, attempt: str) -> int:
    """Remove the files of an attempt, or the states of its step if it was published; how many files there were."""
    folder = paths.artifact_file(stage, key, attempt, "")
    newest = find_record(store, stage, key)
    if (newest and newest.attempt == attempt) or store.size(paths.replaced_manifest(stage, key, attempt)) is not None:
        clear_states(store, stage, key)
        return 0
    names = [name for name in store.names(folder) if name.startswith(folder)]
    for name in names:
        store.delete(name)
    store.discard_below(folder)
    return len(names)
