"""The leaderboard over runs and sets: one row per model that a run evaluated, or was to evaluate.

Only a few fields of each run are kept in memory, so thousands fit. What is kept is read again when the listing of the
store has another version of it: a run that is cleared writes its plan, its preview and its evaluation again.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from itertools import islice

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import ModelRef
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
from meli_tasks.pages.read_cache import READERS, ReadCache
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.planning.plan import Plan
from meli_tasks.planning.preview import Preview

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

    def accepts(self, run: Run) -> bool:
        """Whether a run is one of them."""
        return (
            (not self.wanted.set_name or self.wanted.set_name in run.sets)
            and (self.since is None or run.day >= self.since.isoformat())
            and (self.until is None or run.day <= self.until.isoformat())
            and run.matches(self.text)
        )


class Runs:
    """Every run of a store. What is read of a run is kept until the store lists another version of it."""

    def __init__(self, cache: ReadCache) -> None:
        self._cache = cache
        # By plan: the version in the listing, and what was read; None if it cannot be read.
        self._known: dict[str, tuple[str, Run | None]] = {}
        self._evaluated: dict[str, tuple[str, EvaluatedRun | None]] = {}
        self._lock = threading.Lock()

    def newest_first(self) -> list[Run]:
        """All runs whose plan can be read."""
        listing = self._cache.listing(paths.PLANS)
        # A run's search adds a set to its plan.
        versions = {
            name: f"{version} {listing.get(paths.searched(name), '')}"
            for name, version in listing.items()
            if paths.is_plan(name)
        }
        with self._lock:  # one thread reads the new plans while the others wait
            known = self._known
            new = [name for name, version in versions.items() if known.get(name, ("",))[0] != version]
            with ThreadPoolExecutor(READERS) as readers:
                for name, run in zip(new, readers.map(self._read, new), strict=True):
                    known[name] = (versions[name], run)
            for deleted in known.keys() - versions.keys():
                del known[deleted]
                self._evaluated.pop(deleted, None)
                self._cache.forget(deleted)
            found = [run for _, run in known.values() if run]
        return sorted(found, key=lambda run: (run.at, run.run_id), reverse=True)

    def plan_of(self, run_id: str) -> str:
        """The newest plan of a run, by the run's id; an empty string if there is none."""
        return next((run.plan for run in self.newest_first() if run.run_id == run_id), "")

    def run(self, plan: str) -> Run | None:
        """One run by its plan; None if the store lists no such plan."""
        return next((run for run in self.newest_first() if run.plan == plan), None)

    def test_set(self, run: Run, evaluated: EvaluatedRun) -> TestSet:
        """The titles that a run's models were tested on."""
        return _test_sets([run], {run.plan: evaluated})[0]

    def leaderboard(self, run_filter: RunFilter, champion: str) -> Leaderboard:
        """The newest matching runs, a row for each model: by test titles, the newest first, then by accuracy.

        Args:
            run_filter: Which runs to display.
            champion: The id of the row that has the current champion's current figure.
        """
        runs = self.newest_first()
        matching = [run for run in runs if run_filter.accepts(run)]
        shown = matching[: min(run_filter.limit, MAX_RUNS)]
        found = self.evaluations(shown)
        nights = {run.plan: night for run in shown if run.plan not in found and (night := self.nothing_new(run))}
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
            evaluations = self.evaluations(some)
            for run in some:
                if (evaluated := evaluations.get(run.plan)) and (figure := _figure(run, evaluated, champion)):
                    return figure
        return None

    def _read(self, name: str) -> Run | None:
        return self._cache.attempt(name, lambda: Run.of(Plan.load(self._cache.store, name)))

    def evaluations(self, runs: list[Run]) -> dict[str, EvaluatedRun]:
        """What the evaluations of these runs found, by plan. A run without a readable one is left out."""
        listing = self._cache.listing(paths.PLANS)
        versions = {run.plan: listing.get(paths.evaluated(run.plan), "") for run in runs}
        evaluated = [run.plan for run in runs if versions[run.plan]]
        new = [plan for plan in evaluated if self._evaluated.get(plan, ("",))[0] != versions[plan]]
        with ThreadPoolExecutor(READERS) as readers:
            for plan, read in zip(new, readers.map(self._read_evaluation, new), strict=True):
                self._evaluated[plan] = (versions[plan], read)
        return {plan: found for plan in evaluated if (found := self._evaluated.get(plan, ("", None))[1])}

    def _read_evaluation(self, plan: str) -> EvaluatedRun | None:
        # Not kept by the cache: of a report, which holds every category of every model, only the figures are kept.
        report = self._cache.attempt(paths.evaluated(plan), lambda: EvaluationReport.load(self._cache.store, plan))
        return EvaluatedRun.of(self._cache, plan, report) if report else None

    def nothing_new(self, run: Run) -> NightWithNothingNew | None:
        """The run, if it ended early because everything that it requested had been evaluated before."""
        name = paths.preview(run.plan)
        version = self._cache.listing(paths.PLANS).get(name)
        preview = self._cache.read_version(name, Preview.model_validate_json, version) if version else None
        if not preview or not preview.nothing_new:
            return None
        return NightWithNothingNew(
            run_id=run.run_id,
            at=run.at,
            as_of=run.as_of,
            reason=preview.nothing_new,
            saved_seconds=preview.saved_seconds,
        )


def _figure(run: Run, evaluated: EvaluatedRun, model: ModelRef) -> CurrentFigure | None:
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


def _test_sets(runs: list[Run], evaluated: Mapping[str, EvaluatedRun]) -> list[TestSet]:
    """The test titles that these runs used, the newest first."""
    runs_on: dict[str, list[Run]] = {}
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
