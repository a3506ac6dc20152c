"""What monitoring found about the titles of one source on one day, as it is stored."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.reading import LenientReader, parsed
from meli_tasks.core.errors import NotFound
from meli_tasks.core.title_profile import TitleProfile
from meli_tasks.monitoring.accuracy import Accuracy
from meli_tasks.stages.stored import Stored
from meli_tasks.store import Store

ACCURACY = "accuracy"


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

    version: int = 1
    day: str
    at: str
    source: str = Field(description="a run's id or a scored batch's")
    kind: str = Field(description="run or batch")
    model: str = Field(description="KEY@SHA256")
    set_name: str
    titles: int = Field(description="titles that are new to the model, about")
    findings: tuple[Finding, ...] = ()
    accuracy: Accuracy | None = Field(None, description="on the titles with labels; None if there are none")
    note: str = Field("", description="why nothing was compared; empty if something was")
    profile: TitleProfile = Field(default_factory=TitleProfile)
    announced: bool = Field(False, description="whether a notification of the changes was sent")

    @property
    def verdict(self) -> str:
        """The result in a few words."""
        if self.note:
            return f"not compared: {self.note}"
        if self.alarms:
            return "changed: " + ", ".join(self.alarms)
        missing = [finding.statistic for finding in self.findings if finding.missing]
        return "no change" + (f"; not compared: {', '.join(missing)}" if missing else "")

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
        store.write(self.name, self.model_dump_json(indent=1).encode())


def results_of(store: Store, model: str, reader: LenientReader) -> list[DayResult]:
    """Everything that monitoring found with a model, oldest day first; the reader keeps what cannot be read."""
    names = sorted(store.names(paths.monitored_days(model)))
    found = reader.read_all(names, lambda name: _read(store, name))
    return sorted(found, key=lambda result: (result.day, result.at))


def since(results: Sequence[DayResult], statistic: str, day: str) -> str:
    """The first of the consecutive days up to `day` on which a statistic was changed.

    Days on which it could not be compared neither start nor end a change.
    """
    first = day
    for result in sorted((each for each in results if each.day <= day), key=lambda each: each.day, reverse=True):
        if statistic in result.alarms:
            first = result.day
        elif result.day != day and _compared(result, statistic):
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
