"""What a backfill will do, told before it does: each date's run, what is there, how long the rest will take."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

from meli_tasks.artifacts import paths
from meli_tasks.backfill.request import POOL_SLOTS, Backfill
from meli_tasks.core.errors import BadData, NotFound
from meli_tasks.planning.estimate import Estimate
from meli_tasks.planning.history import evaluated
from meli_tasks.planning.plan import Plan, make_plan
from meli_tasks.planning.preview import Preview, preview
from meli_tasks.settings import Settings
from meli_tasks.store import Store
from meli_tasks.wording import count, duration

LOOKS_AT_ONCE = 4


@dataclass(frozen=True)
class DateRun:
    """One date's run of `meli_training`: its id, its plan's name in the store, and its conf.

    `done` says that everything it is to find stands already, so it is not run; `problem` why it cannot be (no titles
    for that date). `computed` counts the steps that no earlier date computes. Seconds are estimates from past runs.
    """

    date: str
    run_id: str = ""
    plan: str = ""
    conf: dict[str, Any] | None = None
    done: bool = False
    computed: int = 0
    cached: int = 0
    estimate_seconds: float | None = None
    saved_seconds: float = 0.0
    problem: str = ""

    @property
    def will(self) -> str:
        """What will happen, in a few words."""
        if self.problem:
            return f"cannot be run: {self.problem}"
        if self.done:
            return "done before"
        if not self.computed:
            return "measure"
        takes = "" if self.estimate_seconds is None else f", about {duration(self.estimate_seconds)}"
        return f"compute {count(self.computed, 'step')}{takes}"


@dataclass(frozen=True)
class BackfillPreview:
    """What a backfill will do. `asked` are the parameters as checked; totals are those of the dates."""

    id: str
    at: str
    asked: dict[str, Any]
    dates: tuple[DateRun, ...]
    warnings: tuple[str, ...]
    computed: int
    cached: int
    estimate_seconds: float | None
    saved_seconds: float

    @property
    def runs(self) -> list[DateRun]:
        """The dates that are to be run."""
        return [day for day in self.dates if not day.done and not day.problem]

    def summary(self) -> str:
        """One sentence."""
        done = sum(day.done for day in self.dates)
        said = (
            f"{len(self.runs)} of {count(len(self.dates), 'date')} to run, {count(len(self.asked['sets']), 'set')} each"
        )
        said += f"; {count(self.computed, 'step')} to compute, {self.cached} already there"
        if self.saved_seconds:
            said += f" ({duration(self.saved_seconds)} saved)"
        if self.computed and self.estimate_seconds is not None:
            said += f"; about {duration(self.estimate_seconds)} by past runs"
        return f"{said}; {count(done, 'date')} done before" if done else said

    def lines(self) -> list[str]:
        """For the log: a line a date, the warnings, the sum."""
        told = [f"{day.date}  {day.run_id or '-':<40} {day.cached} cached  {day.will}" for day in self.dates]
        return [*told, *(f"Note: {warning}" for warning in self.warnings), self.summary()]

    def markdown(self) -> str:
        """For the person who approves it in Airflow."""
        changed = json.dumps(self.asked["overrides"], ensure_ascii=False) if self.asked["overrides"] else "none"
        head = [
            f"**{self.summary()}.**",
            f"Sets: {', '.join(self.asked['sets'])}. Overrides: {changed}. Source: `{self.asked['source']}`. "
            f"Promotion: {self.asked['promotion']}.",
            *(f"> {warning}" for warning in self.warnings),
        ]
        table = ["| date | will | already there | run |", "|---|---|---|---|"]
        table += [f"| {day.date} | {_cell(day.will)} | {day.cached} | `{day.run_id or '-'}` |" for day in self.dates]
        return "\n\n".join(head) + "\n\n" + "\n".join(table)

    def save(self, store: Store) -> None:
        """Keep it in the store."""
        store.write(paths.backfill_preview(self.id), json.dumps(asdict(self), ensure_ascii=False).encode())

    @classmethod
    def load(cls, store: Store, backfill_id: str) -> BackfillPreview:
        """Read what was kept.

        Raises:
            NotFound: there is no such backfill.
        """
        blob = store.read(paths.backfill_preview(backfill_id))
        if blob is None:
            raise NotFound(f"No backfill {backfill_id} in {store.url}: `meli backfill --list` names them.")
        fields = json.loads(blob.data)
        dates = tuple(DateRun(**day) for day in fields["dates"])
        return cls(**{**fields, "dates": dates, "warnings": tuple(fields["warnings"])})


def backfills(store: Store) -> list[BackfillPreview]:
    """Every backfill in the store, newest first."""
    ids = [each for name in store.names(paths.BACKFILLS) if (each := paths.backfill_of_preview(name))]
    with ThreadPoolExecutor(LOOKS_AT_ONCE) as readers:
        found = list(readers.map(lambda name: BackfillPreview.load(store, name), ids))
    return sorted(found, key=lambda seen: seen.at, reverse=True)


def look_ahead(asked: Backfill, settings: Settings, store: Store, backfill_id: str) -> BackfillPreview:
    """Work out every date's run, computing nothing.

    Raises:
        BadHyperparameters: an unknown set or override.
        BadData: there are no titles on any of the dates.
    """
    estimate = Estimate.of(store)
    with ThreadPoolExecutor(LOOKS_AT_ONCE) as readers:
        look = partial(_look_at, asked, settings, store, estimate)
        looks = list(readers.map(look, asked.dates()))
    if all(isinstance(found, str) for _, found in looks):
        raise BadData(f"None of the {count(len(looks), 'date')} can be run. {looks[0][1]}")
    dates: list[DateRun] = []
    claimed: set[str] = set()  # by an earlier date: a step is computed once, whoever asks for it
    for day, found in looks:
        if isinstance(found, str):
            dates.append(DateRun(str(day), problem=found))
            continue
        plan, seen, done = found
        dates.append(_date_run(plan, seen, done, claimed, settings.slots))
    return BackfillPreview(
        id=backfill_id,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        asked=asked.model_dump(mode="json", exclude={"as_of", "force"}),
        dates=tuple(dates),
        warnings=tuple(_warnings(asked, [found for _, found in looks if not isinstance(found, str)])),
        computed=sum(day.computed for day in dates),
        cached=sum(day.cached for day in dates),
        estimate_seconds=_together(dates, asked.at_once or POOL_SLOTS),
        saved_seconds=round(sum(day.saved_seconds for day in dates), 1),
    )


def is_done(store: Store, plan: Plan) -> bool:
    """Whether a run of this plan ended with every set measured, and the ensemble made if it wanted one."""
    report = evaluated(store, plan)
    return report is not None and not report.get("failed") and not report.get("ensemble_failed")


def _look_at(
    asked: Backfill, settings: Settings, store: Store, estimate: Estimate, day: date
) -> tuple[date, tuple[Plan, Preview, bool] | str]:
    try:
        plan = make_plan(asked.request(day), settings, "", day)
    except BadData as error:
        return day, str(error)
    plan = replace(plan, run_id=f"meli_backfill__{day}__{paths.plan_digest(plan.name)}", name="")
    seen = preview(plan, store, settings.slots, estimate)
    return day, (plan, seen, is_done(store, plan) or bool(seen.nothing_new))


def _date_run(plan: Plan, seen: Preview, done: bool, claimed: set[str], slots: int) -> DateRun:
    missing = [line for line in seen.steps if not line.cached and line.key not in claimed]
    claimed.update(line.key for line in missing)
    seconds = None
    if all(line.estimate is not None for line in missing):
        trainings = [line.estimate or 0.0 for line in missing if line.stage == "train"]
        others = sum(line.estimate or 0.0 for line in missing if line.stage != "train")
        seconds = round(others + max(sum(trainings) / slots, max(trainings, default=0.0)), 1)
    return DateRun(
        date=plan.as_of,
        run_id=plan.run_id,
        plan=plan.name,
        conf=plan.request,
        done=done and not missing,
        computed=len(missing),
        cached=len(seen.steps) - len(missing),
        estimate_seconds=seconds,
        saved_seconds=round(seen.saved_seconds, 1),
    )


def _together(dates: list[DateRun], at_once: int) -> float | None:
    """Seconds of all dates, `at_once` beside each other; None when a step is the first of its kind."""
    running = [day.estimate_seconds for day in dates if day.computed]
    known = [seconds for seconds in running if seconds is not None]
    return round(sum(known) / min(at_once, len(known)), 1) if known and len(known) == len(running) else None


def _warnings(asked: Backfill, looks: list[tuple[Plan, Preview, bool]]) -> list[str]:
    told = []
    days: dict[str, list[str]] = {}
    for plan, _, _ in looks:
        days.setdefault(plan.ingest.key, []).append(plan.as_of)
    same = [dates for dates in days.values() if len(dates) > 1]
    if len(looks) > 1 and len(days) == 1:
        reason = "" if "{ds}" in asked.source or asked.date_column else ": it has neither {ds} nor a date_column"
        told.append(f"Every date sees the same titles of {asked.source}{reason}")
    else:
        told += [f"{', '.join(dates)} see the same titles" for dates in same]
    if absent := len(asked.dates()) - len(looks):
        told.append(f"{count(absent, 'date')} cannot be run and will be left out")
    if asked.promotion == "always":
        told.append("Each run may promote: a model of an older date can become champion")
    return told


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
