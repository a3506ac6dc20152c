"""The trials of searches, stored as they end, so that they survive a crash and serve later searches.

They are in `searches/KEY/RUN.json`. KEY identifies the titles, words and vectors that the trials were trained on, so
all trials under it are comparable. RUN identifies the run and its options; each run writes only its own file.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pydantic import JsonValue, ValidationError, field_validator

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.manifest import canonical_json, content_key
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.core.errors import Conflict, MeliError
from meli_tasks.core.hyperparameters import Train
from meli_tasks.execution.runner import Step
from meli_tasks.search.trial import SearchOptions, Trial
from meli_tasks.stages import STAGES
from meli_tasks.stages.stored import Stored
from meli_tasks.store import Store

# Fields of a stored trial that had other names in the first version.
RENAMED = {"shares": "accuracy_by_quarter"}

logger = logging.getLogger("meli_tasks")


class JournalFile(Stored):
    """A journal as stored."""

    version: int = 2
    run_id: str = ""
    start: str = ""
    spent: float = 0.0
    winner: str = ""
    trials: tuple[Trial, ...] = ()

    @field_validator("trials", mode="before")
    @classmethod
    def _with_new_names(cls, trials: JsonValue) -> JsonValue:
        if not isinstance(trials, list):
            return trials
        return [
            {RENAMED.get(name, name): value for name, value in trial.items()} if isinstance(trial, dict) else trial
            for trial in trials
        ]


@dataclass
class Journal:
    """The trials of one run on one set of inputs.

    `part` is the last part of its name (see `journal_part`). `start` is the set that the search started from. `spent`
    counts the seconds of all attempts of the run. `winner` is the name under which the best trial was stored, once it
    was. `before` holds the trials of other runs, and `earlier` counts those of the run's own earlier attempts.
    """

    store: Store
    folder: str
    run_id: str
    part: str
    start: str
    spent: float = 0.0
    winner: str = ""
    trials: list[Trial] = field(default_factory=list)
    before: list[Trial] = field(default_factory=list)
    earlier: int = 0

    @classmethod
    def open(cls, store: Store, train: Step, run_id: str, part: str) -> Journal:
        """Open the journal of a run whose trials have the inputs of `train`, with what earlier attempts wrote.

        Journals of other runs that cannot be read are skipped with a warning.

        Raises:
            BadData: the run's own journal cannot be read; it is not written over.
        """
        architecture = {"architecture": train.read_params(Train).architecture}
        key = content_key("search", STAGES["train"].version, architecture, train.inputs)
        journal = cls(store, paths.searches_of(key), run_id, part, train.name)
        own = _read(store, journal.name)
        if own:
            journal.spent, journal.winner, journal.trials = own.spent, own.winner, list(own.trials)
            journal.earlier = len(own.trials)
        others = LenientReader(store)
        for name in store.names(journal.folder):
            other = others.read(name, JournalFile.model_validate_json) if name != journal.name else None
            journal.before += _usable(other.trials) if other else []
        others.warn()
        return journal

    @property
    def name(self) -> str:
        """The name of the object in the store."""
        return paths.search(self.folder, self.part)

    def save(self, spent: float) -> None:
        """Write the journal. If the store is unavailable, the search continues without it."""
        try:
            self._write(spent)
        except MeliError as error:
            logger.warning("Could not save the trials in the store; the search continues: %s", error)

    def claim(self) -> str:
        """Write the journal unless another worker of the search has, and return the set that the search starts from."""
        with contextlib.suppress(Conflict):
            self._write(self.spent, if_absent=True)
            return self.start
        stored = _read(self.store, self.name)
        return stored.start if stored else self.start

    def save_winner(self, name: str, spent: float) -> None:
        """Record the set of the winner. Raises the store's errors: a retry unaware of it would store a second set."""
        self.winner = name
        self._write(spent)

    def _write(self, spent: float, *, if_absent: bool = False) -> None:
        self.spent = spent
        stored = JournalFile(
            run_id=self.run_id,
            start=self.start,
            spent=round(spent, 1),
            winner=self.winner,
            trials=tuple(self.trials),
        )
        reading.write(self.store, self.name, stored.model_dump_json().encode(), if_absent=if_absent)


def journal_part(run_id: str, options: SearchOptions, overrides: Mapping[str, JsonValue]) -> str:
    """Return the last part of a journal's name: a run can be started again with other options."""
    identity = canonical_json([options.identity(), dict(overrides)])
    return paths.search_part(run_id, hashlib.sha256(identity.encode()).hexdigest()[:12])


def start_of(store: Store, part: str) -> str:
    """Return the set that an earlier attempt of a run's search started from, or "" if there was none."""
    for name in store.names(paths.SEARCHES):
        if paths.is_search(name, part) and (stored := _read(store, name)):
            return stored.start
    return ""


def _read(store: Store, name: str) -> JournalFile | None:
    return reading.read(store, name, JournalFile.model_validate_json)


def _usable(trials: tuple[Trial, ...]) -> list[Trial]:
    """Return the trials with an accuracy whose parameters fit the current schema."""
    found = []
    for trial in trials:
        if trial.state in ("finished", "pruned"):
            with contextlib.suppress(ValidationError):
                params = trial.train.model_dump(mode="json")
                found.append(replace(trial, params=params, known=True))
    return found
