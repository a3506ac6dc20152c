"""Promoters that race for one ledger, each in a task of its own that is retried as Airflow retries it.

A module of its own, without pytest, since the processes import it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from types import MappingProxyType

from typing_extensions import override

from meli_tasks.artifacts.manifest import Manifest, need_model
from meli_tasks.core.errors import Conflict, Unreachable
from meli_tasks.ledger import Ledger
from meli_tasks.planning.evaluation import Evaluated
from meli_tasks.store import Store, open_store
from meli_tasks.tracking.outbox import Tracking
from meli_tasks.tracking.registry import Registry
from tests.faulty_store import FaultyStore
from tests.past_run import PastRun

MODELS = 4
TRIES = 1_000  # far more than any promoter needs


@dataclass(frozen=True)
class Race:
    """Where the promoters race, and how many requests to the store fail."""

    store: str
    mlflow: str
    model: str
    rate: float


@dataclass(frozen=True)
class Outcome:
    """What a promoter has been answered: the number and the id of its decision; and what it met."""

    run_id: str
    number: int
    id: str
    conflicts: int
    retries: int


class Racer(PastRun):
    """A run whose model an earlier run has trained."""

    @override
    def _training(self, name: str, files: dict[str, bytes] | None = None) -> Manifest:
        return need_model(self.store, self.plan.sets[name].key)


def prepared(store: Store, folder: Path) -> list[PastRun]:
    """One run for each of a few models, whose training all promoters share."""
    runs = []
    for seed in range(MODELS):
        run = PastRun(store, f"training__{seed}", {"mlp": 0.9}, seed=seed)
        run.with_real_model("mlp", folder / str(seed))
        runs.append(run)
    return runs


def race(
    where: Race, promoters: int, processes: int, environment: Mapping[str, str] = MappingProxyType({})
) -> list[Outcome]:
    """Let promoters race in several processes, with these variables."""
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with context.Pool(processes, _set, [dict(environment)]) as pool:
        return pool.starmap(promoter, [(where, number) for number in range(promoters)], chunksize=1)


def _set(environment: Mapping[str, str]) -> None:
    os.environ.update(environment)


def promoter(where: Race, number: int) -> Outcome:
    """Promote a model: decide again after a conflict, and start the task again after an error of the store."""
    logging.disable(logging.CRITICAL)
    plain = open_store(where.store)
    run = Racer(plain, f"race__{number}", {"mlp": 0.9}, seed=number % MODELS)
    store = FaultyStore(plain, where.rate, seed=number)
    conflicts = retries = 0
    first: Evaluated | None = None
    for _ in range(TRIES):
        try:
            # Airflow gives a retried task the evaluation from before its first try.
            evaluated = first or _evaluated(run, store)
            first = first or evaluated
            while True:
                try:
                    registry = Registry(store, Tracking(where.mlflow, store, model=where.model))
                    decision = registry.apply(run.plan, evaluated, run.promotion(evaluated, "mlp"))
                    return Outcome(run.run_id, decision.number, decision.id, conflicts, retries)
                except Conflict:
                    conflicts += 1
                    evaluated = _evaluated(run, store)
        except Unreachable:
            retries += 1
    raise AssertionError(f"promoter {number} was refused {TRIES} times")


def _evaluated(run: PastRun, store: Store) -> Evaluated:
    last = Ledger(store).last()
    return run.evaluation().model_copy(update={"ledger": last.number if last else 0})
