"""The leaderboard over runs and sets: one row per model that a run evaluated, or was to evaluate.

Only a few fields of each run are kept in memory, so thousands fit; its figures are read when it is displayed.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from meli_tasks.artifacts import paths
from meli_tasks.pages.models import Leaderboard, ModelRow, RunCounts
from meli_tasks.pages.read_cache import FOREVER, READERS, ReadCache
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.planning.plan import ENSEMBLE, Plan
from meli_tasks.planning.preview import Preview
from meli_tasks.stages.evaluation import Evaluation

# A run's figures change only when its task evaluate runs again, which is likely on the same day and rare later.
RECENT = timedelta(hours=24)
RECENT_RUN_SECONDS = 10.0
OLD_RUN_SECONDS = 900.0
MAX_RUNS = 1_000


@dataclass(frozen=True)
class Run:
    """The fields of a plan that the leaderboard needs; `sets` maps a set's name to its training run's key."""

    plan: str
    run_id: str
    at: str
    as_of: str
    source: str
    dag_run_url: str
    sets: dict[str, str]
    architectures: dict[str, str]
    searched: bool = False

    @classmethod
    def of(cls, plan: Plan) -> Run:
        """Take these fields from a plan."""
        return cls(
            plan=plan.name,
            run_id=plan.run_id,
            at=plan.at,
            as_of=plan.as_of,
            source=plan.ingest.name,
            dag_run_url=plan.dag_run_url,
            sets={name: step.key for name, step in plan.sets.items()},
            architectures={name: step.outline.architecture for name, step in plan.sets.items()},
            searched=bool(plan.sets.keys() - set(plan.request.sets)),
        )

    def matches(self, text: str) -> bool:
        """Whether every word of `text` occurs in the run's id, source, date or sets."""
        known = " ".join((self.run_id, self.source, self.as_of, *self.sets)).lower()
        return all(word in known for word in text.lower().split())

    def is_recent(self) -> bool:
        """Whether its figures may still change."""
        return datetime.now(UTC) - datetime.fromisoformat(self.at) < RECENT


@dataclass(frozen=True)
class RunFilter:
    """Which runs to display. Dates are those of the titles (`as_of`), or the run's own if it has none."""

    text: str = ""
    set_name: str = ""
    since: date | None = None
    until: date | None = None
    limit: int = 100

    def accepts(self, run: Run) -> bool:
        """Whether a run is one of them."""
        day = run.as_of or run.at[:10]
        return (
            (not self.set_name or self.set_name in run.sets)
            and (self.since is None or day >= self.since.isoformat())
            and (self.until is None or day <= self.until.isoformat())
            and run.matches(self.text)
        )


@dataclass(frozen=True)
class EvaluatedRun:
    """A run's report without the categories, and when it was read."""

    read_at: float
    models: dict[str, str]
    champion: str | None
    failed: tuple[str, ...]
    figures: dict[str, Evaluation]
    members: dict[str, float]


def read_report(cache: ReadCache, plan: str, seconds: float) -> EvaluationReport | None:
    """The evaluation of a plan's run, read at most `seconds` ago; None if there is none yet."""
    return cache.read(paths.evaluated(plan), EvaluationReport.model_validate_json, seconds)


def read_preview(cache: ReadCache, plan: str) -> Preview | None:
    """The preview of a plan; it never changes."""
    return cache.read(paths.preview(plan), Preview.model_validate_json, FOREVER)


