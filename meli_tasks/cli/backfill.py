"""`meli backfill`: the same sets trained on many dates, in Airflow or in this process."""

from __future__ import annotations

import sys
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from meli_tasks.cli.console import Json, complain, out, print_json, warn
from meli_tasks.cli.options import (
    DateColumn,
    Ensemble,
    KeptLanguage,
    Language,
    MaxBadShare,
    MinCategoryRows,
    Override,
    ReliableOnly,
    Sets,
    Source,
    Window,
    Yes,
    overrides,
)
from meli_tasks.wording import count

if TYPE_CHECKING:
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


class Promotion(StrEnum):
    """Whether the runs of a backfill may promote."""

    never = "never"
    always = "always"


From = Annotated[
    datetime | None,
    typer.Option("--from", metavar="DATE", formats=["%Y-%m-%d"], help="The first date.", show_default=False),
]
To = Annotated[
    datetime | None,
    typer.Option(
        "--to", metavar="DATE", formats=["%Y-%m-%d"], help="The last date, itself included.", show_default=False
    ),
]
Every = Annotated[int, typer.Option("--every", min=1, max=366, metavar="DAYS", help="Days from one date to the next.")]
AtOnce = Annotated[
    int | None,
    typer.Option(
        min=1, max=64, metavar="RUNS", help="Runs at once at most. Default: the slots of Airflow's pool backfill."
    ),
]
Cancel = Annotated[
    str, typer.Option(metavar="ID", help="End a backfill and the runs that it started.", show_default=False)
]


def backfill(  # noqa: PLR0917 options, all given by name
    from_date: From = None,
    to_date: To = None,
    every: Every = 1,
    sets: Sets = "",
    override: Override = None,
    source: Source = "",
    window_days: Window = 1,
    date_column: DateColumn = "",
    language: KeptLanguage = Language.any,
    reliable_only: ReliableOnly = False,
    max_bad_share: MaxBadShare = None,
    min_category_rows: MinCategoryRows = None,
    ensemble: Ensemble = True,
    promotion: Annotated[
        Promotion, typer.Option(help="Measure only, or let a better model become champion, whatever its date.")
    ] = Promotion.never,
    at_once: AtOnce = None,
    yes: Yes = False,
    here: Annotated[bool, typer.Option("--here", help="Run the dates in this process, one after another.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="List the backfills, newest first.")] = False,
    cancel: Cancel = "",
    as_json: Json = False,
) -> None:
    """Train the same sets on many dates, each date a run of its own: a preview first, then a question, then the runs.

    Asked for the same again, only what is missing is computed. Nothing is promoted unless told to. Runs in the Airflow
    of MELI_AIRFLOW_URL, or with --here in this process. Exit code 1 when a date failed; it is named.
    """
    if listed:
        _list(as_json)
    elif cancel:
        _cancel(cancel, as_json)
    else:
        params = {
            "from_date": from_date.date() if from_date else None,
            "to_date": to_date.date() if to_date else None,
            "every_days": every,
            "sets": sets,
            "overrides": overrides(override or []),
            "source": source,
            "window_days": window_days,
            "date_column": date_column,
            "language": language.value,
            "reliable_only": reliable_only,
            "max_bad_share": max_bad_share,
            "min_category_rows": min_category_rows,
            "ensemble": ensemble,
            "promotion": promotion.value,
            "at_once": at_once,
            "ask": False,
        }
        _backfill(params, yes, here, as_json)


def _backfill(params: dict[str, Any], yes: bool, here: bool, as_json: bool) -> None:
    from meli_tasks.backfill.preview import look_ahead
    from meli_tasks.backfill.report import report
    from meli_tasks.backfill.request import Backfill
    from meli_tasks.cli import backfill_runs
    from meli_tasks.local_run import new_run_id
    from meli_tasks.settings import Settings

    settings = Settings.from_environment()
    asked = Backfill.check(params, settings)
    store = settings.open_store()
    api = None if here else backfill_runs.airflow(settings)
    seen = look_ahead(asked, settings, store, new_run_id())
    if not as_json:
        _show(seen)
    if not seen.runs:
        found = report(seen, store, set())
    else:
        if not yes:
            _confirm(f"Run {count(len(seen.runs), 'date')} {f'in Airflow at {api.url}' if api else 'in this process'}?")
        if api:
            found = backfill_runs.in_airflow(api, asked, store, quiet=as_json)
        else:
            found = backfill_runs.in_this_process(seen, settings, store, quiet=as_json)
    if as_json:
        from dataclasses import asdict

        print_json({"preview": asdict(seen), "report": asdict(found)})
    else:
        _conclude(found)
    if found.state == "failed":
        for failure in found.failures:
            complain(failure)
        raise typer.Exit(1)


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise typer.BadParameter("there is no terminal to ask on; add --yes.")
    if not typer.confirm(question):
        typer.echo("Nothing was run.", err=True)
        raise typer.Exit(1)


def _show(seen: BackfillPreview) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2))
    for column in ("date", "will", "already there", "run"):
        table.add_column(column, overflow="fold", justify="right" if column == "already there" else "left")
    for day in seen.dates:
        style = "red" if day.problem else "dim" if day.done else ""
        table.add_row(Text(day.date, style="bold"), Text(day.will, style=style), str(day.cached), Text(day.run_id))
    console = out()
    console.print(table)
    for warning in seen.warnings:
        warn(warning)
    console.print(f"{seen.summary()}.", markup=False)


