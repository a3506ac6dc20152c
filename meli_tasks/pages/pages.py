"""The pages of one store, with what they keep in memory between two looks."""

from __future__ import annotations

from dataclasses import asdict
from math import inf
from time import monotonic
from typing import Any

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import need
from meli_tasks.backfill.preview import BackfillPreview
from meli_tasks.backfill.report import BackfillReport
from meli_tasks.ledger import Decision, Ledger
from meli_tasks.pages.champion import MlflowChampion, champion_card, decision_row
from meli_tasks.pages.comparison import compared
from meli_tasks.pages.read_cache import LISTED_SECONDS, Shelf
from meli_tasks.pages.run_page import LIVE_SECONDS, run_page, training_page
from meli_tasks.pages.runs import Runs, Wanted
from meli_tasks.planning.plan import Plan
from meli_tasks.settings import Settings
from meli_tasks.store import Store


class Pages:
    """Every page's content. Make one and keep it: each call reads only what is new. Threads may share it."""

    def __init__(self, store: Store, mlflow_uri: str = "", mlflow_pages: str = "") -> None:
        self.store = store
        self._shelf = Shelf(store)
        self._runs = Runs(self._shelf)
        self._ledger = Ledger(store)
        self._decided: tuple[float, list[Decision]] = (-inf, [])
        self._mlflow = MlflowChampion(mlflow_uri, mlflow_pages)

    @classmethod
    def of(cls, settings: Settings) -> Pages:
        """The pages of the settings' store.

        Raises:
            BadSettings: no store is set.
        """
        return cls(settings.open_store(), settings.mlflow_uri, settings.mlflow_pages)

    def models(self, wanted: Wanted) -> dict[str, Any]:
        """The champion, and the leaderboard over runs and sets."""
        decisions = self._decisions()
        card = champion_card(self._shelf, decisions)
        return {"champion": card, **self._runs.leaderboard(wanted, card["train"] if card else "")}

    def mlflow(self) -> dict[str, Any]:
        """What MLflow calls the champion; apart from `models`, for a server that is away answers late."""
        champion = self._ledger.champion()
        return self._mlflow.told(champion.train) if champion else {"note": "There is no champion yet."}

    def decisions(self, limit: int) -> dict[str, Any]:
        """The newest decisions on the champion, and how many there are."""
        found = self._decisions()
        return {"all": len(found), "decisions": [decision_row(decision) for decision in reversed(found[-limit:])]}

    def comparison(self, left: str, right: str) -> dict[str, Any]:
        """Two rows of the leaderboard side by side.

        Raises:
            NotFound: no such run, or no such model in it.
        """
        return compared(self._shelf, self._runs, self._decisions(), left, right)

    def plan_of(self, run_id: str) -> str:
        """The name of a run's newest plan; an empty text if it has none yet."""
        return self._runs.plan_of(run_id)

    def run(self, plan: str) -> dict[str, Any]:
        """One run.

        Raises:
            NotFound: no such plan.
        """
        return run_page(self._shelf, self._plan(plan), self._decisions())

    def training(self, plan: str, set_name: str) -> dict[str, Any]:
        """One training of a run, live.

        Raises:
            NotFound: no such plan, or no such set in it.
        """
        return training_page(self._shelf, self._plan(plan), set_name)

    def artifact(self, stage: str, key: str) -> dict[str, Any]:
        """An artifact's manifest, and the URL under which its files stand.

        Raises:
            NotFound: nobody has computed it.
        """
        manifest = need(self.store, stage, key)
        return {**asdict(manifest), "url": f"{self.store.url}/{manifest.file_name('')}"}

    def backfill(self, backfill_id: str) -> dict[str, Any]:
        """A backfill's preview, and its report once it has ended; each None before it is there."""
        preview = self._shelf.read(paths.backfill_preview(backfill_id), LIVE_SECONDS)
        report = self._shelf.read(paths.backfill_report(backfill_id), LIVE_SECONDS)
        return {
            "preview": BackfillPreview.from_json(preview).to_json() if preview else None,
            "report": BackfillReport.from_json(report).to_json() if report else None,
        }

    def _decisions(self) -> list[Decision]:
        """All decisions, oldest first, listed at most three seconds ago; each is read once."""
        at, decided = self._decided
        if monotonic() - at > LISTED_SECONDS:
            decided = self._ledger.decisions()
            self._decided = (monotonic(), decided)
        return decided

    def _plan(self, name: str) -> Plan:
        return Plan.load(self.store, name)
