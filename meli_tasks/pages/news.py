"""What is new about the champion: what it replaced, what the last run did and why, what a rollback would restore."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from pydantic import Field

from meli_tasks.artifacts import paths
from meli_tasks.core.errors import MeliError
from meli_tasks.decision import Champion, Decision
from meli_tasks.decision_rows import Decisions
from meli_tasks.ledger import Ledger
from meli_tasks.pages.champion_warnings import ChampionData, data_warnings
from meli_tasks.pages.evaluated import Run
from meli_tasks.pages.manifests import model_manifest
from meli_tasks.pages.models import CurrentFigure, Interval, PageModel
from meli_tasks.pages.nights import Nights
from meli_tasks.pages.outcomes import AirflowRun, Outcomes, RunOutcome
from meli_tasks.pages.read_cache import ReadCache
from meli_tasks.pages.runs import Runs
from meli_tasks.planning.run_row import RunHead

ENDED = ("success", "failed")
RECENT = 50
"""Among how many of the newest runs of the store the last one is looked for."""


class BetterThan(PageModel):
    """The champion that the current one replaced, and the gain that it was promoted for."""

    set: str
    gain: float | None = Field(None, description="None if no run compared the two")
    interval: Interval | None = None
    probability: float | None = None
    by_hand: str = Field("", description="who promoted it without a comparison")


class WayBack(PageModel):
    """The champion that a rollback restores."""

    to: int = Field(description="the decision that promoted it")
    set: str
    balanced_accuracy: float = Field(description="that it was promoted with, less its selection bias")
    interval: Interval
    at: str = Field(description="when it was promoted")
    run_id: str
    gone: bool = Field(False, description="whether its model is no longer in the store, so that it cannot be restored")
    undo: bool = Field(False, description="whether it undoes a rollback to the first champion")


class ChampionNews(PageModel):
    """What a person wants to know of the champion besides its figure."""

    decision: int = Field(0, description="number of the last decision that it knows; 0 if there is none")
    model: str = Field("", description="id of the page of this model; empty if no run in the store has it")
    days: int | None = Field(None, description="for how many days it has been champion; None without a champion")
    data_days: int | None = Field(None, description="how many days old its titles are; None if they have no date")
    newer_nights: int = Field(0, description="dates of newer titles that runs of the same source have planned with")
    first: bool = Field(False, description="whether it is the first champion of this store")
    better_than: BetterThan | None = None
    way_back: WayBack | None = None
    gone: str = Field("", description="why the champion's model cannot be loaded; empty if it can")
    warnings: list[str] = Field(default_factory=list, description="what about its data needs attention")
    last_run: RunOutcome | None = None


@dataclass(frozen=True)
class News:
    """Gathers the news about the champion.

    Attributes:
        cache: Reads manifests and what lies beside the plans.
        runs: All runs of the store.
        nights: Knows how titles changed.
        ledger: For the way back.
        decisions: What can be read of the ledger, oldest first.
    """

    cache: ReadCache
    runs: Runs
    nights: Nights
    ledger: Ledger
    decisions: Decisions

    def of(
        self, champion: Champion | None, current: CurrentFigure | None, airflow: Sequence[AirflowRun]
    ) -> ChampionNews:
        """The news about the champion, or about a store without one.

        Args:
            champion: The current champion; None if there is none, or if it is unknown.
            current: Its newest evaluation.
            airflow: The newest runs that Airflow knows.
        """
        last_run = self.last_run(airflow)
        if champion is None or not self.decisions:
            return ChampionNews(last_run=last_run)
        last, now = self.decisions[-1], datetime.now(UTC)
        promotion = self.decisions.numbered(last.promotion) or last
        since = self.decisions.last_change() or promotion
        titles = date.fromisoformat(champion.as_of) if champion.as_of else None
        data = self._data(champion, promotion)
        return ChampionNews(
            model=self._model(champion, current, promotion),
            days=max(0, (now - since.at).days),
            data_days=max(0, (now.date() - titles).days) if titles else None,
            newer_nights=data.newer_nights,
            warnings=data_warnings(data),
            first=promotion.previous is None,
            better_than=self._better_than(promotion),
            way_back=self._way_back(),
            gone=self._gone(champion),
            last_run=last_run,
        )

    def last_run(self, airflow: Sequence[AirflowRun]) -> RunOutcome | None:
        """The last run that ended, or that waits for a person; None if there is none.

        Runs that Airflow did not start are looked for among the newest of the store.
        """
        outcomes = Outcomes(self.cache, self.runs, self.decisions)
        newest = self.runs.runs(run.plan for run in self.runs.newest_first()[:RECENT])
        by_id = {run.run_id: run for run in reversed(newest)}
        known = {run.run_id: run for run in airflow}
        evaluated = self.runs.evaluations(run.plan for run in newest)
        ids = list(dict.fromkeys([*known, *by_id]))
        found = []
        for run_id in ids:
            run = by_id.get(run_id)
            found.append(outcomes.of(run, evaluated.get(run.plan) if run else None, known.get(run_id)))
        ended = [one for one in found if one.at and one.outcome not in ("running", "unknown")]
        # A run that only evaluates, as those of a backfill do, decides nothing about the champion.
        ended = [one for one in ended if one.outcome != "evaluated"] or ended
        return max(ended, key=lambda one: datetime.fromisoformat(one.at), default=None)

    def _model(self, champion: Champion, current: CurrentFigure | None, promotion: Decision) -> str:
        plan = promotion.evidence.plan
        if current:
            return current.id
        return paths.model_id(plan, champion.set_name) if plan and self.runs.run(plan) else ""

    def _data(self, champion: Champion, promotion: Decision) -> ChampionData:
        """The champion's titles, and how those of its source have changed since."""
        own = self.runs.run(promotion.evidence.plan) if promotion.evidence.plan else None
        as_of = champion.as_of or ""
        if own is None or not as_of:
            return ChampionData(as_of, 0, None, None)
        newer = {run.as_of for run in self.runs.newest_first() if _is_newer(run, own, as_of)}
        then, newest = self.nights.changes(own)
        return ChampionData(as_of, len(newer), then, newest)

    def _better_than(self, promotion: Decision) -> BetterThan | None:
        before = self.decisions.numbered(promotion.previous)
        if before is None or before.champion is None:
            return None
        evidence = promotion.evidence
        return BetterThan(
            set=before.champion.set_name,
            gain=evidence.gain,
            interval=evidence.gain_interval,
            probability=evidence.probability,
            by_hand=promotion.by if evidence.by_hand else "",
        )

    def _way_back(self) -> WayBack | None:
        """What a rollback restores: the champion before, or after a rollback to the first one what that replaced.

        None if there has been no other champion, or if the ledger cannot be read that far.
        """
        last = self.decisions[-1]
        since = self.decisions.last_change() or last
        undo = False
        try:
            target = self.ledger.decision(self.ledger.before(last.promotion or 0))
        except MeliError:
            replaced = self.decisions.numbered(since.previous)
            if since.action != "rollback" or replaced is None:
                return None
            target, undo = replaced, True
        champion = target.champion
        assert champion is not None  # a promotion has one
        return WayBack(
            to=target.number,
            set=champion.set_name,
            balanced_accuracy=champion.figure,
            interval=champion.interval,
            at=target.at.isoformat(),
            run_id=champion.run_id,
            gone=model_manifest(self.cache, champion.ref) is None,
            undo=undo,
        )

    def _gone(self, champion: Champion) -> str:
        if model_manifest(self.cache, champion.ref):
            return ""
        return (
            f"The model of {champion.set_name} ({champion.train[:8]}) is no longer in {self.cache.store.url}: it "
            "predicts nothing, and the next run cannot compare with it. Restore it from a backup, or roll back."
        )


def _is_newer(run: RunHead, own: Run, as_of: str) -> bool:
    return run.origin == own.origin and run.as_of > as_of
