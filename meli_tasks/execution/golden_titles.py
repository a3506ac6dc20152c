"""The golden titles of a run, as an input of a stage."""

from __future__ import annotations

import hashlib
from pathlib import Path

from meli_tasks.artifacts import paths
from meli_tasks.core.errors import BadData, NotFound
from meli_tasks.stages.listings.golden import FILE
from meli_tasks.store import Store


def fetch_golden(store: Store, digest: str, folder: Path) -> Path:
    """Copy the titles that were stored when the run was planned into a new folder, and return it.

    Raises:
        NotFound: they are no longer in the store.
        BadData: they are damaged.
    """
    folder.mkdir(parents=True)
    try:
        store.download(paths.golden(digest), folder / FILE)
    except NotFound as error:
        raise NotFound(
            f"The golden titles that this run was planned with are gone. {error} Clear the task plan and its "
            "downstream tasks, so that they are read again."
        ) from None
    if not hashlib.sha256((folder / FILE).read_bytes()).hexdigest().startswith(digest):
        raise BadData(
            f"The golden titles {store.url}/{paths.golden(digest)} that this run was planned with are damaged. Clear "
            "the task plan and its downstream tasks, or run again: they are read and stored again."
        )
    return folder
