"""What the page Monitoring displays: how far new titles are from the champion's, its accuracy on them, and advice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.reading import read_again
from meli_tasks.core.errors import NotFound
from meli_tasks.decision import Champion
from meli_tasks.monitoring.advice import Advice, advise
from meli_tasks.monitoring.findings import figures
from meli_tasks.monitoring.results import ACCURACY, MOST_DAYS, DayResult, Finding, by_stream, newest_of, since
from meli_tasks.pages.manifests import model_manifest
from meli_tasks.pages.models import Interval, PageModel, SkippedObjects
from meli_tasks.pages.read_cache import ReadCache


class MonitoredStatistic(PageModel):
    """One statistic of a day beside that of the champion's validation titles."""

    statistic: str
    words: str = Field(description="the day's figure and that of the validation titles")
    distance: float = Field(description="0 to 1")
    chance_level: float = Field(description="the distance that chance alone does not exceed")
    changed: bool
    missing: str = Field("", description="why nothing could be compared")
    since: str = Field("", description="the first day of the change; empty if there is none")
    examples: list[str] = Field(default_factory=list)


class MonitoredAccuracy(PageModel):
    """The champion's balanced accuracy on titles whose labels are known; only the reason if there is no figure."""

    balanced_accuracy: float | None
    interval: Interval | None
    promised: float | None
    worse: bool
    since: str = Field("", description="the first day on which it was worse; empty if it is not")
    sentence: str


class MonitoredDay(PageModel):
    """What was found on one day."""

    day: str
    source: str = Field(description="a run's id, or the name of a group of the day's scored titles")
    subject: str = Field(description="which titles, in words")
    verdict: str
    state: str = Field(description="changed, no change, or not compared")
    accuracy: MonitoredAccuracy | None
    statistics: list[MonitoredStatistic]


class MonitoredStream(PageModel):
    """The days of one series: ingested titles, or titles scored with the same threshold."""

    name: str
    of_runs: bool = Field(description="whether the sources are runs")
    days: list[MonitoredDay] = Field(description="oldest first")


class MonitoringAdvice(PageModel):
    """Whether to retrain."""

    retrain: bool
    answer: str = Field(description="Yes, No, or Unknown if nothing was compared")
    reason: str
    gain: float | None = Field(description="the mean gain of the newest decisions; None if there is none")
    decisions: int
    seconds: float | None = Field(description="that training takes; None if none was recorded")


class MonitoringPage(PageModel):
    """The page Monitoring."""

    champion: str = Field("", description="the champion's set; empty if there is none")
    days: int = Field(0, description="the days that are displayed, at most")
    streams: list[MonitoredStream] = Field(default_factory=list)
    advice: MonitoringAdvice | None = None
    report: bool = Field(False, description="whether a report is stored")
    skipped: SkippedObjects = SkippedObjects(count=0, first=[])


@dataclass
class Monitored:
    """Gathers what monitoring stored about the current champion."""

    cache: ReadCache
    _advised: tuple[Any, Advice] | None = field(default=None, init=False)

    def page(self, champion: Champion | None, decision: int) -> MonitoringPage:
        """The page.

        Args:
            champion: The current champion; None if there is none, or if it is unknown.
            decision: The number of the last decision, on which the expected gain depends.
        """
        if champion is None:
            return MonitoringPage()
        results = self.results(champion)
        return MonitoringPage(
            champion=champion.set_name,
            days=MOST_DAYS,
            streams=streams_of(results),
            advice=_described(self._advice(results, decision)) if results else None,
            report=bool(self.cache.listing(paths.monitoring_report(self._ref(champion)))),
        )

    def report(self, champion: Champion | None) -> bytes:
        """The stored report about a champion.

        Raises:
            NotFound: there is none.
        """
        name = paths.monitoring_report(self._ref(champion)) if champion else ""
        report = read_again(self.cache.store, name) if name else None
        if report is None:
            raise NotFound(
                "There is no report on monitoring yet. A run of meli_monitoring or "
                "`meli monitor --report FILE` writes one."
            )
        return report

    def results(self, champion: Champion) -> list[DayResult]:
        """The results of the newest days, oldest first; what cannot be read is in the cache's `skipped`."""
        listing = self.cache.listing(paths.monitored_days(self._ref(champion)))
        days = sorted({_day_of(name) for name in listing})[-MOST_DAYS:]
        names = [name for name in listing if _day_of(name) in days]
        read = (self.cache.read_version(name, DayResult.model_validate_json, listing[name]) for name in names)
        return sorted(filter(None, read), key=lambda result: (result.day, result.at))

    def _ref(self, champion: Champion) -> str:
        """The attempt of the champion that monitoring used, even if the decision does not name it."""
        manifest = model_manifest(self.cache, champion.ref)
        return str(manifest.ref if manifest else champion.ref)

    def _advice(self, results: Sequence[DayResult], decision: int) -> Advice:
        """The advice, computed only if something is new, as it reads past runs."""
        newest = newest_of(results)
        key = decision, [(result.name, result.at, result.verdict) for result in newest]
        if self._advised is None or self._advised[0] != key:
            self._advised = key, advise(self.cache.store, newest)
        return self._advised[1]


def streams_of(results: Sequence[DayResult]) -> list[MonitoredStream]:
    """The results by what they are about: ingested titles first."""
    return [
        MonitoredStream(name=name, of_runs=name == DayResult.INGESTED, days=[_day(result, days) for result in days])
        for name, days in by_stream(results).items()
    ]


def _day(result: DayResult, results: Sequence[DayResult]) -> MonitoredDay:
    return MonitoredDay(
        day=result.day,
        source=result.source,
        subject=result.subject,
        verdict=result.verdict,
        state="not compared" if result.note else "changed" if result.alarms else "no change",
        accuracy=_accuracy(result, results),
        statistics=[_statistic(finding, result, results) for finding in result.findings],
    )


def _statistic(finding: Finding, result: DayResult, results: Sequence[DayResult]) -> MonitoredStatistic:
    return MonitoredStatistic(
        statistic=finding.statistic,
        words=figures(finding),
        distance=finding.distance,
        chance_level=finding.chance_level,
        changed=finding.changed,
        missing=finding.missing,
        since=since(results, finding.statistic, result) if finding.changed else "",
        examples=list(finding.examples),
    )


def _accuracy(result: DayResult, results: Sequence[DayResult]) -> MonitoredAccuracy | None:
    found = result.accuracy
    if found is None:
        return None
    known = not found.missing
    return MonitoredAccuracy(
        balanced_accuracy=found.balanced_accuracy if known else None,
        interval=found.interval if known else None,
        promised=found.promised if known else None,
        worse=found.worse,
        since=since(results, ACCURACY, result) if found.worse else "",
        sentence=found.sentence,
    )


def _described(advice: Advice) -> MonitoringAdvice:
    return MonitoringAdvice(
        retrain=advice.retrain,
        answer=advice.answer,
        reason=advice.reason,
        gain=advice.gain,
        decisions=advice.decisions,
        seconds=advice.seconds,
    )


def _day_of(name: str) -> str:
    return name.rsplit("/", 2)[-2]
