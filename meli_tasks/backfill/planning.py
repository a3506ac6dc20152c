"""Plans the runs of a backfill: the dates, what each computes, and about how long that takes."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime

from meli_tasks.artifacts import paths
from meli_tasks.backfill.preview import READERS, BackfillPreview, DateRun, is_done
from meli_tasks.backfill.request import POOL_SLOTS, Backfill
from meli_tasks.core.errors import BadData
from meli_tasks.ledger import Ledger
from meli_tasks.planning.estimate import Estimate, seconds_with_slots
from meli_tasks.planning.past_runs import past_runs, shape_of
from meli_tasks.planning.plan import Plan, make_plan
from meli_tasks.planning.preview import Preview, preview
from meli_tasks.settings import Settings
from meli_tasks.sources.place import NoFiles
from meli_tasks.store import Store
from meli_tasks.wording import count


@dataclass(frozen=True)
class _PlannedDate:
    """A date that can be run."""

    plan: Plan
    preview: Preview
    done: bool


def preview_backfill(
    request: Backfill, settings: Settings, store: Store, backfill_id: str, *, in_airflow: bool = True
) -> BackfillPreview:
    """Plan the run of every date, without computing anything.

    Raises:
        BadHyperparameters: A set or an override does not exist.
        BadData: None of the dates has titles.
    """
    estimate, ledger = past_runs(store, settings.slots), Ledger(store)
    days = request.dates()
    with ThreadPoolExecutor(READERS) as readers:
        planned = list(
            readers.map(lambda day: _plan_date(request, settings, (ledger, estimate), day, in_airflow=in_airflow), days)
        )
    problems = [result for result in planned if isinstance(result, BadData)]
    if len(problems) == len(planned):
        raise BadData(f"None of the {count(len(planned), 'date')} can be run. {problems[0]}")
    dates: list[DateRun] = []
    claimed: set[str] = set()  # keys that an earlier date computes: each step is computed a single time
    for day, result in zip(days, planned, strict=True):
        if isinstance(result, BadData):
            dates.append(DateRun(str(day), problem=str(result), empty=isinstance(result, NoFiles)))
        else:
            dates.append(_date_run(result, claimed, settings.slots, estimate))
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


def _plan_date(
    request: Backfill, settings: Settings, known: tuple[Ledger, Estimate], day: date, *, in_airflow: bool
) -> _PlannedDate | BadData:
    """Return the plan of a date, or why it cannot be run."""
    ledger, estimate = known
    try:
        plan = make_plan(request.request(day), settings, "", day, store=ledger.store)
    except BadData as error:
        return error
    plan = plan.model_copy(update={"in_airflow": in_airflow})
    plan = plan.for_run(f"meli_backfill__{day}__{paths.plan_digest(plan.name)}")
    store = ledger.store
    found = preview(plan, store, settings.slots, estimate, ledger)
    return _PlannedDate(plan, found, done=is_done(store, plan, ledger) or bool(found.nothing_new))


def _date_run(planned: _PlannedDate, claimed: set[str], slots: int, estimate: Estimate) -> DateRun:
    plan, steps = planned.plan, planned.preview.steps
    missing = [line for line in steps if not line.cached and line.key not in claimed]
    claimed.update(line.key for line in missing)
    slots = slots if plan.in_airflow else 1
    computing = [(line.stage, line.estimate) for line in missing]
    computing.append(("evaluate", planned.preview.evaluation_seconds or 0.0))
    takes = estimate.run(shape_of(plan, slots), seconds_with_slots(computing, slots))
    return DateRun(
        date=plan.as_of,
        run_id=plan.run_id,
        plan=plan.name,
        conf=plan.request.model_dump(mode="json"),
        done=planned.done and not missing,
        computed=len(missing),
        cached=len(steps) - len(missing),
        estimate_seconds=round(takes.seconds, 1) if takes else None,
        saved_seconds=round(planned.preview.saved_seconds, 1),
    )


def _total_seconds(dates: Sequence[DateRun], at_once: int) -> float | None:
    """Return the seconds of all dates with `at_once` concurrent runs; None if one of them has no estimate."""
    running = [day.estimate_seconds for day in dates if not day.done and not day.problem]
    known = [seconds for seconds in running if seconds is not None]
    return round(sum(known) / min(at_once, len(known)), 1) if known and len(known) == len(running) else None


def _warnings(request: Backfill, planned: Sequence[_PlannedDate]) -> list[str]:
    warnings = []
    dates_by_titles: dict[str, list[str]] = {}
    for day in planned:
        dates_by_titles.setdefault(day.plan.ingest.key, []).append(day.plan.as_of)
    if len(planned) > 1 and len(dates_by_titles) == 1:
        reason = "" if "{ds}" in request.source or request.date_column else ": it has neither {ds} nor a date_column"
        warnings.append(f"Every date has the same titles of {request.source}{reason}")
    else:
        same = [dates for dates in dates_by_titles.values() if len(dates) > 1]
        warnings += [f"{', '.join(dates)} have the same titles" for dates in same]
    if absent := len(request.dates()) - len(planned):
        warnings.append(f"{count(absent, 'date')} cannot be run and will be left out")
    if request.promotion == "always":
        warnings.append("Each run may promote a model, so the model of an older date can become champion")
    return warnings
