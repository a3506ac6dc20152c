"""The pages of one store, with the caches that live between requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from functools import cached_property

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import need
from meli_tasks.core.errors import NotFound
from meli_tasks.decision import Decision
from meli_tasks.ledger import Ledger
from meli_tasks.pages.actions import ChangedPage, promote, repair_alias, roll_back
from meli_tasks.pages.backfill_page import backfill_page
from meli_tasks.pages.champion import MlflowAlias, champion_card, champion_on
from meli_tasks.pages.compared import ComparisonPage
from meli_tasks.pages.comparison import Reader
from meli_tasks.pages.decided import DecidedSoFar
from meli_tasks.pages.history import HistoryPage, history
from meli_tasks.pages.located import Located, locate
from meli_tasks.pages.model_page import confused_titles, confusions_page, model_page, suspect_labels
from meli_tasks.pages.models import (
    ChampionOnPage,
    CurrentFigure,
    MlflowChampion,
    ModelsPage,
    Note,
    SkippedObject,
    SkippedObjects,
)
from meli_tasks.pages.news import ChampionNews, News
from meli_tasks.pages.night_models import NightsPage
from meli_tasks.pages.nights import NightFilter, Nights
from meli_tasks.pages.noted import Notes
from meli_tasks.pages.one_model import ConfusedTitles, ConfusionsPage, ModelPage
from meli_tasks.pages.outcomes import AirflowRun, Outcomes
from meli_tasks.pages.paired import PairedTests
from meli_tasks.pages.predicted import PredictedTitles
from meli_tasks.pages.predicting import PredictionsPage, predictions
from meli_tasks.pages.read_cache import ReadCache
from meli_tasks.pages.run_head import FailedInAirflow, RunHead, head_of
from meli_tasks.pages.run_models import ArtifactPage, BackfillPage, RunPage, TrainingPage
from meli_tasks.pages.run_page import run_page, training_page
from meli_tasks.pages.runs import RunFilter, Runs
from meli_tasks.pages.scoring import ScoringEvent, Upload, score
from meli_tasks.planning.plan import Plan
from meli_tasks.planning.stop import stop_training
from meli_tasks.prediction.loaded import LoadedModels
from meli_tasks.prediction.models import Model, find_model
from meli_tasks.settings import DEFAULT_REGISTERED_MODEL, Settings
from meli_tasks.store import Store
from meli_tasks.tracking.by_hand import checked_reason
from meli_tasks.tracking.client import QUICK
from meli_tasks.tracking.outbox import Tracking
from meli_tasks.tracking.registry import Registry


class Pages:
    """The content of every page. Keep one instance, because each call reads only what is new. It is thread-safe."""

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
        self._ledger = Ledger(store)
        self._tests = PairedTests(store)
        self._predicted = PredictedTitles(store)
        self._decided = DecidedSoFar(store)
        self._mlflow_at = (mlflow_uri, mlflow_pages, registered_model)
        self._airflow = airflow
        self._mlflow = MlflowAlias(store, *self._mlflow_at)

    @classmethod
    def of(cls, settings: Settings) -> Pages:
        """The pages of the settings' store.

        Raises:
            BadSettings: no store is set.
        """
        at = (settings.mlflow_uri, settings.mlflow_pages, settings.registered_model)
        return cls(settings.open_store(), *at, airflow=settings.airflow_url)

    def models(self, run_filter: RunFilter) -> ModelsPage:
        """The champion, and the leaderboard over runs and sets."""
        decided, current = self._decided.read(), self._current_figure()
        unknown = decided.champion_unknown
        board = self._runs.leaderboard(run_filter, current.id if current else "")
        return ModelsPage(
            **{**dict(board), "rows": self._notes.add_to(board.rows), "pinned": self._notes.add_to(board.pinned)},
            champion=None if unknown else champion_card(self._cache, decided.decisions, current),
            champion_unknown=unknown,
            last_decision=decided.last,
            skipped=self._skipped(),
        )

    def news(self, airflow: Sequence[AirflowRun]) -> ChampionNews:
        """What the champion replaced, how old it is, and how the last run ended; `airflow`: its newest runs."""
        champion, current = self._decided.read().champion, self._current_figure()
        news = News(self._cache, self._runs, self._nights, self._ledger, self._decisions())
        return news.of(champion, current, airflow)

    def nights(self, which: NightFilter, airflow: Sequence[AirflowRun]) -> NightsPage:
        """The runs by the day of their titles: how they ended, and their figures; `airflow`: all runs it knows."""
        return self._nights.page(which, self._decisions(), airflow)

    def mlflow(self) -> MlflowChampion:
        """The model that MLflow calls champion; separate from `models`, as an unavailable server is slow."""
        champion = self._decided.read().champion
        return self._mlflow.champion(champion.ref) if champion else MlflowChampion(note="There is no champion yet.")

    def decisions(self, limit: int) -> HistoryPage:
        """The newest lines of the promotion history, and how many there are."""
        return history(self._decisions(), limit)

    def champion_on(self, day: date | None) -> ChampionOnPage:
        """The champion at the end of a day in UTC, or now, with the decision that promoted or restored it.

        Raises:
            BadData: a decision that counts cannot be read.
        """
        decision = self._ledger.last() if day is None else self._ledger.decision_on(day)
        return champion_on(self._ledger, day, decision)

    def promote(self, model: str, *, by: str, reason: str, expected: int) -> ChangedPage:
        """Make a model of a run the champion.

        Args:
            model: The id of its row in the leaderboard, or KEY@SHA256.
            by: Who decides.
            reason: Why.
            expected: The number of the last decision that this person has seen.

        Raises:
            NotFound: no such model, or no run has evaluated it, or its files are gone.
            Conflict: it is the champion already, or another decision was written in the meantime.
        """
        if "/" in model:
            self._located(model)
        return self._after_change(promote(self._registry(), model, by=by, reason=reason, expected=expected))

    def roll_back(self, to: int | None, *, by: str, reason: str, expected: int) -> ChangedPage:
        """Make an earlier champion the current one: the previous one, or the champion after decision `to`.

        Raises:
            NotFound: there is no such champion, or its model is no longer in the store.
            Conflict: it is the champion already, or another decision was written in the meantime.
        """
        return self._after_change(roll_back(self._registry(), to, by=by, reason=reason, expected=expected))

    def stop_training(self, run: str, set_name: str, *, by: str, reason: str) -> None:
        """Ask a run to stop training a set and to keep its best epoch; see `planning.stop.stop_training`."""
        stop_training(self.store, run, set_name, by=by, reason=checked_reason(reason))

    def repair_alias(self) -> str:
        """Make MLflow's alias follow the ledger; see `actions.repair_alias`."""
        done = repair_alias(self._registry())
        self._mlflow = MlflowAlias(self.store, *self._mlflow_at)
        return done

    def comparison(self, models: Sequence[str], baseline: str = "") -> ComparisonPage:
        """Rows of the leaderboard, each compared with one of them.

        Args:
            models: The ids of two to eight of them.
            baseline: The id of the one that the others are compared with; by default the champion, or the first.

        Raises:
            NotFound: no such run, or no such model in it.
        """
        reader = Reader(self._cache, self._decided.read(), self._tests, self._current_figure())
        return reader.compare([self._located(model) for model in models], baseline)

    def model(self, model: str) -> ModelPage:
        """One model of one run.

        Raises:
            NotFound: no such run, or no such model in it.
        """
        found, current = self._located(model), self._current_figure()
        page = model_page(self._cache, found, self._decided.read(), current, self._mlflow_at[2])
        return page.model_copy(update={"row": self._notes.add_to([page.row])[0]})

    def write_note(self, model: str, text: str, *, by: str, seen: int) -> Note:
        """Write or remove a model's note; see `Notes.write`."""
        return self._notes.write(self._located(model).row, text, by=by, seen=seen)

    def confusions(self, model: str, of: str = "") -> ConfusionsPage:
        """The most confused pairs of a model; with a category, the pairs that contain it.

        Raises:
            NotFound: no such model, or it was not evaluated.
        """
        return confusions_page(self._predicted, self._located(model), model, of)

    def confused_titles(self, model: str, category: str, predicted: str, limit: int) -> ConfusedTitles:
        """The titles of a category that a model put into another one.

        Raises:
            NotFound: no such model, or its predictions are no longer in the store.
        """
        return confused_titles(self._cache, self._predicted, self._located(model), (category, predicted), limit)

    def predict(self, titles: Sequence[str], model: str = "", top: int = 5, *, effects: bool = True) -> PredictionsPage:
        """The `top` categories of raw titles, and with `effects` what each word contributes.

        `model` is the id of a model of a run, or a model's key, also KEY@SHA256; empty for the champion.

        Raises:
            NotFound: no such model, or there is no champion, or its files are gone.
        """
        return predictions(self._models, self._model(model), titles, top, effects=effects)

    def score(self, name: str, content: bytes, model: str, top: int) -> Iterator[ScoringEvent]:
        """Classify the titles of a CSV file; see `score` for what is refused, and `predict` for `model`."""
        return score(self._models, Upload(name, content, self._model(model), top))

    def _model(self, name: str) -> Model:
        return find_model(self.store, key=str(self._located(name).ref) if "/" in name else name)

    def suspect_labels(self, model: str) -> bytes:
        """The table of suspect labels of a model's evaluation, as CSV.

        Raises:
            NotFound: no such model, or no such table.
        """
        return suspect_labels(self.store, self._located(model))

    def plan_of(self, run_id: str) -> str:
        """The name of a run's newest plan; an empty string if it has none yet."""
        return self._runs.plan_of(run_id)

    def report(self, plan: str) -> bytes:
        """The HTML report of a plan's run.

        Raises:
            NotFound: none was written.
        """
        blob = self.store.read(paths.report(plan))
        if blob is None:
            raise NotFound(
                f"There is no report of this run in {self.store.url}: it has not decided yet, or an earlier version "
                "ran it. `meli report RUN` writes one."
            )
        return blob.data

    def run(self, plan: str) -> RunPage:
        """One run.

        Raises:
            NotFound: no such plan.
        """
        current = self._current_figure()
        page = run_page(self._cache, self._plan(plan), self._decisions(), current.id if current else "")
        return page.model_copy(update={"skipped": self._skipped(), "last_decision": self._decided.read().last})

    def run_head(
        self, run_id: str, page: RunPage | None, airflow: AirflowRun | None, failed: Sequence[FailedInAirflow]
    ) -> RunHead:
        """What happened in a run, in a line; `page` is None if it has no plan. See `head_of`."""
        return head_of(Outcomes(self._cache, self._runs, self._decisions()), run_id, page, airflow, failed)

    def training(self, plan: str, set_name: str) -> TrainingPage:
        """One training run of a DAG run, live.

        Raises:
            NotFound: no such plan, or no such set in it.
        """
        return training_page(self._cache, self._plan(plan), set_name)

    def artifact(self, stage: str, key: str) -> ArtifactPage:
        """An artifact's manifest, and the URL of its files.

        Raises:
            NotFound: it has not been computed.
        """
        manifest = need(self.store, stage, key)
        return ArtifactPage(**vars(manifest), url=f"{self.store.url}/{manifest.file_name('')}")

    def backfill(self, backfill_id: str) -> BackfillPage:
        """A backfill's preview, and its report once it has ended; each is None until it exists.

        Raises:
            BadData: one of them cannot be read.
        """
        return backfill_page(self._cache, backfill_id)

    @cached_property
    def _models(self) -> LoadedModels:
        return LoadedModels(Settings.from_environment(), self.store)

    def _registry(self) -> Registry:
        uri, pages, model = self._mlflow_at
        return Registry(self.store, Tracking(uri, self.store, pages, model, QUICK, airflow=self._airflow))

    def _after_change(self, changed: ChangedPage) -> ChangedPage:
        """Forget what was kept of the champion, so that whoever changed it sees the change."""
        self._decided.forget()
        self._mlflow = MlflowAlias(self.store, *self._mlflow_at)
        return changed

    def _located(self, model: str) -> Located:
        current = self._current_figure()
        return locate(self._cache, self._runs, model, current.id if current else "")

    def _current_figure(self) -> CurrentFigure | None:
        """The current champion's score on the newest titles that it was evaluated on."""
        champion = self._decided.read().champion
        return self._runs.current_figure(champion.ref) if champion else None

    def _decisions(self) -> list[Decision]:
        """What can be read of the ledger, oldest first."""
        return self._decided.read().decisions

    def _skipped(self) -> SkippedObjects:
        """What could not be read, so that nobody takes it for missing."""
        for prefix in (paths.PLANS, paths.NOTES):
            self._cache.forget_rewritten(prefix)
        skipped = [*self._cache.skipped, *self._decided.read().skipped]
        first = [SkippedObject(name=one.name, reason=one.reason) for one in skipped[: SkippedObjects.LISTED]]
        return SkippedObjects(count=len(skipped), first=first)

    def _plan(self, name: str) -> Plan:
        return Plan.load(self.store, name)
