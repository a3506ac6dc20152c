"""The trials of searches, kept in the store as they end: what a crash cannot take, and what the next search knows.

`searches/KEY/RUN.json`: KEY stands for the titles, words and vectors that the trials trained on, so every trial under
it can be compared with every other; RUN is who made them, and what was asked. Each run writes only its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import canonical_json, content_key
from meli_tasks.core.errors import MeliError
from meli_tasks.core.hyperparameters import Train
from meli_tasks.execution.runner import Step
from meli_tasks.search.trial import Asked, Trial
from meli_tasks.stages import STAGES
from meli_tasks.store import Store

logger = logging.getLogger("meli_tasks")


@dataclass
class Journal:
    """The trials of one run on one set of arrays. `spent` counts the seconds of all its attempts.

    `part` is the last of its name: see `journal_part`. `start` is the set that it started from, `winner` the name under
    which the run's best was kept, once it was; `before` are other runs' trials, `earlier` counts those of its own
    earlier attempts.
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
        """The journal of a run whose trials have the inputs of `train`, with what an earlier attempt left in it."""
        key = content_key(
            "search", STAGES["train"].version, {"architecture": train.params["architecture"]}, train.inputs
        )
        journal = cls(store, paths.searches_of(key), run_id, part, train.name)
        for name in store.names(journal.folder):
            blob = store.read(name)
            told = json.loads(blob.data) if blob else {"trials": []}
            trials = [Trial.from_json(trial) for trial in told["trials"]]
            if name == journal.name:
                journal.spent, journal.winner, journal.trials = told["spent"], told["winner"], trials
                journal.earlier = len(trials)
            else:
                journal.before += _usable(trials)
        return journal

    @property
    def name(self) -> str:
        """The object's name in the store."""
        return paths.search(self.folder, self.part)

    def keep(self, spent: float) -> None:
        """Write it; while the store is away it stays as it was, and the search goes on."""
        try:
            self._write(spent)
        except MeliError as error:
            logger.warning("The trials could not be noted in the store, the search goes on: %s", error)

    def won(self, name: str, spent: float) -> None:
        """Note the winner's set. Errors: what the store says; a retry that knew nothing of it would keep another."""
        self.winner = name
        self._write(spent)

    def _write(self, spent: float) -> None:
        self.spent = spent
        told = {
            "run_id": self.run_id,
            "start": self.start,
            "spent": round(spent, 1),
            "winner": self.winner,
            "trials": [trial.to_json() for trial in self.trials],
        }
        self.store.write(self.name, json.dumps(told).encode())


def journal_part(run_id: str, asked: Asked, overrides: Mapping[str, Any]) -> str:
    """What a run's journal is called: a run id can be asked differently, when a date is processed again."""
    told = canonical_json([asdict(asked), dict(overrides)])
    return paths.search_part(run_id, hashlib.sha256(told.encode()).hexdigest()[:12])


def start_of(store: Store, part: str) -> str:
    """The set that an earlier attempt of a run's search started from; empty when there was none."""
    for name in store.names(paths.SEARCHES):
        if paths.is_search(name, part) and (blob := store.read(name)):
            return str(json.loads(blob.data)["start"])
    return ""


def _usable(trials: list[Trial]) -> list[Trial]:
    """Those that say what their parameters came to, in today's schema."""
    found = []
    for trial in trials:
        if trial.state in ("finished", "pruned"):
            with contextlib.suppress(ValidationError):
                params = Train.model_validate(trial.params).model_dump(mode="json")
                found.append(replace(trial, params=params, known=True))
    return found
