"""Past runs, read from the store: their plans and evaluations.

One object that cannot be read hides no other: it is skipped, and the reader's warning names it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.reading import READERS, LenientReader
from meli_tasks.core.errors import NotFound
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.planning.plan import Plan
from meli_tasks.planning.run_index import RunIndex
from meli_tasks.planning.run_view import View
from meli_tasks.store import Store

LATEST = "latest"
LOOKED_AT = 50
"""Runs that are looked at together while the newest one that evaluated something is looked for."""


def newest_plans(store: Store, reader: LenientReader | None = None) -> Iterator[Plan]:
    """Every readable plan in the store, newest first, as the index of runs has them; each is read when it is wanted.

    Args:
        store: Where they are.
        reader: Keeps what was skipped, for a caller that warns of everything at the end; by default this warns.
    """
    lenient = reader or LenientReader(store)
    names = [head.plan for head in RunIndex(store).look(lenient, View.heads)]
    try:
        for start in range(0, len(names), READERS):
            yield from lenient.read_all(names[start : start + READERS], lambda name: Plan.load(store, name))
    finally:
        if reader is None:
            lenient.warn()


def plans(store: Store, reader: LenientReader | None = None) -> list[Plan]:
    """Return every readable plan in the store, newest first, whatever an index says, for whoever must not miss one.

    All of them are listed and read. They are small, and parallel reads hide the latency.

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


def plans_of_run(store: Store, run_id: str) -> list[Plan]:
    """Every readable plan of one run, newest first: a run that was cleared with other parameters has several."""
    prefixes = dict.fromkeys((paths.plans_of_run(run_id), paths.former_plans_of_run(run_id)))
    names = [name for prefix in prefixes for name in store.names(prefix) if paths.is_plan(name)]
    reader = LenientReader(store)
    found = reader.read_all(names, lambda name: Plan.load(store, name))
    reader.warn()
    return sorted((plan for plan in found if plan.run_id == run_id), key=lambda plan: plan.at, reverse=True)


def find_run(store: Store, run_id: str) -> Plan:
    """The newest plan of a run by the run's id; "latest" is the newest run that evaluated something.

    Raises:
        NotFound: there is no such run; the message names runs with a similar id, or the newest ones.
    """
    if run_id != LATEST and (own := plans_of_run(store, run_id)):
        return own[0]
    reader = LenientReader(store)
    if run_id == LATEST:
        newest = RunIndex(store).look(reader, _newest_evaluated)
        reader.warn()
        if not newest:
            raise NotFound(f"No run in {store.url} has evaluated anything yet. `meli run all` starts one.")
        return Plan.load(store, newest)
    ids = run_ids(store, reader)
    reader.warn()
    if not ids:
        raise NotFound(f"There is no run {run_id!r} in {store.url}; it has no runs yet. `meli run all` starts one.")
    near = [each for each in ids if run_id and run_id in each] or difflib.get_close_matches(run_id, ids, n=3)
    hint = f"Did you mean {' or '.join(near[:3])}?" if near else f"The newest is {ids[0]}."
    raise NotFound(f"There is no run {run_id!r} in {store.url}. {hint} `meli runs` lists the runs.")


def run_ids(store: Store, reader: LenientReader) -> list[str]:
    """The ids of all runs, newest first; `reader` keeps what was skipped."""
    return list(dict.fromkeys(head.run_id for head in RunIndex(store).look(reader, View.heads)))


def _newest_evaluated(view: View) -> str:
    """The plan of the newest run that evaluated something; an empty string if there is none."""
    names = [head.plan for head in view.heads()]
    for start in range(0, len(names), LOOKED_AT):
        for row in view.rows(names[start : start + LOOKED_AT]):
            if row.evaluated:
                return row.plan
    return ""


def evaluated(store: Store, plan: Plan, reader: LenientReader | None = None) -> EvaluationReport | None:
    """Return the report of a run's evaluation; None if it has not evaluated anything, or it cannot be read."""
    lenient = reader or LenientReader(store)
    found = lenient.attempt(paths.evaluated(plan.name), lambda: EvaluationReport.load(store, plan.name))
    if reader is None:
        lenient.warn()
    return found
