"""The titles that runs ingested; each run is compared as one day."""

from __future__ import annotations

from collections.abc import Iterator

from meli_tasks.artifacts.manifest import Manifest, find
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.core.drift import FEWEST_TITLES
from meli_tasks.monitoring.findings import findings_of
from meli_tasks.monitoring.reference import listings_file
from meli_tasks.monitoring.results import RUN, DayResult
from meli_tasks.monitoring.standard import Standard
from meli_tasks.planning.history import newest_plans
from meli_tasks.planning.plan import Plan
from meli_tasks.stages.summaries import IngestSummary
from meli_tasks.store import Store
from meli_tasks.wording import count


class IngestingRuns:
    """The runs that ingested titles. Plans are listed a single time, and each is read a single time."""

    def __init__(self, store: Store, reader: LenientReader) -> None:
        self.reader = reader
        self._store = store
        self._plans = newest_plans(store, reader)
        self._read: list[Plan] = []
        self._ingested: dict[str, Manifest | None] = {}

    def since(self, day: str, most: int) -> list[tuple[Plan, Manifest]]:
        """The newest runs since a day, at most so many, oldest first; runs with the same listings count as one."""
        found: dict[str, tuple[Plan, Manifest]] = {}
        for plan in self._newest():
            if len(found) == most:
                break
            if plan.as_of >= day and plan.ingest.key not in found and (ingest := self._ingest(plan.ingest.key)):
                found[plan.ingest.key] = plan, ingest
        return list(reversed(found.values()))

    def _newest(self) -> Iterator[Plan]:
        yield from self._read
        for plan in self._plans:
            self._read.append(plan)
            yield plan

    def _ingest(self, key: str) -> Manifest | None:
        if key not in self._ingested:
            self._ingested[key] = find(self._store, "ingest", key)
        return self._ingested[key]


def examine_run(standard: Standard, plan: Plan, ingest: Manifest) -> DayResult:
    """Compare a run's titles that the champion was not trained on, and measure its accuracy on them."""
    reference = standard.reference()
    result = standard.result(plan.as_of, plan.run_id, RUN)
    if ingest.key == reference.ingest:
        return result.model_copy(update={"note": "The champion was trained on these titles."})
    from meli_tasks.monitoring.accuracy import accuracy_of
    from meli_tasks.monitoring.profiles import profile_of, with_bad_rows
    from meli_tasks.stages.listings.title_samples import new_titles

    settings, classifier = standard.settings, standard.classifier
    titles = new_titles(
        listings_file(settings, standard.store, ingest),
        listings_file(settings, standard.store, standard.listings),
        settings.monitoring_titles,
    )
    result = result.model_copy(update={"titles": titles.total})
    if len(titles.titles) < FEWEST_TITLES:
        new = f"{count(len(titles.titles), 'title')} that the champion was not trained on"
        return result.model_copy(update={"note": f"The run has {new}: {FEWEST_TITLES} are needed."})
    profiled, nights = profile_of(classifier, titles.titles), settings.monitoring_nights
    profile = with_bad_rows(profiled.profile, ingest.read_summary(IngestSummary))
    accuracy = accuracy_of(titles.categories, profiled.predicted, classifier.categories, standard.champion, nights)
    findings = findings_of(reference.profile, profile, nights)
    return result.model_copy(update={"profile": profile, "findings": findings, "accuracy": accuracy})
