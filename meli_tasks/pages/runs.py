"""The leaderboard over runs and sets: one row per model that a run evaluated, or was to evaluate.

It is made from the index of runs: the heads of all runs find the displayed ones, whose rows have the figures.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from time import monotonic
from typing import TypeVar

from cachetools import LRUCache

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import ModelRef
from meli_tasks.index.segments import DamagedIndex
from meli_tasks.pages import read_cache
from meli_tasks.pages.evaluated import EvaluatedRun, Run
from meli_tasks.pages.models import (
    CurrentFigure,
    Leaderboard,
    NightWithNothingNew,
    NothingNew,
    RunCounts,
    TestSet,
)
from meli_tasks.pages.ranking import Ranking, Wanted, without_score
from meli_tasks.pages.read_cache import ReadCache
from meli_tasks.planning.run_index import RunIndex
from meli_tasks.planning.run_row import EvaluatedRow, RunHead, RunRow
from meli_tasks.planning.run_view import View

T = TypeVar("T")
MAX_RUNS = 1_000
RUNS_AT_ONCE = 50
"""Runs whose evaluations are read together while the champion's newest one is looked for."""


@dataclass(frozen=True)
class RunFilter:
    """Which runs to display. Dates are those of the titles (`as_of`), or the run's own if it has none."""

    text: str = ""
    wanted: Wanted = field(default_factory=Wanted)
    since: date | None = None
    until: date | None = None
    limit: int = 100

    def accepts(self, run: RunHead) -> bool:
        """Whether a run is one of them."""
        return (
            (not self.wanted.set_name or self.wanted.set_name in run.sets)
            and (self.since is None or run.day >= self.since.isoformat())
            and (self.until is None or run.day <= self.until.isoformat())
            and run.matches(self.text)
        )


