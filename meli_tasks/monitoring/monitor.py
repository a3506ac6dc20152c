"""One look at everything that is new since the last look: the titles of runs that the champion was not trained on."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from meli_tasks.artifacts.manifest import Manifest, find, need
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.champion import champion_model
from meli_tasks.core.drift import FEWEST_TITLES
from meli_tasks.core.errors import BadData, NotFound
from meli_tasks.decision import Champion
from meli_tasks.ledger import Ledger
from meli_tasks.monitoring.findings import findings_of
from meli_tasks.monitoring.reference import Reference, listings_file, load_reference, make_reference
from meli_tasks.monitoring.results import DayResult, results_of
from meli_tasks.planning.history import plans
from meli_tasks.planning.plan import Plan
from meli_tasks.prediction.models import Model, load
from meli_tasks.settings import Settings
from meli_tasks.stages.summaries import IngestSummary
from meli_tasks.store import Store
from meli_tasks.wording import count

if TYPE_CHECKING:
    from meli_tasks.core.models.ensemble import Classifier

logger = logging.getLogger("meli_tasks")

RUNS = 7
ANNOUNCED_AMONG = 7
"""Among how many of the newest results changes are still worth a notification."""


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
        newest = self.results[-ANNOUNCED_AMONG:]
        return tuple(result for result in newest if result.alarms and not result.announced)


class Monitor:
    """Compares titles with those that the current champion was validated on."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings = settings
        self.store = store
        self._loaded: tuple[Classifier, Reference] | None = None

    def look(self, *, runs: int = RUNS, again: bool = False) -> Look:
        """Examine the titles of the newest runs, each only once for each champion.

        Args:
            runs: How many of the newest runs to examine.
            again: Examine them even if the store has their results.

        Raises:
            NotFound: there is no champion, or its listings are not in the store.
            BadData: the champion or its listings cannot be read.
        """
        ledger = Ledger(self.store)
        found = champion_model(ledger, ledger.last())
        if found is None:
            raise NotFound(f"There is no champion in {self.store.url} yet, so there is nothing to compare titles with.")
        if found.model is None:
            raise NotFound(found.problem)
        champion = found.champion
        model = Model(f"champion {champion.set_name}", found.model, found.problem)
        reader = LenientReader(self.store)
        known = {result.source for result in results_of(self.store, str(model.manifest.ref), reader)}
        new = [
            self._examine(model, champion, plan, ingest)
            for plan, ingest in self._runs(champion.as_of or "", runs, reader)
            if again or plan.run_id not in known
        ]
        for result in new:
            result.save(self.store)
        results = results_of(self.store, str(model.manifest.ref), reader)
        reader.warn()
        return Look(champion.set_name, str(model.manifest.ref), tuple(new), tuple(results), found.problem)

    def _runs(self, since: str, most: int, reader: LenientReader) -> Iterator[tuple[Plan, Manifest]]:
        """The newest runs that ingested titles since the champion's day, oldest first; each listings only once."""
        found: dict[str, tuple[Plan, Manifest]] = {}
        for plan in plans(self.store, reader):
            if len(found) == most:
                break
            if plan.as_of < since or plan.ingest.key in found:
                continue
            if ingest := find(self.store, "ingest", plan.ingest.key):
                found[plan.ingest.key] = plan, ingest
        yield from reversed(found.values())

    def _examine(self, model: Model, champion: Champion, plan: Plan, ingest: Manifest) -> DayResult:
        classifier, reference = self._of_model(model)
        result = DayResult(
            day=plan.as_of,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            source=plan.run_id,
            kind="run",
            model=str(model.manifest.ref),
            set_name=champion.set_name,
            titles=0,
        )
        if ingest.key == reference.ingest:
            return result.model_copy(update={"note": "The champion was trained on these titles."})
        from meli_tasks.monitoring.accuracy import accuracy_of
        from meli_tasks.monitoring.profiles import profile_of, with_bad_rows
        from meli_tasks.stages.listings.title_samples import new_titles

        known = need(self.store, "ingest", reference.ingest)
        titles = new_titles(
            listings_file(self.settings, self.store, ingest),
            listings_file(self.settings, self.store, known),
            self.settings.monitoring_titles,
        )
        result = result.model_copy(update={"titles": titles.total})
        if len(titles.titles) < FEWEST_TITLES:
            new = f"{count(len(titles.titles), 'title')} that the champion was not trained on"
            return result.model_copy(update={"note": f"The run has {new}: {FEWEST_TITLES} are needed."})
        profiled, nights = profile_of(classifier, titles.titles), self.settings.monitoring_nights
        profile = with_bad_rows(profiled.profile, ingest.read_summary(IngestSummary))
        accuracy = accuracy_of(titles.categories, profiled.predicted, classifier.categories, champion, nights)
        findings = findings_of(reference.profile, profile, nights)
        return result.model_copy(update={"profile": profile, "findings": findings, "accuracy": accuracy})

    def _of_model(self, model: Model) -> tuple[Classifier, Reference]:
        """The champion and its reference, which are loaded or made when the first run needs them."""
        if self._loaded is None:
            classifier = load(self.settings, self.store, model)
            try:
                reference = load_reference(self.store, model.manifest)
            except BadData as error:
                logger.warning("The reference is made again: %s", error)
                reference = None
            self._loaded = (
                classifier,
                reference or make_reference(self.settings, self.store, model.manifest, classifier),
            )
        return self._loaded
