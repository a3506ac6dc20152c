"""Pinned runs: everything that they computed is kept for as long as they are pinned."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import Field

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.manifest import find_record
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.core.errors import NotFound
from meli_tasks.execution.reuse import mark_used
from meli_tasks.planning.compared import reference_steps
from meli_tasks.planning.history import evaluated
from meli_tasks.planning.plan import Plan
from meli_tasks.stages.stored import Stored
from meli_tasks.stages.summaries import ENSEMBLE
from meli_tasks.store import Store


class Pin(Stored):
    """A pinned run."""

    version: int = 1
    run_id: str
    by: str
    reason: str = ""
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))


def pin(store: Store, plan: Plan, by: str, reason: str = "") -> tuple[Pin, int]:
    """Pin a run, also while a prune is running. Pinned again, it gets the new reason.

    Returns:
        The pin, and how many of the run's artifacts had been pruned before.
    """
    made = Pin(run_id=plan.run_id, by=by, reason=reason)
    reading.write(store, paths.pin(plan.run_id), made.model_dump_json(indent=1).encode())
    records = [find_record(store, stage, key) for stage, key in _artifacts(store, plan)]
    # A prune that has read the pins before does not know of this one: it leaves alone what was marked.
    return made, sum(each is not None and mark_used(store, each) is None for each in records)


def _artifacts(store: Store, plan: Plan) -> set[tuple[str, str]]:
    """The stages and keys of what a run computed, as far as they are known."""
    steps = {(step.stage, step.key) for step in (*plan.steps(), *reference_steps(plan).values())}
    report = evaluated(store, plan)
    if report is None:
        return steps
    models = {(ENSEMBLE if label == ENSEMBLE else "train", key) for label, key in report.models.items()}
    return steps | models | {("evaluate", report.key)}


def unpin(store: Store, run_id: str) -> None:
    """Remove the pin of a run.

    Raises:
        NotFound: it is not pinned.
    """
    name = paths.pin(run_id)
    if store.size(name) is None:
        raise NotFound(f"The run {run_id} is not pinned in {store.url}: nothing was changed.")
    store.delete(name)


def pins(store: Store, reader: LenientReader) -> list[Pin]:
    """All pins; the reader keeps what cannot be read."""
    found = (reader.read(name, Pin.model_validate_json) for name in list(store.names(paths.PINS)))
    return [each for each in found if each]
