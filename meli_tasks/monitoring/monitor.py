"""Examines what is new since the last time: titles that runs ingested, batches scored, and the service answered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.core.errors import BadData
from meli_tasks.monitoring.accuracy import Accuracy
from meli_tasks.monitoring.answered import examine_answered
from meli_tasks.monitoring.ingested import IngestingRuns, examine_run
from meli_tasks.monitoring.reference import listings_file
from meli_tasks.monitoring.results import RUN, SERVICE, DayResult, results_of
from meli_tasks.monitoring.scored import ScoredDay, examine_scored, scored_days
from meli_tasks.monitoring.standard import Standard
from meli_tasks.planning.plan import Plan
from meli_tasks.serving.answered import answered_days
from meli_tasks.settings import Settings
from meli_tasks.store import Store

if TYPE_CHECKING:
    from meli_tasks.monitoring.labels import LabelSource

RUNS = 7
ANNOUNCED_AMONG = 7
"""How many of the newest days can still cause a notification."""


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
        self.today = datetime.now(UTC).date()
        self._strict = True
        self._refused: list[str] = []

    def look(self, *, runs: int = RUNS, again: bool = False, strict: bool = True) -> Look:
        """Examine the newest runs, and the newest days of batches and of the service, each once for a champion.

        A day is examined again if batches or answers were added to it, or labels of its titles arrived.

        Args:
            runs: How many of the newest runs to examine, and how many of the newest days of either kind.
            again: Examine them even if the store has their results. An accuracy is kept if there are fewer labels now.
            strict: Raise if labels cannot be read, instead of warning and continuing without them.

        Raises:
            NotFound: there is no champion, or its listings are not in the store.
            BadData: the champion, its listings or the labels cannot be read.
        """
        self._strict, self._refused = strict, []
        standard = Standard.current(self.settings, self.store)
        reader = LenientReader(self.store)
        earlier = {each.name: each for each in results_of(self.store, standard.ref, reader)}
        listed = IngestingRuns(self.store, reader)
        new = [
            *self._ingested(standard, listed.since(standard.champion.as_of or "", runs), earlier, again=again),
            *self._scored(standard, runs, earlier, listed, again=again),
            *self._answered(standard, runs, earlier, reader, again=again),
        ]
        for result in new:
            result.save(self.store)
        results = results_of(self.store, standard.ref, reader)
        reader.warn()
        return Look(
            standard.champion.set_name,
            standard.ref,
            tuple(sorted(new, key=lambda result: (result.day, result.at))),
            tuple(results),
            " ".join(filter(None, (standard.model.warning, *self._refused))),
        )

    def _ingested(
        self,
        standard: Standard,
        runs: Iterable[tuple[Plan, Manifest]],
        earlier: dict[str, DayResult],
        *,
        again: bool,
    ) -> Iterator[DayResult]:
        known = {result.source: result for result in earlier.values() if result.kind == RUN}
        for plan, ingest in runs:
            before = known.get(plan.run_id)
            if before is None or again:
                yield _still_announced(examine_run(standard, plan, ingest), before)

    def _scored(
        self,
        standard: Standard,
        days: int,
        earlier: dict[str, DayResult],
        listed: IngestingRuns,
        *,
        again: bool,
    ) -> Iterator[DayResult]:
        from meli_tasks.monitoring.delayed import delayed_accuracy, later
        from meli_tasks.monitoring.labels import tables_of

        scored = list(scored_days(self.store, standard.ref, standard.champion.as_of or "", days, listed.reader))
        sources = self._labels(standard, listed.since(scored[0].day, days)) if scored else []
        labels = tuple(identity for source in sources for identity in source.identities)
        stored = {(each.day, each.source): each for each in earlier.values()}
        to_examine: list[tuple[ScoredDay, DayResult | None]] = []
        for day in scored:
            before = stored.get((day.day, day.source))
            if again or before is None or (before.batches, before.labels) != (day.batches, labels):
                to_examine.append((day, before))
            elif before.accuracy and (waited := later(before.accuracy, day.day, self.today)) != before.accuracy:
                before.model_copy(update={"accuracy": waited}).save(self.store)
        tables = tables_of(sources, self._refuse) if to_examine else []
        accuracies = delayed_accuracy(standard, [day for day, _ in to_examine], tables, self.today)
        for (day, before), accuracy in zip(to_examine, accuracies, strict=True):
            result = examine_scored(standard, day).model_copy(update={"labels": labels})
            if not result.note:
                result = result.model_copy(update={"accuracy": _with_most_labels(accuracy, before)})
            result = _still_announced(result, before)
            if again or before is None or _is_news(result, before):
                yield result
            else:
                result.save(self.store)

    def _answered(
        self, standard: Standard, days: int, earlier: dict[str, DayResult], reader: LenientReader, *, again: bool
    ) -> Iterator[DayResult]:
        stored = {each.day: each for each in earlier.values() if each.kind == SERVICE}
        for day in answered_days(self.store, standard.ref, standard.champion.as_of or "", days, reader):
            before = stored.get(day.day)
            if again or before is None or before.batches != day.counted:
                yield _still_announced(examine_answered(standard, day), before)

    def _labels(self, standard: Standard, runs: Iterable[tuple[Plan, Manifest]]) -> list[LabelSource]:
        """Where labels of scored titles come from: later runs, then the files of the setting."""
        from meli_tasks.monitoring.labels import of_listings, of_source

        listings = {
            ingest.key: partial(listings_file, self.settings, self.store, ingest)
            for _, ingest in runs
            if ingest.key != standard.reference().ingest
        }
        found = [of_listings(listings)]
        if spec := self.settings.monitoring_labels:
            try:
                found.append(of_source(spec, self.settings, self.today))
            except BadData as error:
                self._refuse(error)
        return found

    def _refuse(self, error: BadData) -> None:
        """Raise if strict, else keep a warning: titles are also compared on a day without a file of labels."""
        if self._strict:
            raise error
        self._refused.append(f"Labels could not be read, so their titles count as unlabelled: {error}")


def _with_most_labels(accuracy: Accuracy, before: DayResult | None) -> Accuracy:
    """The earlier accuracy if more titles had labels then, as with a file that was passed a single time."""
    earlier = before.accuracy if before else None
    return earlier if earlier and earlier.labelled > accuracy.labelled else accuracy


def _still_announced(result: DayResult, before: DayResult | None) -> DayResult:
    """A result of which nobody is notified a second time, if it has no other changes than the earlier one."""
    if before and before.announced and set(result.alarms) <= set(before.alarms):
        return result.model_copy(update={"announced": True})
    return result


def _is_news(result: DayResult, before: DayResult) -> bool:
    """Whether a result differs from the earlier one in more than the elapsed days and the sources of labels."""
    accuracy = result.accuracy
    if accuracy and before.accuracy:
        accuracy = accuracy.model_copy(update={"days": before.accuracy.days, "missing": before.accuracy.missing})
    same = result.model_copy(update={"at": before.at, "labels": before.labels, "accuracy": accuracy})
    return same != before
