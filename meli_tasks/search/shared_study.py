"""Optuna's journal storage in the store, through which several workers run the trials of one search.

The journal is one object, `studies/KEY/RUN-HASH.json`, to which each operation of Optuna adds a line by
compare-and-swap: two workers never overwrite each other, whatever the store is. It exists only while the search runs;
its result is in `journal`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from optuna.storages.journal import BaseJournalBackend
from typing_extensions import override

from meli_tasks.artifacts import paths, reading
from meli_tasks.core.errors import Conflict
from meli_tasks.store import Store

SECONDS_FRESH = 2.0
"""For how long what was read counts as current. Optuna reads about fifty times to propose one trial, and what another
worker did two seconds ago may wait; what must not be missed is noticed by the compare-and-swap."""


class SearchEnded(Exception):
    """The search has ended while this worker was still running trials."""


class StoredStudy(BaseJournalBackend):
    """The operations on one study, in their order."""

    def __init__(self, store: Store, search_name: str, clock: Callable[[], float] = time.monotonic) -> None:
        """`search_name` is the name of the search's journal."""
        self._store = store
        self._name = paths.study(search_name)
        self._clock = clock
        self._lines: list[dict[str, Any]] = []
        self._version: str | None = None
        self._read_at = -SECONDS_FRESH

    @override
    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        if self._clock() - self._read_at >= SECONDS_FRESH:
            self._read()
        return self._lines[log_number_from:]

    @override
    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        while True:
            lines = [*self._lines, *logs]
            data = json.dumps({"operations": lines}, separators=(",", ":")).encode()
            absent = self._version is None
            try:
                version = reading.write(self._store, self._name, data, if_absent=absent, if_version=self._version)
            except Conflict:
                self._read()
                continue
            self._lines, self._version, self._read_at = lines, version, self._clock()
            return

    def delete(self) -> None:
        """Delete it, once the search has ended."""
        self._store.delete(self._name)

    def _read(self) -> None:
        found = self._store.read(self._name)
        if found is None and self._version is not None:
            raise SearchEnded
        if found is not None:
            data = reading.parsed(self._store, self._name, found.data, json.loads)
            self._lines, self._version = data["operations"], found.version
        self._read_at = self._clock()
