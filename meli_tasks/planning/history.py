"""Past runs, read from the store: their plans and evaluations.

One object that cannot be read hides no other: it is skipped, and the reader's warning names it.
"""

from __future__ import annotations

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.planning.plan import Plan
from meli_tasks.store import Store


def plans(store: Store, reader: LenientReader | None = None) -> list[Plan]:
    """Return every readable plan in the store, newest first.

    The names of plans do not contain a time, so all of them must be read. They are small, and parallel reads hide the
    latency.

    Args:
        store: Where they are.
        reader: Keeps what was skipped, for a caller that reads more and warns of everything at the end; by default the
            warning is logged immediately.
    """
    names = [name for name in store.names(paths.PLANS) if paths.is_plan(name)]
    lenient = reader or LenientReader(store)
    found = lenient.read_all(names, lambda name: Plan.load(store, name))
    if reader is None:
        lenient.warn()
    return sorted(found, key=lambda plan: plan.at, reverse=True)


def evaluated(store: Store, plan: Plan, reader: LenientReader | None = None) -> EvaluationReport | None:
    """Return the report of a run's evaluation; None if it has not evaluated anything, or it cannot be read."""
    lenient = reader or LenientReader(store)
    found = lenient.attempt(paths.evaluated(plan.name), lambda: EvaluationReport.load(store, plan.name))
    if reader is None:
        lenient.warn()
    return found
