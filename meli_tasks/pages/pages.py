"""The pages of one store, with the caches that live between requests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import find_record, need
from meli_tasks.artifacts.reading import read_again
from meli_tasks.core.errors import NotFound
from meli_tasks.pages.actions import ChangedPage, promote, repair_alias, roll_back
from meli_tasks.pages.backfill_page import backfill_page
from meli_tasks.pages.champion import MlflowAlias, champion_card, champion_on
from meli_tasks.pages.history import HistoryPage, history
from meli_tasks.pages.model_pages import ModelPages
from meli_tasks.pages.models import (
    ChampionOnPage,
    MlflowChampion,
    ModelsPage,
)
from meli_tasks.pages.monitored import MonitoringPage
from meli_tasks.pages.news import ChampionNews, News
from meli_tasks.pages.night_models import NightsPage
from meli_tasks.pages.nights import NightFilter
from meli_tasks.pages.outcomes import AirflowRun, Outcomes
from meli_tasks.pages.run_head import FailedInAirflow, RunHead, head_of
from meli_tasks.pages.run_models import ArtifactPage, BackfillPage, RunPage, TrainingPage
from meli_tasks.pages.run_page import run_page, training_page
from meli_tasks.pages.runs import RunFilter
from meli_tasks.planning.plan import Plan
from meli_tasks.planning.stop import stop_training
from meli_tasks.settings import Settings
from meli_tasks.tracking.by_hand import checked_reason
from meli_tasks.tracking.client import sign_in
from meli_tasks.tracking.outbox import Tracking
from meli_tasks.tracking.patience import QUICK
from meli_tasks.tracking.registry import Registry


class Pages(ModelPages):
    """The content of every page. Keep one instance, because each call reads only what is new. It is thread-safe."""

    @classmethod
    def of(cls, settings: Settings) -> Pages:
        """The pages of the settings' store.

        Raises:
            BadSettings: no store is set.
        """
        sign_in(settings)
        at = (settings.mlflow_uri, settings.mlflow_pages, settings.registered_model)
        return cls(settings.open_store(), *at, airflow=settings.airflow_url)

    def models(self, run_filter: RunFilter) -> ModelsPage:
        """The champion, and the leaderboard over runs and sets."""
        decided = self._decided.read()
        current = self._current_figure(decided)
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
        decided = self._decided.read()
        current = self._current_figure(decided)
        news = News(self._cache, self._runs, self._nights, self._ledger, decided.decisions)
        return news.of(decided.champion, current, airflow).model_copy(update={"decision": decided.last})

    def nights(self, which: NightFilter, airflow: Sequence[AirflowRun]) -> NightsPage:
        """The runs by the day of their titles: how they ended, and their figures; `airflow`: all runs it knows."""
        return self._nights.page(which, self._decisions(), airflow)

    def monitoring(self) -> MonitoringPage:
        """What monitoring found with the current champion, and whether to retrain."""
        decided = self._decided.read()
        page = self._monitored.page(decided.champion, decided.last)
        return page.model_copy(update={"skipped": self._skipped()})

    def monitoring_report(self) -> bytes:
        """What monitoring found with the current champion, as HTML.

        Raises:
            NotFound: there is no report.
        """
        return self._monitored.report(self._decided.read().champion)

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

    def plan_of(self, run_id: str) -> str:
        """The name of a run's newest plan; an empty string if it has none yet."""
        return self._runs.plan_of(run_id)

    def report(self, plan: str) -> bytes:
        """The HTML report of a plan's run.

        Raises:
            NotFound: none was written.
        """
        report = read_again(self.store, paths.report(plan))
        if report is None:
            raise NotFound(
                f"There is no report of this run in {self.store.url}: it has not decided yet, or an earlier version "
                "ran it. `meli report RUN` writes one."
            )
        return report

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
        """An artifact's manifest, and the URL of its files; also of one that was pruned.

        Raises:
            NotFound: it has not been computed.
        """
        manifest = find_record(self.store, stage, key) or need(self.store, stage, key)
        fields = {**vars(manifest), "pruned": manifest.pruned[:10]}
        return ArtifactPage(**fields, url=f"{self.store.url}/{manifest.file_name('')}")

    def backfill(self, backfill_id: str) -> BackfillPage:
        """A backfill's preview, and its report once it has ended; each is None until it exists.

        Raises:
            BadData: one of them cannot be read.
        """
        return backfill_page(self._cache, backfill_id)

    def _registry(self) -> Registry:
        uri, pages, model = self._mlflow_at
        return Registry(self.store, Tracking(uri, self.store, pages, model, QUICK, airflow=self._airflow))

    def _after_change(self, changed: ChangedPage) -> ChangedPage:
        """Forget what was kept of the champion, so that whoever changed it sees the change."""
        self._decided.forget()
        self._mlflow = MlflowAlias(self.store, *self._mlflow_at)
        return changed

    def _plan(self, name: str) -> Plan:
        return Plan.load(self.store, name)
