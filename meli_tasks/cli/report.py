"""`meli report`: the report of a run as an HTML file."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from meli_tasks.cli import completion
from meli_tasks.cli.console import Json, out, print_json, warn
from meli_tasks.cli.options import file_to_write

if TYPE_CHECKING:
    from meli_tasks.planning.plan import Plan
    from meli_tasks.settings import Settings
    from meli_tasks.store import Store

EXAMPLES = (
    "meli report latest",
    "meli report scheduled__2026-11-20T03:00:00+00:00 --output report.html",
    "meli report latest --open",
)


def report(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="ID of the run, or `latest`; `meli runs` lists the runs.",
            autocompletion=completion.runs,
        ),
    ] = "latest",
    output: Annotated[Path | None, file_to_write("File to write. Default: report-RUN.html in this folder.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Write the report again, even if the store has one.")] = False,
    open_it: Annotated[bool, typer.Option("--open", help="Open the report in the browser.")] = False,
    as_json: Json = False,
) -> None:
    """Write the report of a run as one HTML file, which needs no network: the verdict and all the figures behind it.

    A report that the run has already stored is copied; otherwise it is made from what the store holds, and stored. What
    was deleted is named in the report.
    """
    from meli_tasks.artifacts import paths
    from meli_tasks.disk import atomic_write
    from meli_tasks.planning.history import find_run
    from meli_tasks.report import headline_of, load_report
    from meli_tasks.settings import Settings

    settings = Settings.from_environment()
    store = settings.open_store()
    plan = find_run(store, run)
    html = (None if fresh else load_report(store, plan.name)) or _make(settings, store, plan)
    path = output or Path(f"report-{paths.name_part(plan.run_id)}.html")
    with atomic_write(path) as part:
        part.write_bytes(html)
    verdict = headline_of(store, plan)
    if as_json:
        print_json(
            {"run_id": plan.run_id, "plan": plan.name, "file": str(path), "bytes": len(html), "verdict": verdict}
        )
    else:
        out().print(f"{path}", markup=False)
        out().print(verdict, markup=False)
    if open_it and not webbrowser.open(path.absolute().as_uri()):
        warn(f"No browser could be started; open {path} yourself.")


def _make(settings: Settings, store: Store, plan: Plan) -> bytes:
    """Make the report, and keep it in the store and in MLflow, if they can be written."""
    from meli_tasks.artifacts import paths
    from meli_tasks.artifacts.reading import write
    from meli_tasks.core.errors import Rejected, Unreachable
    from meli_tasks.report import load_report, make_report, pruned_on
    from meli_tasks.tracking.outbox import Tracking

    stored = load_report(store, plan.name)
    if stored is not None and (pruned := pruned_on(store, plan)):
        warn(f"The report stays as it is: the run was pruned on {pruned[:10]}, so a new one would lack figures.")
        return stored
    html = make_report(store, plan.name)
    try:
        write(store, paths.report(plan.name), html)
        Tracking.of(settings, store).report(plan)
    except (Rejected, Unreachable) as error:  # whoever may only read the store gets the file all the same
        warn(f"The report was not stored: {error}")
    return html