def _conclude(found: BackfillReport) -> None:
    from rich.table import Table
    from rich.text import Text

    # What failed under "" failed for the whole date; a model that failed on every date has a column too.
    models = list(dict.fromkeys(name for day in found.dates for name in [*day.scores, *day.failed] if name))
    table = Table(title="balanced accuracy", title_justify="left", box=None, pad_edge=False, padding=(0, 2))
    table.add_column("date", style="bold")
    table.add_column("state")
    for name in models:
        table.add_column(name, justify="right")
    for day in found.dates:
        best = max((score["balanced_accuracy"] for score in day.scores.values()), default=None)
        cells = []
        for name in models:
            if name in day.scores:
                accuracy = day.scores[name]["balanced_accuracy"]
                cells.append(Text(f"{accuracy:.4f}", style="bold green" if accuracy == best else ""))
            else:
                cells.append(Text("failed", style="red") if name in day.failed else Text("-", style="dim"))
        table.add_row(day.date, day.state, *cells)
    console = out()
    console.print(table)
    console.print(f"{found.summary()}. Backfill {found.id}", markup=False)


def _cancel(backfill_id: str, as_json: bool) -> None:
    from meli_tasks.cli import backfill_runs
    from meli_tasks.settings import Settings

    ended = backfill_runs.cancel(backfill_runs.airflow(Settings.from_environment()), backfill_id)
    if as_json:
        print_json({"id": backfill_id, "ended": ended})
    else:
        out().print(f"Cancelled {backfill_id}; ended {', '.join(ended) or 'no runs: none went on'}.", markup=False)


def _list(as_json: bool) -> None:
    from meli_tasks.backfill.preview import backfills
    from meli_tasks.settings import Settings

    store = Settings.from_environment().open_store()
    told = [_told(store, seen) for seen in backfills(store)]
    if as_json:
        print_json({"backfills": told})
        return
    if not told:
        out().print(f"No backfills in {store.url} yet.", markup=False)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(title="backfills, newest first", title_justify="left", box=None, pad_edge=False, padding=(0, 2))
    for column in ("at", "id", "dates", "sets", "state"):
        table.add_column(column, overflow="fold")
    for line in told:
        dates = f"{line['from_date']} to {line['to_date']} ({line['dates']})"
        cells = (line["at"][:16].replace("T", " "), line["id"], dates, ", ".join(line["sets"]), line["state"])
        table.add_row(*(Text(cell) for cell in cells))
    out().print(table)


def _told(store: Store, seen: BackfillPreview) -> dict[str, Any]:
    from meli_tasks.backfill.report import BackfillReport

    found = BackfillReport.load(store, seen.id)
    return {
        "id": seen.id,
        "at": seen.at,
        "from_date": seen.asked["from_date"],
        "to_date": seen.asked["to_date"],
        "dates": len(seen.dates),
        "sets": seen.asked["sets"],
        "overrides": seen.asked["overrides"],
        "state": found.state if found else "no report: it goes on, waits for approval, or was cancelled",
        "failures": found.failures if found else [],
    }
