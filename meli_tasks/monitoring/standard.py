"""What days are compared with: the champion, and profiles of its validation titles. Loaded when first needed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from meli_tasks.artifacts.manifest import Manifest, need
from meli_tasks.champion import champion_model
from meli_tasks.core.errors import BadData, NotFound
from meli_tasks.core.title_profile import TitleProfile, merged
from meli_tasks.decision import Champion
from meli_tasks.ledger import Ledger
from meli_tasks.monitoring.findings import findings_of
from meli_tasks.monitoring.reference import Reference, load_reference, make_reference
from meli_tasks.monitoring.results import DayResult
from meli_tasks.prediction.models import Model, load
from meli_tasks.settings import Settings
from meli_tasks.store import Store

if TYPE_CHECKING:
    from meli_tasks.core.models.ensemble import Classifier

logger = logging.getLogger("meli_tasks")


class Standard:
    """The current champion with its references, one for each threshold below which titles were withheld."""

    def __init__(self, settings: Settings, store: Store, champion: Champion, model: Model) -> None:
        self.settings = settings
        self.store = store
        self.champion = champion
        self.model = model
        self._references: dict[float, Reference] = {}

    @classmethod
    def current(cls, settings: Settings, store: Store) -> Standard:
        """The standard that the current champion sets.

        Raises:
            NotFound: there is no champion, or its model is not in the store.
        """
        ledger = Ledger(store)
        found = champion_model(ledger, ledger.last())
        if found is None:
            raise NotFound(f"There is no champion in {store.url} yet, so there is nothing to compare titles with.")
        if found.model is None:
            raise NotFound(found.problem)
        model = Model(f"champion {found.champion.set_name}", found.model, found.problem)
        return cls(settings, store, found.champion, model)

    @property
    def ref(self) -> str:
        """The champion's model, KEY@SHA256."""
        return str(self.model.manifest.ref)

    @cached_property
    def classifier(self) -> Classifier:
        """The champion's model."""
        return load(self.settings, self.store, self.model)

    @property
    def listings(self) -> Manifest:
        """The listings that the champion was fitted on."""
        return need(self.store, "ingest", self.reference().ingest)

    def result(self, day: str, source: str, kind: str, titles: int = 0) -> DayResult:
        """A result about titles of a day, to which nothing has been compared yet; see DayResult for the arguments."""
        return DayResult(
            day=day,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            source=source,
            kind=kind,
            model=self.ref,
            set_name=self.champion.set_name,
            titles=titles,
        )

    def compared(
        self, result: DayResult, profiles: Sequence[TitleProfile], other_words: str, abstain_below: float = 0.0
    ) -> DayResult:
        """A result with the titles of some profiles compared to the validation titles.

        Args:
            result: About a day, to which nothing has been compared yet.
            profiles: Of parts of the day's titles.
            other_words: The note if they were counted with other known words than the validation titles.
            abstain_below: As of `reference`.

        Raises:
            NotFound, BadData: as `reference` does.
        """
        reference = self.reference(abstain_below).profile
        try:
            profile = merged(profiles)
        except ValueError:
            return result.model_copy(update={"note": other_words})
        if profile.titles and profile.vocabulary != reference.vocabulary:
            return result.model_copy(update={"note": other_words})
        findings = findings_of(reference, profile, self.settings.monitoring_nights)
        return result.model_copy(update={"profile": profile, "findings": findings})

    def reference(self, abstain_below: float = 0.0) -> Reference:
        """The profile of the champion's validation titles, made if it is not in the store.

        Args:
            abstain_below: Titles with a lower probability count as abstentions, as in the titles to be compared.

        Raises:
            NotFound: its listings are not in the store.
            BadData: its listings have no validation titles.
        """
        if abstain_below not in self._references:
            try:
                found = load_reference(self.store, self.model.manifest, abstain_below)
            except BadData as error:
                logger.warning("Computing the reference again: %s", error)
                found = None
            self._references[abstain_below] = found or make_reference(
                self.settings, self.store, self.model.manifest, self.classifier, abstain_below
            )
        return self._references[abstain_below]
