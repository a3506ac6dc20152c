"""What a backfill will do: the run of each date, what exists already, and an estimate of the time."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from pydantic import JsonValue, TypeAdapter

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.backfill.request import POOL_SLOTS, Backfill
from meli_tasks.core.errors import BadData, NotFound
from meli_tasks.ledger import Ledger
from meli_tasks.planning.estimate import Estimate, seconds_with_slots
from meli_tasks.planning.history import evaluated
from meli_tasks.planning.plan import Plan, make_plan
from meli_tasks.planning.preview import Preview, preview
from meli_tasks.settings import Settings
from meli_tasks.sources.place import NoFiles, redact_source
from meli_tasks.stages.stored import refuse_later_version
from meli_tasks.store import Store
from meli_tasks.wording import count, duration

READERS = 4  # dates or objects that are looked at at a time
# Fields of a stored preview that had other names in the first version.
RENAMED = {"asked": "request"}


@dataclass(frozen=True)
class DateRun:
    """The run of `meli_training` for one date. Seconds are estimates from past runs."""

    date: str
    run_id: str = ""
    plan: str = ""
    """Name of its plan in the store."""
    conf: dict[str, JsonValue] | None = None
    done: bool = False
    """Whether all its results exist, so that it is not run."""
    computed: int = 0
    """Number of steps that it computes and no earlier date does."""
    cached: int = 0
    estimate_seconds: float | None = None
    saved_seconds: float = 0.0
    problem: str = ""
    """Why the date cannot be run."""
    empty: bool = False
    """Whether that is because it has no files, which fails neither a night nor a backfill."""

    @property
    def action(self) -> str:
        """What will happen, in a few words."""
        if self.empty:
            return f"has no titles: {self.problem}"
        if self.problem:
            return f"cannot be run: {self.problem}"
        if self.done:
            return "already done"
        if not self.computed:
            return "evaluate"
        takes = "" if self.estimate_seconds is None else f", about {duration(self.estimate_seconds)}"
        return f"compute {count(self.computed, 'step')}{takes}"


@dataclass(frozen=True)
class BackfillPreview:
    """What a backfill will do; the totals are those of its dates."""

    id: str
    at: str
    request: Backfill
    dates: tuple[DateRun, ...]
    warnings: tuple[str, ...]
    computed: int
    cached: int
    estimate_seconds: float | None
    saved_seconds: float
    version: int = 2

    @property
    def runs(self) -> list[DateRun]:
        """The dates that are to be run."""
        return [day for day in self.dates if not day.done and not day.problem]

    def summary(self) -> str:
        """Return the preview in one sentence."""
        done = sum(day.done for day in self.dates)
        sets = count(len(self.request.sets), "set")
        text = f"{len(self.runs)} of {count(len(self.dates), 'date')} to run, {sets} each"
        text += f"; {count(self.computed, 'step')} to compute, {self.cached} cached"
        if self.saved_seconds:
            text += f" ({duration(self.saved_seconds)} saved)"
        if self.computed and self.estimate_seconds is not None:
            text += f"; about {duration(self.estimate_seconds)}, judging by past runs"
        return f"{text}; {count(done, 'date')} already done" if done else text

    def lines(self) -> list[str]:
        """Return lines for the log: the dates, the warnings and the summary."""
        lines = [f"{day.date}  {day.run_id or '-':<40} {day.cached} cached  {day.action}" for day in self.dates]
        return [*lines, *(f"Note: {warning}" for warning in self.warnings), self.summary()]

    def markdown(self) -> str:
        """Return the preview for the person who approves it in Airflow."""
        request = self.request
        displayed = {
            name: redact_source(value) if isinstance(value, str) else value for name, value in request.overrides.items()
        }
        overrides = json.dumps(displayed, ensure_ascii=False) if displayed else "none"
        head = [
            f"**{self.summary()}.**",
            f"Sets: {', '.join(request.sets)}. Overrides: {overrides}. Source: `{redact_source(request.source)}`. "
            f"Promotion: {request.promotion}.",
            *(f"> {warning}" for warning in self.warnings),
        ]
        table = ["| date | to do | cached | run |", "|---|---|---|---|"]
        table += [f"| {day.date} | {_cell(day.action)} | {day.cached} | `{day.run_id or '-'}` |" for day in self.dates]
        return "\n\n".join(head) + "\n\n" + "\n".join(table)

    def to_json(self) -> dict[str, JsonValue]:
        """Return plain values, as stored and as `meli backfill --json` prints them."""
        fields: dict[str, JsonValue] = _adapter().dump_python(self, mode="json")
        return fields

    def save(self, store: Store) -> None:
        """Write the preview to the store."""
        store.write(paths.backfill_preview(self.id), _adapter().dump_json(self))

    @classmethod
    def load(cls, store: Store, backfill_id: str) -> BackfillPreview:
        """Read the preview of a backfill.

        Raises:
            NotFound: There is no such backfill.
        """
        found = cls.find(backfill_id, lambda name: reading.read(store, name, cls.from_bytes))
        if found is None:
            raise NotFound(f"There is no backfill {backfill_id} in {store.url}. `meli backfill --list` lists them.")
        return found

    @classmethod
    def find(cls, backfill_id: str, read: Callable[[str], BackfillPreview | None]) -> BackfillPreview | None:
        """Find the preview of a backfill under its name, or under that of 0.1.0; None if there is none."""
        names = dict.fromkeys((paths.backfill_preview(backfill_id), paths.former_backfill_preview(backfill_id)))
        return next((found for name in names if (found := read(name)) and found.id == backfill_id), None)

    @classmethod
    def from_bytes(cls, data: bytes) -> BackfillPreview:
        """Parse a stored preview."""
        return cls.from_json(json.loads(data))

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> BackfillPreview:
        """Parse a stored preview, of this version or an earlier one; raises ValueError for a later one."""
        refuse_later_version(fields, cls.version)
        return _adapter().validate_python({RENAMED.get(name, name): value for name, value in fields.items()})


@functools.cache
def _adapter() -> TypeAdapter[BackfillPreview]:
    return TypeAdapter(BackfillPreview)


def backfills(store: Store, reader: LenientReader | None = None) -> list[BackfillPreview]:
    """Return every readable backfill in the store, newest first; `reader` keeps what was skipped, or it is logged."""
    lenient = reader or LenientReader(store)
    names = [name for name in store.names(paths.BACKFILLS) if paths.backfill_of_preview(name)]
    # By name: the part of it that names a backfill is not the backfill's id where that holds other characters.
    read = lenient.read_all(names, lambda name: reading.read(store, name, BackfillPreview.from_bytes))
    found = [preview for preview in read if preview]
    if reader is None:
        lenient.warn()
    return sorted(found, key=lambda preview: preview.at, reverse=True)


@dataclass(frozen=True)
class _PlannedDate:
    """A date that can be run."""

    plan: Plan
    preview: Preview
    done: bool


def preview_backfill(request: Backfill, settings: Settings, store: Store, backfill_id: str) -> BackfillPreview:
    """Plan the run of every date, without computing anything.

    Raises:
        BadHyperparameters: A set or an override does not exist.
        BadData: None of the dates has titles.
    """
    estimate, ledger = Estimate.of(store), Ledger(store)
    ledger.decisions()  # a single time, instead of once for each date
    days = request.dates()
    with ThreadPoolExecutor(READERS) as readers:
        planned = list(readers.map(lambda day: _plan_date(request, settings, ledger, estimate, day), days))
    problems = [result for result in planned if isinstance(result, BadData)]
    if len(problems) == len(planned):
        raise BadData(f"None of the {count(len(planned), 'date')} can be run. {problems[0]}")
    dates: list[DateRun] = []
    claimed: set[str] = set()  # keys that an earlier date computes: each step is computed a single time
    for day, result in zip(days, planned, strict=True):
        if isinstance(result, BadData):
            dates.append(DateRun(str(day), problem=str(result), empty=isinstance(result, NoFiles)))
        else:
            dates.append(_date_run(result, claimed, settings.slots))
    return BackfillPreview(
        id=backfill_id,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        request=request,
        dates=tuple(dates),
        warnings=tuple(_warnings(request, [result for result in planned if isinstance(result, _PlannedDate)])),
        computed=sum(day.computed for day in dates),
        cached=sum(day.cached for day in dates),
        estimate_seconds=_total_seconds(dates, request.at_once or POOL_SLOTS),
        saved_seconds=round(sum(day.saved_seconds for day in dates), 1),
    )


def is_done(store: Store, plan: Plan, ledger: Ledger | None = None) -> bool:
    """Return whether a run of this plan evaluated every set, and the ensemble if it was to have one, and decided."""
    report = evaluated(store, plan)
    return report is not None and not report.failed and not report.ensemble_failed and is_decided(store, plan, ledger)


def is_decided(store: Store, plan: Plan, ledger: Ledger | None = None) -> bool:
    """Return whether the ledger holds a decision of this plan, or the plan needs none because it promotes nothing."""
    if plan.request.promotion == "never":
        return True
    return any(decision.is_of_run(plan.name) for decision in (ledger or Ledger(store)).decisions())


def plan_of_run(store: Store, plan_name: str, run_id: str) -> Plan | None:
    """Return the plan that the run of a date made; None if it has made none.

    It is not the previewed one if the titles changed in between.
    """
    try:
        return Plan.load(store, plan_name)
    except NotFound:
        names = [name for name in store.names(paths.plans_of_run(run_id)) if paths.is_plan(name)]
        return max((Plan.load(store, name) for name in names), key=lambda plan: plan.at, default=None)


def _plan_date(
    request: Backfill, settings: Settings, ledger: Ledger, estimate: Estimate, day: date
) -> _PlannedDate | BadData:
    """Return the plan of a date, or why it cannot be run."""
    try:
        plan = make_plan(request.request(day), settings, "", day, store=ledger.store)
    except BadData as error:
        return error
    plan = plan.for_run(f"meli_backfill__{day}__{paths.plan_digest(plan.name)}")
    store = ledger.store
    found = preview(plan, store, settings.slots, estimate, ledger)
    return _PlannedDate(plan, found, done=is_done(store, plan, ledger) or bool(found.nothing_new))


def _date_run(planned: _PlannedDate, claimed: set[str], slots: int) -> DateRun:
    plan, steps = planned.plan, planned.preview.steps
    missing = [line for line in steps if not line.cached and line.key not in claimed]
    claimed.update(line.key for line in missing)
    seconds = seconds_with_slots([(line.stage, line.estimate) for line in missing], slots)
    return DateRun(
        date=plan.as_of,
        run_id=plan.run_id,
        plan=plan.name,
        conf=plan.request.model_dump(mode="json"),
        done=planned.done and not missing,
        computed=len(missing),
        cached=len(steps) - len(missing),
        estimate_seconds=None if seconds is None else round(seconds, 1),
        saved_seconds=round(planned.preview.saved_seconds, 1),
    )


def _total_seconds(dates: Sequence[DateRun], at_once: int) -> float | None:
    """Return the seconds of all dates with `at_once` concurrent runs; None if one of them has no estimate."""
    running = [day.estimate_seconds for day in dates if day.computed]
    known = [seconds for seconds in running if seconds is not None]
    return round(sum(known) / min(at_once, len(known)), 1) if known and len(known) == len(running) else None


def _warnings(request: Backfill, planned: Sequence[_PlannedDate]) -> list[str]:
    warnings = []
    dates_by_titles: dict[str, list[str]] = {}
    for day in planned:
        dates_by_titles.setdefault(day.plan.ingest.key, []).append(day.plan.as_of)
    if len(planned) > 1 and len(dates_by_titles) == 1:
        reason = "" if "{ds}" in request.source or request.date_column else ": it has neither {ds} nor a date_column"
        warnings.append(f"Every date has the same titles of {redact_source(request.source)}{reason}")
    else:
        same = [dates for dates in dates_by_titles.values() if len(dates) > 1]
        warnings += [f"{', '.join(dates)} have the same titles" for dates in same]
    if absent := len(request.dates()) - len(planned):
        warnings.append(f"{count(absent, 'date')} cannot be run and will be left out")
    if request.promotion == "always":
        warnings.append("Each run may promote a model, so the model of an older date can become champion")
    return warnings


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
