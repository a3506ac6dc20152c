"""`meli backfill`: train the same sets on a range of dates, in Airflow or in this process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from meli_tasks.cli.console import Json, complain, need_confirmation, out, print_json, warn
from meli_tasks.cli.options import Ensemble, Folds, Override, Sets, TitleOptions, Yes, joined, overrides, takes_titles
from meli_tasks.planning import texts
from meli_tasks.wording import count

if TYPE_CHECKING:
    from meli_tasks.artifacts.reading import LenientReader
    from meli_tasks.backfill.preview import BackfillPreview
    from meli_tasks.backfill.report import BackfillReport
    from meli_tasks.store import Store

EXAMPLES = (
    "meli backfill --from 2026-11-01 --to 2026-11-05 --sets mlp,cnn --source 's3://bucket/titles/{ds}.csv.gz'",
    "meli backfill --from 2026-10-01 --to 2026-10-31 --every 7 --override train.epochs=5 --at-once 1 --yes",
    "meli backfill --from 2026-11-01 --to 2026-11-05 --source 'sample:rows=2000,seed=1,day={ds}' --here",
    "meli backfill --list",
    "meli backfill --cancel manual__2026-11-20T09:00:00_3f2a1c",
)


@dataclass(frozen=True)
class BackfillRow:
    """A backfill in the list."""

    id: str
    at: str
    from_date: str
    to_date: str
    dates: int
    sets: list[str]
    overrides: Mapping[str, object]
    state: str
    failures: list[str]


class Promotion(StrEnum):
    """Whether the runs of a backfill may promote a model."""

    never = "never"
    always = "always"


From = Annotated[
    datetime | None,
    typer.Option("--from", metavar="DATE", formats=["%Y-%m-%d"], help=texts.FROM_DATE, show_default=False),
]
To = Annotated[
    datetime | None,
    typer.Option("--to", metavar="DATE", formats=["%Y-%m-%d"], help=texts.TO_DATE, show_default=False),
]
Every = Annotated[int, typer.Option("--every", min=1, max=366, metavar="DAYS", help=texts.EVERY_DAYS)]
AtOnce = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=64,
        metavar="RUNS",
        help=texts.AT_ONCE,
    ),
]
MayPromote = Annotated[Promotion, typer.Option(help=texts.BACKFILL_PROMOTION)]
Here = Annotated[bool, typer.Option("--here", help="Run the dates in this process, one after another.")]
Listed = Annotated[bool, typer.Option("--list", help="List the backfills, newest first.")]
Cancel = Annotated[
    str, typer.Option(metavar="ID", help="Cancel a backfill and the runs that it started.", show_default=False)
]


@takes_titles
def backfill(
    *,
    from_date: From = None,
    to_date: To = None,
    every: Every = 1,
    sets: Sets = None,
    override: Override = None,
    titles: TitleOptions,
    ensemble: Ensemble = True,
    folds: Folds = 0,
    promotion: MayPromote = Promotion.never,
    at_once: AtOnce = None,
    yes: Yes = False,
    here: Here = False,
    listed: Listed = False,
    cancel: Cancel = "",
    as_json: Json = False,
) -> None:
    """Train the same sets on a range of dates, with a run for each date.

    The command shows a preview and asks for confirmation. Running it again computes only what is missing. By default,
    nothing is promoted. The dates run in the Airflow at MELI_AIRFLOW_URL, or in this process with --here. If a date
    fails, the command names it and exits with code 1.
    """
    if listed and cancel:
        raise typer.BadParameter("--list and --cancel exclude each other; give only one.")
    if listed:
        _list(as_json)
    elif cancel:
        _cancel(cancel, as_json)
    else:
        params = {
            **titles.fields(),
            "from_date": from_date.date() if from_date else None,
            "to_date": to_date.date() if to_date else None,
            "every_days": every,
            "sets": joined(sets),
            "overrides": overrides(override),
            "ensemble": ensemble,
            "folds": folds,
            "promotion": promotion.value,
            "at_once": at_once,
            "ask": False,
        }
        _backfill(params, yes, here, as_json)


def _backfill(params: Mapping[str, object], yes: bool, here: bool, as_json: bool) -> None:
    from meli_tasks.backfill.planning import preview_backfill
    from meli_tasks.backfill.report import report
    from meli_tasks.backfill.request import Backfill
    from meli_tasks.cli import backfill_runs
    from meli_tasks.local_run import new_run_id
    from meli_tasks.settings import Settings

    settings = Settings.from_environment()
    request = Backfill.check(params, settings)
    store = settings.open_store()
    api = None if here else backfill_runs.airflow(settings)
    preview = preview_backfill(request, settings, store, new_run_id(), in_airflow=api is not None)
    if not as_json:
        _show(preview)
    if not preview.runs:
        found = report(preview, store, set())
    else:
        if not yes:
            where = f"in Airflow at {api.url}" if api else "in this process"
            need_confirmation(f"Run {count(len(preview.runs), 'date')} {where}?", "Nothing was started.")
        if api:
            found = backfill_runs.in_airflow(api, request, store, quiet=as_json)
        else:
            found = backfill_runs.in_this_process(preview, settings, store, quiet=as_json)
    if as_json:
        print_json({"preview": preview.to_json(), "report": found.to_json()})
    else:
        _conclude(found)
    if found.state == "failed":
        for failure in found.failures:
            complain(failure)
        raise typer.Exit(1)


def _show(preview: BackfillPreview) -> None:
    from rich.text import Text

    from meli_tasks.terminal import Column, Listing

    to_do = Column("to do", whole=False, room=24)
    columns = [Column("date"), to_do, Column("cached", justify="right", rank=2), Column("run", rank=1)]
    listing = Listing(columns)
    for day in preview.dates:
        style = "dim" if day.done or day.empty else "red" if day.problem else ""
        listing.add(Text(day.date, style="bold"), Text(day.action, style=style), str(day.cached), day.run_id)
    console = out()
    console.print(listing)
    for warning in preview.warnings:
        warn(warning)
    console.print(f"{preview.summary()}.", markup=False)


def _conclude(found: BackfillReport) -> None:
    from rich.text import Text

    from meli_tasks.terminal import Column, Listing

    # The failure of a whole date has no model name. A model that failed on every date still gets a column.
    models = list(dict.fromkeys(name for day in found.dates for name in [*day.scores, *day.failed] if name))
    columns = [Column("date", style="bold"), Column("state"), *(Column(name, justify="right") for name in models)]
    listing = Listing(columns, "balanced accuracy")
    for day in found.dates:
        best = max((score.balanced_accuracy for score in day.scores.values()), default=None)
        cells = []
        for name in models:
            if name in day.scores:
                accuracy = day.scores[name].balanced_accuracy
                cells.append(Text(f"{accuracy:.4f}", style="bold" if accuracy == best else ""))
            else:
                cells.append(Text("failed", style="red") if name in day.failed else Text("-", style="dim"))
        listing.add(day.date, day.state, *cells)
    console = out()
    console.print(listing)
    for day in found.dates:
        if day.note:
            warn(f"{day.date}: {day.note}")
    console.print(f"{found.summary()}. Backfill {found.id}", markup=False)


def _cancel(backfill_id: str, as_json: bool) -> None:
    from meli_tasks.cli import backfill_runs
    from meli_tasks.settings import Settings

    ended = backfill_runs.cancel(backfill_runs.airflow(Settings.from_environment()), backfill_id)
    if as_json:
        print_json({"id": backfill_id, "ended": ended})
    else:
        stopped = f"Stopped {', '.join(ended)}" if ended else "No run was in progress that it alone waits for"
        out().print(f"Cancelled {backfill_id}. {stopped}.", markup=False)


def _list(as_json: bool) -> None:
    from meli_tasks.artifacts.reading import LenientReader, warning
    from meli_tasks.backfill.preview import backfills
    from meli_tasks.settings import Settings

    store = Settings.from_environment().open_store()
    reader = LenientReader(store)
    rows = [_row(store, preview, reader) for preview in backfills(store, reader)]
    if message := warning(store, reader.skipped):
        warn(message)
    if as_json:
        print_json({"backfills": [asdict(row) for row in rows], "skipped": reader.skipped})
        return
    if not rows:
        out().print(f"There are no backfills in {store.url} yet.", markup=False)
        return
    from meli_tasks.terminal import Column, Listing

    columns = [
        Column("at", rank=3),
        Column("id"),
        Column("dates", whole=False, rank=2),
        Column("sets", whole=False, room=16, rank=1),
        Column("state", whole=False, room=16),
    ]
    listing = Listing(columns, "backfills, newest first")
    for row in rows:
        dates = f"{row.from_date} to {row.to_date} ({row.dates})"
        cells = (row.at[:16].replace("T", " "), row.id, dates, ", ".join(row.sets), row.state)
        listing.add(*cells)
    out().print(listing)


def _row(store: Store, preview: BackfillPreview, reader: LenientReader) -> BackfillRow:
    from meli_tasks.artifacts import paths
    from meli_tasks.backfill.report import BackfillReport

    name = paths.backfill_report(preview.id)
    report = reader.attempt(name, lambda: BackfillReport.load(store, preview.id))
    unreadable = any(skipped.name == name for skipped in reader.skipped)
    missing = "the report cannot be read" if unreadable else "no report: running, waiting for approval, or cancelled"
    request = preview.request
    return BackfillRow(
        id=preview.id,
        at=preview.at,
        from_date=str(request.from_date),
        to_date=str(request.to_date),
        dates=len(preview.dates),
        sets=list(request.sets),
        overrides=request.overrides,
        state=report.state if report else missing,
        failures=report.failures if report else [],
    )
