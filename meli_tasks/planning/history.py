"""Past runs, read from the store: their plans and their evaluations."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from meli_tasks.artifacts import paths
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.planning.plan import Plan
from meli_tasks.store import Store

# The names of plans do not contain a time, so all of them must be read. They are small, and parallel reads hide the
# latency.
READERS = 8


def plans(store: Store) -> list[Plan]:
    """Return every plan in the store, newest first."""
    names = [name for name in store.names(paths.PLANS) if paths.is_plan(name)]
    with ThreadPoolExecutor(READERS) as readers:
        found = list(readers.map(lambda name: Plan.load(store, name), names))
    return sorted(found, key=lambda plan: plan.at, reverse=True)


def evaluated(store: Store, plan: Plan) -> EvaluationReport | None:
    """Return the report of a run's evaluation; None if it has not evaluated anything."""
    return EvaluationReport.load(store, plan.name)
