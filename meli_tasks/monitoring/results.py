"""What monitoring found about the titles of one source on one day, as it is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import ClassVar

from pydantic import Field

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.reading import LenientReader, parsed
from meli_tasks.core.errors import NotFound
from meli_tasks.core.title_profile import TitleProfile
from meli_tasks.monitoring.accuracy import Accuracy
from meli_tasks.stages.stored import Stored
from meli_tasks.store import Store
from meli_tasks.wording import count

ACCURACY = "accuracy"
RUN, BATCH, SERVICE = "run", "batch", "service"
MOST_DAYS = 60
"""How many of the newest days the page and the report display."""
_STILL_NEW = timedelta(days=14)


class Finding(Stored):
    """One statistic of a day beside that of the validation titles."""

    statistic: str
    before: float = Field(description="the figure of the validation titles")
    now: float = Field(description="the figure of the day's titles")
    distance: float = Field(description="Jensen-Shannon distance of the two mixes, 0 to 1")
    chance_level: float = Field(description="the distance that chance alone does not exceed")
    changed: bool = Field(description="whether the distance is more than chance")
    missing: str = Field("", description="why nothing could be compared")
    examples: tuple[str, ...] = Field((), description="what changed most, for people")


class DayResult(Stored):
    """What monitoring found about the titles of one source on one day."""

    INGESTED: ClassVar[str] = "ingested titles"

    version: int = 1
    day: str
    at: str
    source: str = Field(description="a run's id, or the name of a group of the day's scored or answered titles")
    kind: str = Field(description="run, batch or service")
    model: str = Field(description="KEY@SHA256")
    set_name: str
    titles: int = Field(description="of a run, about how many are new to the model; otherwise usable titles")
    findings: tuple[Finding, ...] = ()
    accuracy: Accuracy | None = Field(None, description="on the titles with labels; None if there are none")
    note: str = Field("", description="why nothing was compared; empty if something was")
    profile: TitleProfile = Field(default_factory=TitleProfile)
    batches: Mapping[str, str] = Field(
        default_factory=dict,
        description="the day's scored batches, and when the record of each was written; of the service, its processes",
    )
    labels: tuple[str, ...] = Field((), description="the identities of the sources of labels that were used")
    apart: str = Field("", description="which titles of the day are not compared, and why; empty if all are")
    announced: bool = Field(False, description="whether a notification of the changes was sent")

    @property
    def verdict(self) -> str:
        """The result in a few words."""
        if self.note:
            return f"not compared: {self.note}"
        missing = [finding.statistic for finding in self.findings if finding.missing]
        parts = [
            f"changed: {', '.join(self.alarms)}" if self.alarms else "no change",
            f"not compared: {', '.join(missing)}" if missing and not self.alarms else "",
            f"no accuracy: {self.accuracy.missing}" if self.accuracy and self.accuracy.missing else "",
            self.apart,
        ]
        return "; ".join(filter(None, parts))

    @property
    def stream(self) -> str:
        """The series that the result belongs to: ingested titles, or titles scored with the same threshold."""
        return self.INGESTED if self.kind == RUN else self.source

    @property
    def subject(self) -> str:
        """Which titles it is about, in words."""
        if self.kind == RUN:
            return f"{count(self.titles, 'new title')} of {self.source}"
        return f"{self.titles:,} {self.source}"

    @property
    def changes(self) -> tuple[Finding, ...]:
        """What changed more than chance."""
        return tuple(finding for finding in self.findings if finding.changed)

    @property
    def alarms(self) -> tuple[str, ...]:
        """The names of the statistics that changed, and accuracy if it is worse than promised."""
        worse = (ACCURACY,) if self.accuracy and self.accuracy.worse else ()
        return (*worse, *(finding.statistic for finding in self.changes))

    @property
    def name(self) -> str:
        """Where it is stored."""
        return paths.monitored(self.model, self.day, self.source)

    def save(self, store: Store) -> None:
        """Store it; the result of an earlier look at the same titles is replaced."""
        reading.write(store, self.name, self.model_dump_json(indent=1).encode())


def results_of(store: Store, model: str, reader: LenientReader) -> list[DayResult]:
    """Everything that monitoring found with a model, oldest day first; the reader keeps what cannot be read."""
    names = sorted(store.names(paths.monitored_days(model)))
    found = reader.read_all(names, lambda name: _read(store, name))
    return sorted(found, key=lambda result: (result.day, result.at))


def by_stream(results: Sequence[DayResult]) -> dict[str, list[DayResult]]:
    """The results of each stream in their order; ingested titles are the first stream."""
    streams = sorted({result.stream for result in results}, key=lambda name: (name != DayResult.INGESTED, name))
    return {stream: [result for result in results if result.stream == stream] for stream in streams}


def newest_of(results: Sequence[DayResult]) -> list[DayResult]:
    """The newest result of each stream, without those that are over two weeks older than the newest of all."""
    newest = {result.stream: result for result in results}
    if not newest:
        return []
    last = date.fromisoformat(max(result.day for result in newest.values()))
    return [each for each in newest.values() if last - date.fromisoformat(each.day) <= _STILL_NEW]


def since(results: Sequence[DayResult], statistic: str, of: DayResult) -> str:
    """The first of the consecutive days up to that of a result on which a statistic was changed.

    Days on which it could not be compared neither start nor end a change.
    """
    first = of.day
    earlier = (each for each in results if each.day <= of.day and each.stream == of.stream)
    for result in sorted(earlier, key=lambda each: each.day, reverse=True):
        if statistic in result.alarms:
            first = result.day
        elif result.day != of.day and _compared(result, statistic):
            break
    return first


def _compared(result: DayResult, statistic: str) -> bool:
    if statistic == ACCURACY:
        return result.accuracy is not None and not result.accuracy.missing
    return any(finding.statistic == statistic and not finding.missing for finding in result.findings)


def _read(store: Store, name: str) -> DayResult:
    blob = store.read(name)
    if blob is None:
        raise NotFound(f"{name} is no longer in {store.url}.")
    return parsed(store, name, blob.data, DayResult.model_validate_json)