class Runs:
    """Every run of a store. Plans never change, so each is read only once."""

    def __init__(self, cache: ReadCache) -> None:
        self._cache = cache
        self._known: dict[str, Run] = {}
        self._evaluated: dict[str, EvaluatedRun] = {}
        self._lock = threading.Lock()

    def newest_first(self) -> list[Run]:
        """All runs."""
        listed = self._cache.names(paths.PLANS)
        names = [name for name in listed if paths.is_plan(name)]
        found_a_set = {plan for name in listed if (plan := paths.plan_of_searched(name))}
        with self._lock:  # one thread reads the new plans while the others wait
            new = [name for name in names if name not in self._known]
            # A plan never changes, except for the set that its run's search adds.
            new += [name for name in found_a_set & self._known.keys() if not self._known[name].searched]
            with ThreadPoolExecutor(READERS) as readers:
                for run in readers.map(self._read, new):
                    self._known[run.plan] = run
            for deleted in set(self._known) - set(names):
                del self._known[deleted]
                self._evaluated.pop(deleted, None)
            found = list(self._known.values())
        return sorted(found, key=lambda run: (run.at, run.run_id), reverse=True)

    def plan_of(self, run_id: str) -> str:
        """The newest plan of a run, by the run's id; an empty string if there is none."""
        return next((run.plan for run in self.newest_first() if run.run_id == run_id), "")

    def leaderboard(self, run_filter: RunFilter, champion: str) -> Leaderboard:
        """The newest matching runs, a row per model. `champion` is the key of the current champion."""
        runs = self.newest_first()
        matching = [run for run in runs if run_filter.accepts(run)]
        shown = matching[: min(run_filter.limit, MAX_RUNS)]
        names = {name for name in self._cache.names(paths.PLANS) if paths.is_evaluated(name)}
        evaluated = [run for run in shown if paths.evaluated(run.plan) in names]
        with ThreadPoolExecutor(READERS) as readers:
            found = dict(zip((run.plan for run in evaluated), readers.map(self._evaluation_of, evaluated), strict=True))
        rows = [
            row
            for run in shown
            if found.get(run.plan) or not self._nothing_new(run)
            for row in model_rows(run, found.get(run.plan), champion)
        ]
        return Leaderboard(
            rows=[row for row in rows if run_filter.set_name in ("", row.set)],
            runs=RunCounts(all=len(runs), matching=len(matching), shown=len(shown), most=MAX_RUNS),
            sets=sorted({name for run in runs for name in run.sets}),
        )

    def run(self, plan: str) -> Run | None:
        """One run by its plan, read if it is new."""
        with self._lock:
            known = self._known.get(plan)
        return known or (self._read(plan) if self._cache.read(plan, Plan.model_validate_json) else None)

    def _nothing_new(self, run: Run) -> bool:
        """Whether the run ended immediately, because everything that it requested had been evaluated before."""
        preview = read_preview(self._cache, run.plan)
        return bool(preview and preview.nothing_new)

    def _read(self, name: str) -> Run:
        return Run.of(Plan.load(self._cache.store, name))

    def _evaluation_of(self, run: Run) -> EvaluatedRun | None:
        seconds = RECENT_RUN_SECONDS if run.is_recent() else OLD_RUN_SECONDS
        known = self._evaluated.get(run.plan)
        if known and time.monotonic() - known.read_at <= seconds:
            return known
        # Not through the cache: of a report, which holds every category of every model, only the figures are kept.
        report = EvaluationReport.load(self._cache.store, run.plan)
        if report is None:
            return None
        evaluated = self._evaluated[run.plan] = summarize(report)
        return evaluated


def summarize(report: EvaluationReport) -> EvaluatedRun:
    """A run's report without the categories."""
    without: dict[str, dict[str, object]] = {"categories": {}, "by_language": {}, "by_label_quality": {}}
    return EvaluatedRun(
        read_at=time.monotonic(),
        models=report.models,
        champion=report.champion,
        failed=report.failed,
        figures={label: evaluation.model_copy(update=without) for label, evaluation in report.scores.items()},
        members=report.ensemble.weights if report.ensemble else {},
    )


def model_rows(run: Run, evaluated: EvaluatedRun | None, champion: str) -> list[ModelRow]:
    """A row for each model of a run: the evaluated ones, then those that failed or were not evaluated."""
    figures = evaluated.figures if evaluated else {}
    return [
        _row(run, evaluated, label, champion)
        for label in [*figures, *(name for name in run.sets if name not in figures)]
    ]


def _row(run: Run, evaluated: EvaluatedRun | None, label: str, champion: str) -> ModelRow:
    train = run.sets.get(label, "")
    if evaluated:
        train = evaluated.models.get(label, train)
    found = evaluated.figures.get(label) if evaluated else None
    failed = evaluated is not None and label in evaluated.failed
    return ModelRow(
        id=paths.model_id(run.plan, label),
        run_id=run.run_id,
        at=run.at,
        as_of=run.as_of,
        source=run.source,
        dag_run_url=run.dag_run_url,
        set=label,
        train=train,
        architecture=run.architectures.get(label, ""),
        members=evaluated.members if evaluated and label == ENSEMBLE else {},
        state="evaluated" if found else "failed" if failed else "not evaluated",
        champion=bool(champion) and train == champion,
        external=label not in run.sets and label != ENSEMBLE,
        balanced_accuracy=found.balanced_accuracy if found else None,
        interval=found.interval if found else None,
        accuracy=found.accuracy if found else None,
        top5=found.top5 if found else None,
        macro_f1=found.macro_f1 if found else None,
        milliseconds_p95=found.milliseconds_p95 if found else None,
        megabytes=found.megabytes if found else None,
    )
