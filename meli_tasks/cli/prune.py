"""`meli prune` and `meli pin`: delete what nothing needs any more, and keep a run's results for good."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from meli_tasks.cli import completion
from meli_tasks.cli.console import Json, echo, need_confirmation, out, print_json, table, warn
from meli_tasks.cli.options import Yes
from meli_tasks.wording import count

if TYPE_CHECKING:
    from meli_tasks.pruning.candidates import Candidate
    from meli_tasks.pruning.prune import Found, Outcome

EXAMPLES = (
    "meli prune",
    "meli prune --delete",
    "meli prune --keep-runs 10 --keep-days 7 --delete --yes",
    "meli prune --most-gb 20 --delete --yes",
)
PIN_EXAMPLES = ("meli pin latest", 'meli pin scheduled__2026-11-20T03:00:00+00:00 --reason "audit"', "meli pin --json")


def prune(  # noqa: PLR0917
    keep_runs: Annotated[
        int | None,
        typer.Option(min=1, metavar="NUMBER", help="Newest runs to keep. Default: MELI_PRUNE_KEEP_RUNS."),
    ] = None,
    keep_days: Annotated[
        int | None,
        typer.Option(min=0, metavar="DAYS", help="Days whose runs are kept. Default: MELI_PRUNE_KEEP_DAYS."),
    ] = None,
    keep_versions: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="NUMBER", help="Newest models of each set to keep. Default: MELI_PRUNE_KEEP_VERSIONS."
        ),
    ] = None,
    most_gb: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="GB",
            help="Delete at most this much, the oldest first. Default: no limit.",
            show_default=False,
        ),
    ] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Delete it. Without this, nothing is changed.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Show what nothing needs any more in the store and in this machine's work folders, by kind, or delete it.

    Kept are the newest runs, the models of all champions there ever were and what their promotions rest on, registered
    versions, pinned and unfinished runs, the newest models of each set, and whatever was written or reused within three
    days. Plans, figures, reports, decisions and notes of all runs stay, so pruned runs are still listed and compared.

    It is safe while runs are writing. Exits with code 1 if something could not be deleted.
    """
    from meli_tasks.pruning.nightly import open_prune, rules_of
    from meli_tasks.settings import Settings

    settings = Settings.from_environment()
    rules = rules_of(settings, keep_runs=keep_runs, keep_days=keep_days, keep_versions=keep_versions, gigabytes=most_gb)
    pruning = open_prune(settings, rules, by=getpass.getuser())
    if not delete:
        found = pruning.find()
        if as_json:
            print_json(_document(found, None))
        else:
            _show(found)
            if found.candidates:
                echo("This was a dry run. `meli prune --delete` deletes it.")
        return
    if not yes:
        found = pruning.find()
        _show(found)
        if not found.candidates:
            return
        question = f"Delete {count(len(found.candidates), 'item')}, {_megabytes(found.bytes)}?"
        need_confirmation(question, "Nothing was deleted.")
    found, outcome = pruning.run()
    if as_json:
        print_json(_document(found, outcome))
    else:
        _show_outcome(outcome)
    if outcome.failed:
        raise typer.Exit(1)


def pin(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]",
            help="ID of the run, or `latest`; `meli runs` lists the runs. Without it, the pinned runs are listed.",
            autocompletion=completion.runs,
            show_default=False,
        ),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the pin: the run is pruned like any other.")] = False,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, for whoever finds the pin.")] = "",
    as_json: Json = False,
) -> None:
    """Keep everything that a run computed, whatever its age: `meli prune` deletes nothing that a pinned run needs."""
    from meli_tasks.artifacts.reading import LenientReader
    from meli_tasks.planning.history import find_run
    from meli_tasks.pruning import pins
    from meli_tasks.settings import Settings

    store = Settings.from_environment().open_store()
    if run is None:
        reader = LenientReader(store)
        found = pins.pins(store, reader)
        reader.warn()
        if as_json:
            print_json([each.model_dump(mode="json") for each in found])
        for each in found if not as_json else ():
            echo(f"{each.run_id}  {each.at:%Y-%m-%d} by {each.by}{f': {each.reason}' if each.reason else ''}")
        if not found and not as_json:
            echo(f"No run in {store.url} is pinned.")
        return
    if remove:
        pins.unpin(store, run)
        print_json({"run_id": run, "pinned": False}) if as_json else echo(f"{run} is no longer pinned.")
        return
    plan = find_run(store, run)
    made, pruned = pins.pin(store, plan, getpass.getuser(), reason)
    if pruned:
        warn(f"{count(pruned, 'artifact')} of the run had been pruned before. Running it again computes them again.")
    print_json(made.model_dump(mode="json")) if as_json else echo(f"{plan.run_id} is pinned.")


def _show(found: Found) -> None:
    from meli_tasks.pruning.prune import totals

    console = out()
    rows = table("to delete")
    for heading in ("kind", "number", "size"):
        rows.add_column(heading, justify="left" if heading == "kind" else "right")
    for kind, (number, size) in sorted(totals(found.candidates).items(), key=lambda item: -item[1][1]):
        rows.add_row(kind, f"{number:,}", _megabytes(size))
    if found.candidates:
        rows.add_row("together", f"{len(found.candidates):,}", _megabytes(found.bytes))
        console.print(rows)
    else:
        echo("There is nothing to delete.")
    stored = sum(size for _, size in found.stored.values())
    reasons = ", ".join(f"{number} {reason}" for reason, number in sorted(found.kept.reasons.items()))
    echo(f"The store has {_megabytes(stored)}. Runs that are kept whole: {reasons or 'none'}.")
    if found.over_limit:
        left = sum(each.bytes for each in found.over_limit)
        echo(f"{count(len(found.over_limit), 'more item')}, {_megabytes(left)}, is over the limit and left for later.")


def _show_outcome(outcome: Outcome) -> None:
    echo(f"Deleted {count(len(outcome.deleted), 'item')}, {_megabytes(outcome.bytes)}.")
    if outcome.in_use:
        echo(f"{count(len(outcome.in_use), 'item')} stayed, because a run has used it meanwhile.")
    for name, problem in outcome.failed.items():
        warn(f"{name} was not deleted: {problem}")


def _document(found: Found, outcome: Outcome | None) -> dict[str, Any]:
    from meli_tasks.pruning.prune import totals

    document: dict[str, Any] = {
        "dry_run": outcome is None,
        "to_delete": _by_kind(totals(found.candidates)),
        "bytes": found.bytes,
        "items": _names(found.candidates),
        "over_limit": _names(found.over_limit),
        "stored": _by_kind(found.stored),
        "kept_runs": found.kept.runs,
    }
    if outcome is not None:
        document |= {
            "deleted": _by_kind(totals(outcome.deleted)),
            "deleted_bytes": outcome.bytes,
            "in_use": _names(outcome.in_use),
            "failed": outcome.failed,
        }
    return document


def _names(found: Sequence[Candidate]) -> list[dict[str, object]]:
    return [{"kind": each.kind, "name": each.name, "bytes": each.bytes} for each in found]


def _by_kind(found: dict[str, tuple[int, int]]) -> dict[str, dict[str, int]]:
    return {kind: {"number": number, "bytes": size} for kind, (number, size) in sorted(found.items())}


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
