"""Reads from the store what estimates are made of: the steps and the durations of the newest runs."""

from __future__ import annotations

from dataclasses import dataclass

from meli_tasks.artifacts.manifest import find_readable
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.planning.estimate import Estimate, PastRun, PastStep, RunShape, seconds_with_slots
from meli_tasks.planning.past_figures import PastFigures, read_figures, rows_of, source_of
from meli_tasks.planning.plan import Plan
from meli_tasks.planning.run_index import RunIndex
from meli_tasks.planning.run_record import ESTIMATED
from meli_tasks.planning.run_row import RunRow
from meli_tasks.planning.run_view import View
from meli_tasks.sources.generated import generated_rows
from meli_tasks.store import Store


@dataclass(frozen=True)
class _Read:
    """A past run, and what estimates need of it."""

    row: RunRow
    past: PastFigures

    def run(self, slots: int) -> PastRun | None:
        """The duration of the run; None if it has not ended, or searched, whose time a request sets."""
        if self.row.seconds is None or self.past.searched:
            return None
        shape = self.past.shape(tuple(sorted(self.row.sets)), slots)
        stages: list[tuple[str, float | None]] = [
            (step.stage, step.seconds) for step in self.past.steps if step.computed
        ]
        computed = seconds_with_slots(stages, slots if self.past.in_airflow else 1)
        return PastRun(shape, self.row.seconds, computed or 0.0)


def past_runs(store: Store, slots: int = 1) -> Estimate:
    """Read the newest runs in a store; what cannot be read is skipped, with one warning."""
    reader = LenientReader(store)
    newest = RunIndex(store).look(reader, lambda view: _figures(view, store, reader))
    reader.warn()
    steps: dict[str, PastStep] = {}
    titles: dict[str, int] = {}
    for read in reversed(newest):
        steps |= {step.key: step.past(read.past.titles) for step in read.past.steps}
        if read.past.titles:
            titles[read.past.source] = read.past.titles
    runs = [past for read in newest if (past := read.run(slots))]
    return Estimate(list(reversed(steps.values())), runs, titles)


def _figures(view: View, store: Store, reader: LenientReader) -> list[_Read]:
    """The newest runs. In a large store, those that are not in the index yet are left out."""
    found = []
    for row in view.newest(ESTIMATED):
        past = row.past
        if past is None and view.listing is not None and not row.nothing_new:
            past = read_figures(store, row.plan, row.evaluated.key if row.evaluated else "", reader)
        if past:
            found.append(_Read(row, past))
    return found


def shape_of(plan: Plan, slots: int) -> RunShape:
    """Return what the duration of a plan's run depends on besides its steps."""
    return PastFigures.of(plan, []).shape(tuple(sorted(plan.sets)), slots)


def titles_of(plan: Plan, store: Store, estimate: Estimate) -> int | None:
    """Return how many listings a plan's run has: read before, to be generated, or as many as the source had last."""
    ingested = find_readable(store, "ingest", plan.ingest.key)
    if ingested:
        return rows_of(ingested)
    source = plan.ingest.fetch.get("source", "")
    return generated_rows(source) or estimate.titles_by_source.get(source_of(plan))
