from __future__ import annotations

import hashlib
import json

from meli_tasks.artifacts.manifest import canonical_json
from meli_tasks.core.hyperparameters import Train
from meli_tasks.execution.runner import Step
from meli_tasks.search.journal import Journal, journal_part, start_of
from meli_tasks.search.trial import SearchOptions, Trial
from meli_tasks.store import FileStore

PARAMS = Train(architecture="mlp").model_dump(mode="json")
STEP = Step("train", "quick_mlp", PARAMS, {"preprocess": "p", "embed": "e"})
TRIAL = Trial(1, PARAMS, "finished", 0.8, 2.0, 4, {1: 0.5, 2: 0.6, 3: 0.7})


def test_a_journal_survives_the_store(file_store: FileStore) -> None:
    journal = Journal.open(file_store, STEP, "run", "part")
    journal.trials.append(TRIAL)
    journal.save_winner("found", 12.34)
    again = Journal.open(file_store, STEP, "run", "part")
    assert (again.trials, again.winner, again.spent, again.earlier) == ([TRIAL], "found", 12.3, 1)
    assert start_of(file_store, "part") == "quick_mlp"
    assert [trial.known for trial in Journal.open(file_store, STEP, "run", "another").before] == [True]


def test_what_version_0_1_0_stored_is_still_read(file_store: FileStore) -> None:
    name = Journal.open(file_store, STEP, "run", "part").name
    trial = {"number": 1, "params": PARAMS, "state": "finished", "accuracy": 0.8, "seconds": 2.0, "epochs_run": 4}
    trial |= {"shares": {"1": 0.5, "2": 0.6, "3": 0.7}, "reason": "", "known": False}
    old = {"run_id": "run", "start": "quick_mlp", "spent": 9.5, "winner": "", "trials": [trial]}
    file_store.write(name, json.dumps(old).encode())
    journal = Journal.open(file_store, STEP, "run", "part")
    assert (journal.trials, journal.spent) == ([TRIAL], 9.5)


def test_a_run_finds_the_journal_that_version_0_1_0_began() -> None:
    fields = {"minutes": 5.0, "family": "mlp", "start": "", "name": "", "seed": 1, "most_trials": 3, "titles": "k"}
    digest = hashlib.sha256(canonical_json([fields, {"train.epochs": 2}]).encode()).hexdigest()[:12]
    options = SearchOptions(minutes=5.0, max_trials=3, titles="k")
    assert journal_part("run", options, {"train.epochs": 2}) == f"run-{digest}"
