"""Why tasks failed: kept in the store until the notification at the end of their run."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.reading import LenientReader, write
from meli_tasks.redaction import redact
from meli_tasks.store import Store

MAX_MESSAGE_CHARACTERS = 400  # characters of an error's message; the log has all of it
SILENT = "it left no message; see its log"


@dataclass(frozen=True)
class Failure:
    """A failed task: its name, the set or recipe it worked on, its error message, and the page with its log."""

    task: str
    of: str
    message: str
    at: str
    url: str = ""

    @classmethod
    def from_bytes(cls, data: bytes) -> Failure:
        """Parse a stored failure; fields that a later version added are ignored."""
        stored = json.loads(data)
        return cls(**{name: str(stored[name]) for name in cls.__dataclass_fields__ if name in stored})

    @property
    def label(self) -> str:
        """The task's name for people."""
        return f"{self.task} [{self.of}]" if self.of else self.task

    @property
    def why(self) -> str:
        """Its error message, as notifications and the run's tab display it."""
        return self.message or SILENT

    @property
    def sentence(self) -> str:
        """What failed and why, in a line."""
        return f"{self.label}: {self.why}"


def keep(store: Store, run_id: str, failure: Failure, map_index: int = -1) -> None:
    """Keep why a task failed; a later failure of the same task replaces it."""
    stored = replace(failure, message=redact(failure.message))
    write(store, paths.failure(run_id, failure.task, map_index), json.dumps(asdict(stored)).encode())


def of_run(store: Store, run_id: str, since: datetime | None = None) -> list[Failure]:
    """The failed tasks of a run; with `since`, without those that failed before the run was cleared to run again."""
    reader = LenientReader(store)
    found = (reader.read(name, Failure.from_bytes) for name in store.names(paths.failures(run_id)))
    failures = [failure for failure in found if failure]
    reader.warn()
    return [failure for failure in failures if since is None or datetime.fromisoformat(failure.at) >= since]
