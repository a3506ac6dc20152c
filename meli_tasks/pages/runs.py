"""The leaderboard over runs and sets: one row a model that a run measured, or was to measure.

Of each run only a line is kept in memory, so thousands fit; its figures are read when it is among those shown.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from meli_tasks.artifacts import paths
from meli_tasks.pages.read_cache import READERS, Shelf
from meli_tasks.planning.plan import ENSEMBLE, Plan

FIGURES = ("balanced_accuracy", "interval", "accuracy", "top5", "macro_f1", "milliseconds_p95", "megabytes")
# A run's figures change only when its task evaluate runs again: likely today, hardly ever later.
YOUNG = timedelta(hours=24)
YOUNG_SECONDS = 10.0
OLD_SECONDS = 900.0
MAX_RUNS = 1_000


@dataclass(frozen=True)
class Run:
    """A run as its plan tells it."""

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
        """The line kept of a plan; `sets` maps a set's name to its training's key."""
        return cls(
            plan=plan.name,
            run_id=plan.run_id,
            at=plan.at,
            as_of=plan.as_of,
            source=plan.ingest.name,
            dag_run_url=plan.dag_run_url,
            sets={name: step.key for name, step in plan.sets.items()},
            architectures={name: str(step.params.get("architecture", "")) for name, step in plan.sets.items()},
            searched=bool(plan.sets.keys() - set(plan.request["sets"])),
        )

    def matches(self, text: str) -> bool:
        """Whether every word of `text` stands in what is known of the run."""
        known = " ".join((self.run_id, self.source, self.as_of, *self.sets)).lower()
        return all(word in known for word in text.lower().split())

    def young(self) -> bool:
        """Whether its figures may still change."""
        return datetime.now(UTC) - datetime.fromisoformat(self.at) < YOUNG


@dataclass(frozen=True)
class Wanted:
    """Which runs are asked for. Dates are of the titles (`as_of`), or the run's own where it names none."""

    text: str = ""
    set_name: str = ""
    since: date | None = None
    until: date | None = None
    limit: int = 100

    def takes(self, run: Run) -> bool:
        """Whether a run is one of them."""
        day = run.as_of or run.at[:10]
        return (
            (not self.set_name or self.set_name in run.sets)
            and (self.since is None or day >= self.since.isoformat())
            and (self.until is None or day <= self.until.isoformat())
            and run.matches(self.text)
        )


@dataclass(frozen=True)
class Measured:
    """What a run's evaluation found, without its categories, and when it was read."""

    read: float
    models: dict[str, str]
    champion: str | None
    failed: list[str]
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)
    members: dict[str, float] = field(default_factory=dict)


class Runs:
    """Every run of a store. Plans never change, so each is read once."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._known: dict[str, Run] = {}
        self._measured: dict[str, Measured] = {}
        self._lock = threading.Lock()

    def newest_first(self) -> list[Run]:
        """All runs."""
        listed = self._shelf.names(paths.PLANS)
        names = [name for name in listed if paths.is_plan(name)]
        found_a_set = {plan for name in listed if (plan := paths.plan_of_searched(name))}
        with self._lock:  # one reader of what is new; the others wait for it
            new = [name for name in names if name not in self._known]
            # A plan never changes, but for the set that its run's search adds.
            new += [name for name in found_a_set & self._known.keys() if not self._known[name].searched]
            with ThreadPoolExecutor(READERS) as readers:
                for run in readers.map(self._read, new):
                    self._known[run.plan] = run
            for gone in set(self._known) - set(names):
                del self._known[gone]
                self._measured.pop(gone, None)
            found = list(self._known.values())
        return sorted(found, key=lambda run: (run.at, run.run_id), reverse=True)

    def plan_of(self, run_id: str) -> str:
        """The newest plan of a run, by its id; an empty text if there is none."""
        return next((run.plan for run in self.newest_first() if run.run_id == run_id), "")

    def leaderboard(self, wanted: Wanted, champion: str) -> dict[str, Any]:
        """The newest runs that were asked for, a row a model. `champion` is the key of the model in office."""
        runs = self.newest_first()
        matching = [run for run in runs if wanted.takes(run)]
        shown = matching[: min(wanted.limit, MAX_RUNS)]
        evaluated = {name for name in self._shelf.names(paths.PLANS) if paths.is_evaluated(name)}
        with ThreadPoolExecutor(READERS) as readers:
            found = list(
                readers.map(lambda run: self._of(run) if paths.evaluated(run.plan) in evaluated else None, shown)
            )
        rows = [
            row
            for run, measured in zip(shown, found, strict=True)
            if measured or not self._nothing_new(run)
            for row in rows_of(run, measured, champion)
        ]
        if wanted.set_name:
            rows = [row for row in rows if row["set"] == wanted.set_name]
        return {
            "rows": rows,
            "runs": {"all": len(runs), "matching": len(matching), "shown": len(shown), "most": MAX_RUNS},
            "sets": sorted({name for run in runs for name in run.sets}),
        }

    def run(self, plan: str) -> Run | None:
        """One run by its plan, read if it is new."""
        with self._lock:
            known = self._known.get(plan)
        return known or (self._read(plan) if self._shelf.read(plan) else None)

    def _nothing_new(self, run: Run) -> bool:
        """Whether the run ended at once, since everything it asks for had been measured before."""
        preview = self._shelf.read(paths.preview(run.plan))
        return bool(preview and preview.get("nothing_new"))

    def _read(self, name: str) -> Run:
        return Run.of(Plan.load(self._shelf.store, name))

    def _of(self, run: Run) -> Measured | None:
        seconds = YOUNG_SECONDS if run.young() else OLD_SECONDS
        known = self._measured.get(run.plan)
        if known and time.monotonic() - known.read <= seconds:
            return known
        report = self._shelf.fresh(paths.evaluated(run.plan))
        if report is None:
            return None
        measured = measured_in(report)
        self._measured[run.plan] = measured
        return measured


def measured_in(report: dict[str, Any]) -> Measured:
    """The figures of an evaluation's report."""
    figures = {label: {name: scores.get(name) for name in FIGURES} for label, scores in report["scores"].items()}
    members = (report.get("ensemble") or {}).get("weights", {})
    return Measured(
        time.monotonic(), report["models"], report.get("champion"), report.get("failed", []), figures, members
    )


def rows_of(run: Run, measured: Measured | None, champion: str) -> list[dict[str, Any]]:
    """A row for each model of a run: those measured, then those that failed or were not measured."""
    about = {name: getattr(run, name) for name in ("run_id", "at", "as_of", "source", "dag_run_url")}
    figures, models = (measured.figures, measured.models) if measured else ({}, {})
    failed = measured.failed if measured else []
    rows = []
    for label in [*figures, *(name for name in run.sets if name not in figures)]:
        train = models.get(label, run.sets.get(label, ""))
        rows.append(
            {
                **about,
                "id": paths.model_id(run.plan, label),
                "set": label,
                "train": train,
                "architecture": run.architectures.get(label, ""),
                "members": measured.members if measured and label == ENSEMBLE else {},
                "state": "measured" if label in figures else "failed" if label in failed else "not measured",
                "champion": bool(champion) and train == champion,
                # The one in office at that time, measured beside the run's own.
                "guest": label not in run.sets and label != ENSEMBLE,
                **figures.get(label, dict.fromkeys(FIGURES)),
            }
        )
    return rows
