"""The runs over nights: how they ended, the champion and the best challenger, what their titles were like.

Every figure is a stored one: of the evaluation beside the plan, of the ledger, of a manifest's summary. A manifest's
few figures are kept by its key, as they never change; what a run found is kept by `Runs`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime

from meli_tasks.decision import Decision
from meli_tasks.decision_rows import Decisions
from meli_tasks.pages.evaluated import EvaluatedRun, Run
from meli_tasks.pages.manifests import read_manifest
from meli_tasks.pages.night_models import NightChange, NightFigure, NightRow, NightsPage
from meli_tasks.pages.outcomes import AirflowRun, Outcomes
from meli_tasks.pages.read_cache import READERS, ReadCache
from meli_tasks.pages.runs import Runs
from meli_tasks.planning.run_row import RunHead
from meli_tasks.stages.summaries import IngestSummary, PreprocessSummary

BEFORE = 60
"""With how many earlier runs of its source a run's categories are compared: as many as are read for each request."""
NAMED = 10
CHAMPION_SUFFIX = " (champion)"


@dataclass(frozen=True)
class NightFilter:
    """Which nights: by the day of their titles, the newest `limit` of them."""

    since: date | None = None
    until: date | None = None
    limit: int = 30

    def accepts(self, day: str) -> bool:
        """Whether a day is one of them."""
        return (self.since is None or day >= self.since.isoformat()) and (
            self.until is None or day <= self.until.isoformat()
        )


@dataclass(frozen=True)
class Titles:
    """What the manifests of a run's first stages say; None if a stage has left none."""

    rows: int | None = None
    bad_rows: int | None = None
    categories: int | None = None
    unknown_words: float | None = None


@dataclass(frozen=True)
class Night:
    """A run of Airflow, of the store, or of both."""

    run_id: str
    day: str
    at: str
    run: RunHead | None
    airflow: AirflowRun | None


class Nights:
    """The nights of a store. Keep one instance, because it keeps what it has read."""

    def __init__(self, cache: ReadCache, runs: Runs) -> None:
        self._cache = cache
        self._runs = runs
        self._ingested: dict[str, Titles] = {}  # by key
        self._unknown: dict[str, float] = {}  # by key

    def page(self, which: NightFilter, decisions: Decisions, airflow: Sequence[AirflowRun]) -> NightsPage:
        """The newest matching nights.

        Args:
            which: The nights.
            decisions: What can be read of the ledger, oldest first.
            airflow: The runs that Airflow knows. Those that failed before they had a plan are nights too.
        """
        nights = self._nights(airflow)
        matching = [position for position, night in enumerate(nights) if which.accepts(night.day)]
        chosen = matching[-which.limit :]
        first, last = (chosen[0], chosen[-1]) if chosen else (0, -1)
        compared = range(max(0, first - BEFORE), last + 1)
        shown = [nights[position] for position in chosen]
        evaluated = self._runs.evaluations(run.plan for position in compared if (run := nights[position].run))
        runs = {run.plan: run for run in self._runs.runs(night.run.plan for night in shown if night.run)}
        new = _new_categories({position: nights[position].run for position in compared}, evaluated)
        titles = self._titles(list(runs.values()))
        outcomes = Outcomes(self._cache, self._runs, decisions, with_messages=False)
        rows: list[NightRow] = []
        test_set = ""
        for night in shown:
            found = evaluated.get(night.run.plan) if night.run else None
            own = runs.get(night.run.plan) if night.run else None
            row = _row(night, own, found, outcomes, titles, new=new.get(own.plan) if own else None)
            rows.append(row.model_copy(update={"joined": bool(found) and row.test_set == test_set}))
            test_set = row.test_set or test_set
        test_sets = {
            found.test_set: self._runs.test_set(night.run, found)
            for night in shown
            if night.run and (found := evaluated.get(night.run.plan))
        }
        return NightsPage(
            all=len(nights), matching=len(matching), nights=rows, test_sets=list(test_sets.values()), before=BEFORE
        )

    def changes(self, own: Run) -> tuple[NightChange, NightChange | None]:
        """The titles of a run, and the newest evaluated ones of its source that are of a later day, if there are any.

        A new category is one that neither the run's test titles nor those of the runs before it had.
        """
        runs = [run for run in self._runs.newest_first() if run.origin == own.origin]
        runs.sort(key=lambda run: (run.day, run.at))
        earlier = [run for run in runs if run.day <= own.day][-BEFORE:]
        compared = [*earlier, *[run for run in runs if run.day > own.day][-BEFORE:]]
        evaluated = self._runs.evaluations(run.plan for run in compared)
        known = {name for run in earlier if run.plan in evaluated for name in evaluated[run.plan].categories}
        later = next((run for run in reversed(runs) if run.day > own.day and run.plan in evaluated), None)
        then = NightChange(own.day, (), self._unknown_words(own.preprocess))
        if later is None:
            return then, None
        new = sorted(evaluated[later.plan].categories - known) if known else []
        preprocess = next((run.preprocess for run in self._runs.runs([later.plan])), "")
        return then, NightChange(later.day, tuple(new), self._unknown_words(preprocess))

    def _nights(self, airflow: Sequence[AirflowRun]) -> list[Night]:
        """All runs, by the day of their titles and their own time."""
        known = {run.run_id: run for run in airflow}
        newest = {run.run_id: run for run in reversed(self._runs.newest_first())}  # of several plans the newest
        found = [Night(run.run_id, run.day, run.at, run, known.get(run.run_id)) for run in newest.values()]
        for run in airflow:
            if run.run_id not in newest and run.state == "failed" and run.started:
                found.append(Night(run.run_id, run.started[:10], run.started, None, run))
        return sorted(found, key=lambda night: (night.day, night.at, night.run_id))

    def _titles(self, runs: Sequence[Run]) -> dict[str, Titles]:
        """What the manifests say of each run's titles, by plan."""
        unindexed = [run for run in runs if run.titles is None]
        new = [run for run in unindexed if run.ingest not in self._ingested or self._is_unread(run.preprocess)]
        with ThreadPoolExecutor(READERS) as readers:
            read = dict(zip((run.plan for run in new), readers.map(self._titles_of, new), strict=True))
        return {run.plan: read.get(run.plan) or self._titles_of(run) for run in runs}

    def _titles_of(self, run: Run) -> Titles:
        if run.titles is not None:
            return Titles(**dict(run.titles))
        listings = self._ingested.get(run.ingest)
        if listings is None and (manifest := read_manifest(self._cache, "ingest", run.ingest)):
            found = manifest.read_summary(IngestSummary)
            listings = self._ingested[run.ingest] = Titles(found.rows, found.bad_rows, found.categories)
        return replace(listings or Titles(), unknown_words=self._unknown_words(run.preprocess))

    def _is_unread(self, key: str) -> bool:
        return bool(key) and key not in self._unknown

    def _unknown_words(self, key: str) -> float | None:
        """The fraction of unknown words in the arrays of a key; None if there are none."""
        if self._is_unread(key) and (manifest := read_manifest(self._cache, "preprocess", key)):
            fraction = manifest.read_summary(PreprocessSummary).unknown_fraction.get("validation")
            if fraction is not None:
                self._unknown[key] = fraction
        return self._unknown.get(key)


