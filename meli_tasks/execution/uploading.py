"""Attempts that are being uploaded: a note names each one and its process, so that a later run can remove its files.

A process that is killed between the first file of an attempt and the manifest leaves files that nothing refers to, and
on S3 perhaps an upload in parts; soon after the manifest, it leaves checkpoints that nobody needs. The next run on the
same machine removes them. It cannot know whether a process on another machine is still running; `meli prune` removes
what such a process left.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.manifest import Manifest, find_record
from meli_tasks.core.errors import MeliError, Rejected
from meli_tasks.execution.checkpoints import StoredCheckpoints
from meli_tasks.execution.stop_requests import StoredStopRequests
from meli_tasks.process_names import has_ended, this_boot, this_process
from meli_tasks.stages.stored import Stored
from meli_tasks.store import Listed, Store
from meli_tasks.wording import count

logger = logging.getLogger("meli_tasks")


class _Note(Stored):
    """A process that is uploading an attempt, and the start of its machine: host names need not be unique."""

    boot: str


@contextmanager
def noted(store: Store, manifest: Manifest) -> Iterator[None]:
    """Note that the attempt is being uploaded and what it no longer needs deleted. After an error, the note stays."""
    note = paths.uploading(manifest.stage, manifest.key, manifest.attempt, this_process())
    try:
        reading.write(store, note, _Note(boot=this_boot()).model_dump_json().encode())
    except MeliError as error:  # such as rights that were given before there were notes
        logger.warning(
            "If this task is killed, only `meli prune` removes what it has uploaded, not the next run: %s", error
        )
        yield
        return
    yield
    _delete_note(store, note)


def remove_abandoned(store: Store) -> None:
    """Remove what processes that have ended on this machine left behind while uploading. Errors are logged."""
    try:
        notes = list(store.objects(paths.UPLOADING))
    except MeliError as error:
        logger.warning("What killed tasks left in %s stays until the next run: %s", store.url, error)
        return
    for listed in notes:
        found = paths.parse_uploading(listed.name)
        if found is None or not has_ended(found[-1]):
            continue
        *attempt, _ = found
        try:
            note = reading.read(store, listed.name, _Note.model_validate_json)
            # None: a bit of its name flipped in the listing.
            if note is None or note.boot != this_boot():
                continue
            _remove(store, listed, *attempt)
        except Rejected as error:
            logger.warning("`meli prune` must remove what a killed task left of %s: %s", "/".join(attempt), error)
        except MeliError as error:
            logger.warning("What a killed task left of %s stays until the next run: %s", "/".join(attempt), error)
            continue
        _delete_note(store, listed.name)


def _delete_note(store: Store, name: str) -> None:
    try:
        store.delete(name)
    except MeliError as error:
        logger.warning("%s was not deleted: %s", name, error)


def clear_states(store: Store, stage: str, key: str) -> None:
    """Delete what a step needed only while it was running: its checkpoints and the request to stop it."""
    StoredCheckpoints(store, stage, key, Path()).clear()
    StoredStopRequests(store, stage, key, run_id="").clear()


def _remove(store: Store, note: Listed, stage: str, key: str, attempt: str) -> None:
    """Remove the files of an attempt; if it was published, only the states that its training run had no time to delete.

    The key may be computed again at this moment, by somebody who forced it: those states are newer than the note.
    """
    newest = find_record(store, stage, key)
    if (newest and newest.attempt == attempt) or store.size(paths.replaced_manifest(stage, key, attempt)) is not None:
        for prefix in (paths.checkpoints(stage, key), paths.stop_request(stage, key)):
            for each in store.objects(prefix):
                if each.name.startswith(prefix) and each.modified <= note.modified:
                    store.delete(each.name)
        return
    folder = paths.artifact_file(stage, key, attempt, "")
    store.discard_below(folder)
    names = [name for name in store.names(folder) if name.startswith(folder)]
    for name in names:
        store.delete(name)
    if names:
        logger.info("%s removed: a task was killed while it uploaded %s", count(len(names), "file"), f"{stage}/{key}")