class Runs:
    """Every run of a store, as its index has it, at most three seconds old. Safe to use from several threads."""

    def __init__(self, cache: ReadCache) -> None:
        self._cache = cache
        self._index = RunIndex(cache.store)
        self._lock = threading.RLock()
        self._view: View | None = None
        self._at = 0.0
        self._evaluated: LRUCache[str, tuple[EvaluatedRow, EvaluatedRun]] = LRUCache(2 * MAX_RUNS)

    def newest_first(self) -> list[RunHead]:
        """All runs whose plan can be read."""
        return self._look(View.heads)

    def plan_of(self, run_id: str) -> str:
        """The newest plan of a run, by the run's id; an empty string if there is none."""
        return next((run.plan for run in self.newest_first() if run.run_id == run_id), "")

    def run(self, plan: str) -> Run | None:
        """One run by its plan; None if the store has no such plan."""
        return next(iter(self.runs([plan])), None)

    def runs(self, plans: Iterable[str]) -> list[Run]:
        """Runs by their plans, with what the lists display of them."""
        return [Run.of_row(row) for row in self._rows(plans)]

    def evaluations(self, plans: Iterable[str]) -> dict[str, EvaluatedRun]:
        """What the evaluations of these runs found, by plan. A run without a readable one is left out."""
        return {row.plan: self._evaluation(row.plan, row.evaluated) for row in self._rows(plans) if row.evaluated}

    def nothing_new(self, plans: Iterable[str]) -> dict[str, NightWithNothingNew]:
        """Those of these runs that ended early because all that they requested had been evaluated before, by plan."""
        return {
            row.plan: NightWithNothingNew(
                run_id=row.run_id,
                at=row.at,
                as_of=row.as_of,
                reason=row.nothing_new,
                saved_seconds=row.saved_seconds,
            )
            for row in self._rows(plans)
            if row.nothing_new
        }

    def asks(self, plan: str) -> bool:
        """Whether the verdict on the models of a run is to ask a person."""
        return any(row.asks for row in self._rows([plan]))

    def listing(self) -> Mapping[str, str] | None:
        """The version of each object of a run, by name; None if there are too many runs for a listing."""
        return self._look(lambda view: view.listing)

    def _rows(self, plans: Iterable[str]) -> list[RunRow]:
        wanted = list(plans)
        return self._look(lambda view: view.rows(wanted))

    def _look(self, find: Callable[[View], T]) -> T:
        """What `find` finds in all runs; one thread reads what is new while the others wait."""
        with self._lock:
            if self._view is not None and monotonic() - self._at <= read_cache.LISTED_SECONDS:
                try:
                    return find(self._view)
                except DamagedIndex:  # another process has replaced what was not read yet
                    self._view = None

            def kept(view: View) -> T:
                found = find(view)
                self._view, self._at = view, monotonic()
                return found

            return self._index.look(self._cache, kept)

    def _evaluation(self, plan: str, row: EvaluatedRow) -> EvaluatedRun:
        with self._lock:
            kept = self._evaluated.get(plan)
            if kept is None or kept[0] is not row:
                kept = self._evaluated[plan] = (row, EvaluatedRun.of_row(row))
            return kept[1]

    def test_set(self, run: Run | RunHead, evaluated: EvaluatedRun) -> TestSet:
        """The titles that a run's models were tested on."""
        return _test_sets([run], {run.plan: evaluated})[0]

    def leaderboard(self, run_filter: RunFilter, champion: str) -> Leaderboard:
        """The newest matching runs, a row for each model: by test titles, the newest first, then by accuracy.

        Args:
            run_filter: Which runs to display.
            champion: The id of the row that has the current champion's current figure.
        """
        runs = self.newest_first()
        matching = [run.plan for run in runs if run_filter.accepts(run)]
        shown = self.runs(matching[: min(run_filter.limit, MAX_RUNS)])
        found = self.evaluations(run.plan for run in shown)
        nights = self.nothing_new(run.plan for run in shown)
        ranking = Ranking.of(_test_sets(shown, found), shown, found, champion)
        rows, test_sets = ranking.rows(run_filter.wanted)
        with_news = [run for run in shown if run.plan not in nights]
        unscored, number = without_score(with_news, found, champion, run_filter.wanted)
        return Leaderboard(
            rows=[*rows, *unscored],
            test_sets=test_sets,
            pinned=ranking.pinned(run_filter.wanted),
            without_score=number,
            nothing_new=NothingNew(
                runs=len(nights),
                saved_seconds=sum(night.saved_seconds for night in nights.values()),
                newest=list(islice(nights.values(), NothingNew.LISTED)),
            ),
            runs=RunCounts(all=len(runs), matching=len(matching), shown=len(shown), most=MAX_RUNS),
            sets=sorted({name for run in runs for name in run.sets}),
        )

    def current_figure(self, champion: ModelRef) -> CurrentFigure | None:
        """The champion's evaluation on the newest titles.

        None if none of the runs on the newest titles evaluated this attempt, as far back as the leaderboard reaches.
        """
        newest = sorted(self.newest_first(), key=lambda run: (run.day, run.at), reverse=True)[:MAX_RUNS]
        for start in range(0, len(newest), RUNS_AT_ONCE):
            some = newest[start : start + RUNS_AT_ONCE]
            evaluations = self.evaluations(run.plan for run in some)
            for run in some:
                if (evaluated := evaluations.get(run.plan)) and (figure := _figure(run, evaluated, champion)):
                    return figure
        return None


def _figure(run: RunHead, evaluated: EvaluatedRun, model: ModelRef) -> CurrentFigure | None:
    """What a run found of a model; None if it did not evaluate it."""
    label = next((label for label, ref in evaluated.models.items() if ref.is_same(model)), None)
    if label not in evaluated.figures:
        return None
    figures = evaluated.figures[label]
    return CurrentFigure(
        id=paths.model_id(run.plan, label),
        run_id=run.run_id,
        balanced_accuracy=figures.balanced_accuracy,
        interval=figures.interval,
        test_set=_test_sets([run], {run.plan: evaluated})[0],
    )


def _test_sets(runs: Sequence[Run | RunHead], evaluated: Mapping[str, EvaluatedRun]) -> list[TestSet]:
    """The test titles that these runs used, the newest first."""
    runs_on: dict[str, list[Run | RunHead]] = {}
    for run in runs:
        if found := evaluated.get(run.plan):
            runs_on.setdefault(found.test_set, []).append(run)
    newest = sorted(runs_on.items(), key=lambda item: max((run.day, run.at) for run in item[1]), reverse=True)
    return [
        TestSet(
            id=test_set,
            titles=evaluated[runs[0].plan].test_titles,
            left_out=evaluated[runs[0].plan].left_out,
            folds=evaluated[runs[0].plan].folds,
            source=runs[0].source,
            first_day=min(run.day for run in runs),
            last_day=max(run.day for run in runs),
        )
        for test_set, runs in newest
    ]
