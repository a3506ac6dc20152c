"""One store and what the pages keep of it between requests."""

from __future__ import annotations

from meli_tasks.artifacts import paths
from meli_tasks.decision_rows import Decisions
from meli_tasks.ledger import Ledger
from meli_tasks.pages.champion import MlflowAlias
from meli_tasks.pages.decided import Decided, DecidedSoFar
from meli_tasks.pages.located import Located, locate
from meli_tasks.pages.models import CurrentFigure, SkippedObject, SkippedObjects
from meli_tasks.pages.monitored import Monitored
from meli_tasks.pages.nights import Nights
from meli_tasks.pages.noted import Notes
from meli_tasks.pages.paired import PairedTests
from meli_tasks.pages.predicted import PredictedTitles
from meli_tasks.pages.read_cache import ReadCache
from meli_tasks.pages.runs import Runs
from meli_tasks.settings import DEFAULT_REGISTERED_MODEL
from meli_tasks.store import Store


class CachedStore:
    """Base of the pages: the caches, and what every kind of page looks up."""

    def __init__(
        self,
        store: Store,
        mlflow_uri: str = "",
        mlflow_pages: str = "",
        registered_model: str = DEFAULT_REGISTERED_MODEL,
        *,
        airflow: str = "",
    ) -> None:
        self.store = store
        self._cache = ReadCache(store)
        self._runs = Runs(self._cache)
        self._nights = Nights(self._cache, self._runs)
        self._notes = Notes(self._cache)
        self._monitored = Monitored(self._cache)
        self._ledger = Ledger(store)
        self._tests = PairedTests(store)
        self._predicted = PredictedTitles(store)
        self._decided = DecidedSoFar(store)
        self._mlflow_at = (mlflow_uri, mlflow_pages, registered_model)
        self._airflow = airflow
        self._mlflow = MlflowAlias(store, *self._mlflow_at)

    def _located(self, model: str) -> Located:
        current = self._current_figure()
        return locate(self._cache, self._runs, model, current.id if current else "")

    def _current_figure(self, decided: Decided | None = None) -> CurrentFigure | None:
        """The current champion's score on the newest titles that it was evaluated on, by a ledger that was read."""
        champion = (decided or self._decided.read()).champion
        return self._runs.current_figure(champion.ref) if champion else None

    def _decisions(self) -> Decisions:
        """What can be read of the ledger, oldest first."""
        return self._decided.read().decisions

    def _skipped(self) -> SkippedObjects:
        """What could not be read, so that nobody takes it for missing."""
        self._cache.forget_rewritten(paths.NOTES, self._cache.listing(paths.NOTES))
        if (listing := self._runs.listing()) is not None:
            self._cache.forget_rewritten(paths.PLANS, listing)
        skipped = [*self._cache.skipped, *self._decided.read().skipped]
        first = [SkippedObject(name=one.name, reason=one.reason) for one in skipped[: SkippedObjects.LISTED]]
        return SkippedObjects(count=len(skipped), first=first)
