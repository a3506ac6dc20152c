"""`meli champion` and `meli rollback`: show the promoted model, now or on a date, and restore an earlier one."""

from __future__ import annotations

import getpass
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from meli_tasks.cli.console import Json, out, print_json
from meli_tasks.cli.options import Yes
from meli_tasks.core.errors import NotFound
from meli_tasks.wording import duration

if TYPE_CHECKING:
    from meli_tasks.ledger import Champion, Decision, Ledger
    from meli_tasks.store import Store

EXAMPLES = ("meli champion", "meli champion --on 2026-11-01", "meli champion --json")
ROLLBACK_EXAMPLES = (
    "meli rollback",
    "meli rollback --to 12 --yes",
    'meli rollback --yes --reason "recall of PHONES fell"',
)


def champion(
    on: Annotated[
        datetime | None,
        typer.Option(
            metavar="DATE",
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"],
            help="Show the champion at the end of this day, or at this time (2026-11-20T14:30), in UTC.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the champion: its hyperparameter set, its scores, the run that promoted it, and the reason."""
    from meli_tasks.ledger import Ledger
    from meli_tasks.settings import Settings

    store = Settings.from_environment().open_store()
    ledger = Ledger(store)
    whole_day = on is not None and (on.hour, on.minute) == (0, 0)
    found = ledger.champion() if on is None else ledger.champion_on(on.date() if whole_day else on)
    if found is None:
        when = f"on {on:%Y-%m-%d}" if on else "yet"
        raise NotFound(f"There was no champion {when} in {store.url}. `meli run all` trains and promotes one.")
    card = _describe(store, ledger, found)
    if as_json:
        print_json(card)
    else:
        _show(card)


def rollback(
    to: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="NUMBER",
            help="Restore the champion that this decision made; `meli runs` lists the decisions. Default: the previous "
            "champion.",
            show_default=False,
        ),
    ] = None,
    yes: Yes = False,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Reason, stored with the decision.")] = "",
    as_json: Json = False,
) -> None:
    """Restore an earlier champion: the previous one, or the one of a given decision. The MLflow alias follows.

    Nothing is deleted: a rollback is itself a decision, and a second `meli rollback` goes back one more champion.
    """
    from meli_tasks.ledger import Ledger
    from meli_tasks.settings import Settings
    from meli_tasks.tracking.outbox import Tracking
    from meli_tasks.tracking.registry import Registry

    settings = Settings.from_environment()
    store = settings.open_store()
    now = Ledger(store).champion()
    if now and not yes:
        _confirm(
            f"The champion is {now.set_name} ({now.train[:8]}). "
            f"Restore {f'the champion of decision {to}' if to else 'the previous one'}?"
        )
    registry = Registry(store, Tracking(settings.mlflow_uri, store, settings.mlflow_pages))
    decision = registry.rollback(by=getpass.getuser(), to=to, reason=reason)
    if as_json:
        print_json(decision.model_dump(mode="json"))
        return
    assert decision.champion is not None
    out().print(
        f"The champion is {decision.champion.set_name} ({decision.champion.train[:8]}) again: "
        f"decision {decision.number}, {decision.reason}.",
        markup=False,
    )


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise typer.BadParameter("there is no terminal to ask for confirmation; add --yes.")
    if not typer.confirm(question):
        typer.echo("Nothing was changed.", err=True)
        raise typer.Exit(1)


def _describe(store: Store, ledger: Ledger, found: Champion) -> dict[str, Any]:
    from meli_tasks.artifacts.manifest import find_model

    decision = next((d for d in reversed(ledger.decisions()) if d.champion == found and d.action != "keep"), None)
    manifest = find_model(store, found.train)
    return {
        **found.model_dump(mode="json"),
        "decision": _fields(decision) if decision else None,
        "trained": {"at": manifest.about.get("at"), "seconds": manifest.seconds, "git": manifest.about.get("git")}
        if manifest
        else None,
        "params": manifest.params if manifest else None,
        "members": manifest.summary.get("weights", {}) if manifest else {},
        "megabytes": round(sum(output.bytes for output in manifest.outputs.values()) / 1e6, 3) if manifest else None,
    }


def _fields(decision: Decision) -> dict[str, Any]:
    return decision.model_dump(mode="json", include={"number", "at", "action", "reason", "by"})


def _show(card: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    from meli_tasks.tracking.fields import members_text

    low, high = card["interval"]
    lines = [
        ("set", card["set_name"]),
        ("model", card["train"]),
        (
            "balanced accuracy",
            f"{card['balanced_accuracy']:.4f} ({low:.4f} to {high:.4f}) on the test split of its run",
        ),
        ("run", card["run_id"]),
        ("titles as of", card["as_of"]),
        ("fingerprint", card["fingerprint"]),
    ]
    if trained := card["trained"]:
        lines.append(
            (
                "trained",
                f"{trained['at']} in {duration(trained['seconds'])}, {card['megabytes']} MB; "
                f"git {trained['git'] or '-'}",
            )
        )
    if card["members"]:
        lines.append(("members", members_text(card["members"])))
    if decision := card["decision"]:
        lines.append(
            (
                f"decision {decision['number']}",
                f"{decision['action']} on {decision['at'][:16]} by {decision['by']}: {decision['reason']}",
            )
        )
    table = Table(title="champion", title_justify="left", box=None, show_header=False, pad_edge=False, padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in lines:
        if value:
            table.add_row(name, Text(str(value)))
    out().print(table)
