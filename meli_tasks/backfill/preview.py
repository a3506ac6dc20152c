"""What a backfill will do: the run of each date, what exists already, and an estimate of the time."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue, TypeAdapter

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.backfill.request import Backfill
from meli_tasks.core.errors import NotFound
from meli_tasks.ledger import Ledger
from meli_tasks.planning.history import evaluated
from meli_tasks.planning.plan import Plan
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
        overrides = json.dumps(request.overrides, ensure_ascii=False) if request.overrides else "none"
        head = [
            f"**{self.summary()}.**",
            f"Sets: {', '.join(request.sets)}. Overrides: {overrides}. Source: `{request.source}`. "
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
        reading.write(store, paths.backfill_preview(self.id), _adapter().dump_json(self))

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


def is_done(store: Store, plan: Plan, ledger: Ledger | None = None) -> bool:
    """Return whether a run of this plan evaluated every set, and the ensemble if it was to have one, and decided."""
    report = evaluated(store, plan)
    return report is not None and not report.failed and not report.ensemble_failed and is_decided(store, plan, ledger)


def is_decided(store: Store, plan: Plan, ledger: Ledger | None = None) -> bool:
    """Return whether the ledger holds a decision of this plan, or the plan needs none because it promotes nothing."""
    if plan.request.promotion == "never":
        return True
    return any(row.plan == plan.name for row in (ledger or Ledger(store)).rows_backwards())


def plan_of_run(store: Store, plan_name: str, run_id: str) -> Plan | None:
    """Return the plan that the run of a date made; None if it has made none.

    It is not the previewed one if the titles changed in between.
    """
    try:
        return Plan.load(store, plan_name)
    except NotFound:
        names = [name for name in store.names(paths.plans_of_run(run_id)) if paths.is_plan(name)]
        return max((Plan.load(store, name) for name in names), key=lambda plan: plan.at, default=None)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