def _row(
    night: Night,
    run: Run | None,
    evaluated: EvaluatedRun | None,
    outcomes: Outcomes,
    titles: Mapping[str, Titles],
    *,
    new: tuple[str, ...] | None,
) -> NightRow:
    outcome = outcomes.of(run, evaluated, night.airflow)
    decision = outcomes.decision(run) if run else None
    found = titles.get(run.plan, Titles()) if run else Titles()
    return NightRow(
        run_id=night.run_id,
        day=night.day,
        at=night.at,
        outcome=outcome.outcome,
        sentence=outcome.sentence,
        task=outcome.task,
        champion=_champion(evaluated, decision) if evaluated else None,
        challenger=_challenger(evaluated, decision) if evaluated else None,
        test_set=evaluated.test_set if evaluated else "",
        titles=found.rows,
        bad_rows=found.bad_rows,
        categories=found.categories,
        new_categories=None if new is None else len(new),
        new_names=list(new or ())[:NAMED],
        unknown_words=found.unknown_words,
        seconds=_seconds(night, decision),
    )


def _champion(evaluated: EvaluatedRun, decision: Decision | None) -> NightFigure | None:
    """The champion of that time. How much of its figure is due to its selection, the run's decision knows."""
    label = evaluated.champion
    if label not in evaluated.figures:
        return None
    evidence = decision.evidence if decision else None
    bias = evidence.selection_bias if evidence and evidence.champion == label else 0.0
    return _figure(evaluated, label, bias)


def _challenger(evaluated: EvaluatedRun, decision: Decision | None) -> NightFigure | None:
    """The model that was compared with the champion; if none was, the one with the highest figure."""
    others = [label for label in evaluated.figures if label != evaluated.champion]
    nominated = decision.evidence.nominated if decision else None
    if nominated in others:
        return _figure(evaluated, nominated)
    best = max(others, key=lambda label: evaluated.figures[label].balanced_accuracy, default=None)
    return _figure(evaluated, best) if best is not None else None


def _figure(evaluated: EvaluatedRun, label: str, bias: float = 0.0) -> NightFigure:
    found = evaluated.figures[label]
    return NightFigure(
        set=label.removesuffix(CHAMPION_SUFFIX),
        balanced_accuracy=max(0.0, found.balanced_accuracy - bias),
        interval=found.interval,
        selection_bias=bias,
    )


def _new_categories(
    runs: Mapping[int, RunHead | None], evaluated: Mapping[str, EvaluatedRun]
) -> dict[str, tuple[str, ...]]:
    """The categories of each run's test titles that no run of its source shortly before it had, by plan.

    A run without such a run before it has nothing to be compared with, so it is left out.

    Args:
        runs: By position among all nights, in order.
        evaluated: What the evaluations found, by plan.
    """
    seen: dict[str, dict[str, int]] = {}  # by source: each category's last position
    newest: dict[str, int] = {}  # by source
    found: dict[str, tuple[str, ...]] = {}
    for position, run in runs.items():
        if run is None or run.plan not in evaluated:
            continue
        names, source = evaluated[run.plan].categories, run.origin
        before = seen.setdefault(source, {})
        if source in newest and position - newest[source] <= BEFORE:
            found[run.plan] = tuple(
                sorted(name for name in names if name not in before or position - before[name] > BEFORE)
            )
        before.update(dict.fromkeys(names, position))
        newest[source] = position
    return found


def _seconds(night: Night, decision: Decision | None) -> float | None:
    """How long a run took; for one that Airflow did not start, from its plan to its decision."""
    airflow = night.airflow
    if airflow:
        return None if airflow.seconds is None else max(0.0, airflow.seconds - airflow.asked_seconds)
    if decision is None or decision.approval or night.run is None:
        return None
    took = (decision.at - datetime.fromisoformat(night.run.at)).total_seconds()
    return took if took >= 0 else None  # the clocks of two machines differ
