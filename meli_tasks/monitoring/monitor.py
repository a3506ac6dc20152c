"""One look at everything that is new since the last look: titles that runs ingested, and titles that batches scored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.monitoring.ingested import examine_run, ingesting_runs
from meli_tasks.monitoring.results import RUN, DayResult, results_of
from meli_tasks.monitoring.scored import examine_scored, scored_days
from meli_tasks.monitoring.standard import Standard
from meli_tasks.settings import Settings
from meli_tasks.store import Store

RUNS = 7
ANNOUNCED_AMONG = 7
"""Of how many of the newest days changes are still worth a notification."""


@dataclass(frozen=True)
class Look:
    """What one look at a champion found.

    `new` are the results that this look computed, `results` all of the champion's, both oldest day first. `warning`
    says what could not be read.
    """

    champion: str
    model: str
    new: tuple[DayResult, ...]
    results: tuple[DayResult, ...]
    warning: str = ""

    @property
    def changed(self) -> tuple[DayResult, ...]:
        """The new results with changes."""
        return tuple(result for result in self.new if result.alarms)

    @property
    def unannounced(self) -> tuple[DayResult, ...]:
        """The newest results with changes that nobody was notified of."""
        newest = sorted({result.day for result in self.results})[-ANNOUNCED_AMONG:]
        return tuple(each for each in self.results if each.day in newest and each.alarms and not each.announced)


class Monitor:
    """Compares titles with those that the current champion was validated on."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings = settings
        self.store = store

    def look(self, *, runs: int = RUNS, again: bool = False) -> Look:
        """Examine the titles of the newest runs and of the newest days with batches, each only once for each champion.

        A day is examined again if batches were added to it.

        Args:
            runs: How many of the newest runs to examine, and how many of the newest days with batches.
            again: Examine them even if the store has their results.

        Raises:
            NotFound: there is no champion, or its listings are not in the store.
            BadData: the champion or its listings cannot be read.
        """
        standard = Standard.current(self.settings, self.store)
        reader = LenientReader(self.store)
        earlier = {} if again else {each.name: each for each in results_of(self.store, standard.ref, reader)}
        new = [*self._ingested(standard, runs, earlier, reader), *self._scored(standard, runs, earlier, reader)]
        for result in new:
            result.save(self.store)
        results = results_of(self.store, standard.ref, reader)
        reader.warn()
        return Look(
            standard.champion.set_name,
            standard.ref,
            tuple(sorted(new, key=lambda result: (result.day, result.at))),
            tuple(results),
            standard.model.warning,
        )

    def _ingested(
        self, standard: Standard, runs: int, earlier: dict[str, DayResult], reader: LenientReader
    ) -> Iterator[DayResult]:
        known = {result.source for result in earlier.values() if result.kind == RUN}
        for plan, ingest in ingesting_runs(self.store, standard.champion.as_of or "", runs, reader):
            if plan.run_id not in known:
                yield examine_run(standard, plan, ingest)

    def _scored(
        self, standard: Standard, days: int, earlier: dict[str, DayResult], reader: LenientReader
    ) -> Iterator[DayResult]:
        for day in scored_days(self.store, standard.ref, standard.champion.as_of or "", days, reader):
            known = next((each for each in earlier.values() if (each.day, each.source) == (day.day, day.source)), None)
            if known and known.batches == day.batches:
                continue
            result = examine_scored(standard, day)
            if known and known.announced and set(result.alarms) <= set(known.alarms):
                result = result.model_copy(update={"announced": True})
            yield result
