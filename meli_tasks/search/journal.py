"""The trials of searches, kept in the store as they end: what a crash cannot take, and what the next search knows.

`searches/KEY/RUN.json`: KEY stands for the titles, words and vectors that the trials trained on, so every trial under
it can be compared with every other; RUN is who made them. Each run writes only its own.
"""

from __future__ import annotations

import contextlib
import json
import logging
from dataclasses import dataclass, field, replace

from pydantic import ValidationError

from meli_tasks.artifacts import content_key
from meli_tasks.core.errors import MeliError
from meli_tasks.core.hyperparameters import Train
from meli_tasks.runner import Step
from meli_tasks.search.trial import Trial
from meli_tasks.stages import VERSIONS
from meli_tasks.store import Store, name_part

FOLDER = "searches/"

logger = logging.getLogger("meli_tasks")


@dataclass
class Journal:
    """The trials of one run on one set of arrays. `spent` counts the seconds of all its attempts.

    `start` is the set that it started from, `winner` the name under which the run's best was kept, once it was;
    `before` are other runs' trials.
    """

    store: Store
    folder: str
    run_id: str
    start: str
    spent: float = 0.0
    winner: str = ""
    trials: list[Trial] = field(default_factory=list)
    before: list[Trial] = field(default_factory=list)

    @classmethod
    def open(cls, store: Store, train: Step, run_id: str) -> Journal:
        """The journal of a run whose trials have the inputs of `train`, with what an earlier attempt left in it."""
        key = content_key("search", VERSIONS["train"], {"architecture": train.params["architecture"]}, train.inputs)
        journal = cls(store, f"{FOLDER}{key}/", run_id, train.name)
        for name in store.names(journal.folder):
            blob = store.read(name)
            told = json.loads(blob.data) if blob else {"trials": []}
            trials = [Trial.from_json(trial) for trial in told["trials"]]
            if name == journal.name:
                journal.spent, journal.winner, journal.trials = told["spent"], told["winner"], trials
            else:
                journal.before += _usable(trials)
        return journal

    @property
    def name(self) -> str:
        """The object's name in the store."""
        return f"{self.folder}{name_part(self.run_id)}.json"

    def keep(self, spent: float) -> None:
        """Write it; while the store is away it stays as it was, and the search goes on."""
        self.spent = spent
        told = {
            "run_id": self.run_id,
            "start": self.start,
            "spent": round(spent, 1),
            "winner": self.winner,
            "trials": [trial.to_json() for trial in self.trials],
        }
        try:
            self.store.write(self.name, json.dumps(told).encode())
        except MeliError as error:
            logger.warning("The trials could not be noted in the store, the search goes on: %s", error)


def start_of(store: Store, run_id: str) -> str:
    """The set that an earlier attempt of a run's search started from; empty when there was none."""
    own = f"/{name_part(run_id)}.json"
    for name in store.names(FOLDER):
        if name.endswith(own) and (blob := store.read(name)):
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
