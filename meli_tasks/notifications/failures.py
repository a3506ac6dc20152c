"""Why tasks failed, kept in the store from the moment they do until the notification at the end of their run."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from meli_tasks.artifacts import paths
from meli_tasks.store import Store

LONGEST_MESSAGE = 400  # characters of an error's message; the log has all of it


@dataclass(frozen=True)
class Failure:
    """A task that failed: its name, the set or recipe it was for, what it said, and the page with its log."""

    task: str
    of: str
    message: str
    at: str
    url: str = ""

    @property
    def label(self) -> str:
        """The task as people call it."""
        return f"{self.task} [{self.of}]" if self.of else self.task


def keep(store: Store, run_id: str, failure: Failure, map_index: int = -1) -> None:
    """Keep why a task failed; the same task's later failure takes its place."""
    store.write(paths.failure(run_id, failure.task, map_index), json.dumps(asdict(failure)).encode())


def of_run(store: Store, run_id: str, since: datetime | None = None) -> list[Failure]:
    """The tasks of a run that failed; with `since` not those that failed before it was cleared to run again."""
    blobs = [store.read(name) for name in store.names(paths.failures(run_id))]
    failures = [Failure(**json.loads(blob.data)) for blob in blobs if blob]
    return [failure for failure in failures if since is None or datetime.fromisoformat(failure.at) >= since]
