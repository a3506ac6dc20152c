"""`meli champion` and `meli rollback`: show the promoted model, now or on a date, and restore an earlier one."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from meli_tasks.cli.console import Json, need_confirmation, out, print_json, table, warn
from meli_tasks.cli.options import Yes
from meli_tasks.cli.parsing import date_or_time
from meli_tasks.core.errors import NotFound, Unreachable
from meli_tasks.wording import duration

if TYPE_CHECKING:
    from meli_tasks.artifacts.manifest import Manifest
    from meli_tasks.decision import Champion, Decision
    from meli_tasks.ledger import Ledger
    from meli_tasks.settings import Settings

EXAMPLES = ("meli champion", "meli champion --on 2026-11-01", "meli champion --json")
ROLLBACK_EXAMPLES = (
    "meli rollback",
    "meli rollback --to 12 --yes",
    'meli rollback --yes --reason "recall of PHONES fell"',
)
UNCHANGED = "Nothing was changed."


@dataclass(frozen=True)
class Description:
    """A champion with the decision that promoted or restored it, and its model if the store still has it."""

    champion: Champion
    decision: Decision
    model: Manifest | None

    @property
    def megabytes(self) -> float | None:
        """Size of the model's files."""
        return round(sum(file.bytes for file in self.model.outputs.values()) / 1e6, 3) if self.model else None

    @property
    def members(self) -> Mapping[str, float]:
        """Weights of the members of an ensemble; empty for a single model."""
        from meli_tasks.stages.summaries import EnsembleSummary

        return self.model.read_summary(EnsembleSummary).weights if self.model else {}

    def to_json(self) -> dict[str, object]:
        """Return plain values, as `meli champion --json` prints them."""
        fields: dict[str, object] = self.champion.model_dump(mode="json") | {"figure": self.champion.figure}
        shown = {"number", "at", "action", "reason", "by", "approval"}
        fields["decision"] = self.decision.model_dump(mode="json", include=shown)
        model = self.model
        trained = (
            {"at": model.about.get("at"), "seconds": model.seconds, "git": model.about.get("git")} if model else None
        )
        return fields | {
            "trained": trained,
            "params": model.params if model else None,
            "members": self.members,
            "megabytes": self.megabytes,
        }


def champion(
    on: Annotated[
        date | None,
        typer.Option(
            metavar="DATE",
            parser=date_or_time,
            help="Show the champion at the end of this day, or at this time (2026-11-20T14:30), in UTC. A time may "
            "have an offset: 2026-11-20T14:30-03:00.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the champion: its hyperparameter set, its scores, the run that promoted it, and the reason.

    Without `--on`, it also brings MLflow up to date: the registered model's alias, and what MLflow missed while it was
    down. A note on stderr says what was repaired, or that MLflow could not be reached.
    """
    from meli_tasks.champion import champion_model
    from meli_tasks.ledger import Ledger
    from meli_tasks.settings import Settings

    settings = Settings.from_environment()
    store = settings.open_store()
    ledger = Ledger(store)
    decision = ledger.last() if on is None else ledger.decision_on(on)
    found = champion_model(ledger, decision)
    if decision is None or found is None:
        when = f"on {on.isoformat()}" if on else "yet"
        raise NotFound(f"There was no champion {when} in {store.url}. `meli run all` trains and promotes one.")
    if found.problem:
        warn(found.problem)
    description = Description(found.champion, ledger.made_champion(decision), found.model)
    if as_json:
        print_json(description.to_json())
    else:
        _show(description)
    if on is None and settings.mlflow_uri:
        _bring_mlflow_up_to_date(settings, ledger)


def _bring_mlflow_up_to_date(settings: Settings, ledger: Ledger) -> None:
    """Repair what MLflow has of the ledger, and say what was repaired or could not be."""
    from meli_tasks.tracking.registry import Registry

    for note in Registry.quick(settings, ledger.store, ledger).repair().notes:
        warn(note)


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
    request: Annotated[
        str,
        typer.Option(
            "--request",
            metavar="ID",
            help="Repeat a request whose answer was lost, by the id that its message named: it is done once.",
            show_default=False,
        ),
    ] = "",
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
    last = Ledger(store).last()
    now = last.champion if last else None
    if now and not yes:
        need_confirmation(
            f"The champion is {now.set_name} ({now.train[:8]}). "
            f"Restore {f'the champion of decision {to}' if to else 'the previous one'}?",
            UNCHANGED,
        )
    registry = Registry(store, Tracking.of(settings, store))
    sent = request or uuid4().hex[:12]
    try:
        decision = registry.rollback(
            by=getpass.getuser(), to=to, reason=reason, expected_last=last.number if last else None, request=sent
        )
    except Unreachable as error:
        again = f"meli rollback{f' --to {to}' if to else ''} --request {sent}"
        raise Unreachable(f"{error} `{again}` tries again, and does nothing twice.") from error
    print_decision(decision, as_json)


def print_decision(decision: Decision, as_json: bool) -> None:
    """Print a decision that made a model the champion, or restored one."""
    if as_json:
        print_json(decision.model_dump(mode="json"))
        return
    champion, again = decision.champion, " again" if decision.action == "rollback" else ""
    assert champion is not None
    out().print(
        f"The champion is {champion.set_name} ({champion.train[:8]}){again}: decision {decision.number}, "
        f"{decision.reason}.",
        markup=False,
    )


def _titles_of(champion: Champion) -> str:
    """On which titles a champion was evaluated by the run that promoted it."""
    from meli_tasks.core.stage_parameters import TEST_SPLIT

    if champion.folds == TEST_SPLIT:
        return "on the test split of its run, by a model trained without it; trained on the test titles too"
    if champion.folds:
        return f"cross-validated over {champion.folds} folds of its run's titles; trained on all of them"
    return "on the test split of its run"


def _show(found: Description) -> None:
    from rich.text import Text

    from meli_tasks.tracking.fields import members_text

    champion, decision, model = found.champion, found.decision, found.model
    low, high = champion.interval
    lines = [
        ("set", champion.set_name),
        ("model", champion.train),
        ("sha256", champion.sha256),
        (
            "balanced accuracy",
            f"{champion.described_figure}; 95 % interval {low:.4f} to {high:.4f}, {_titles_of(champion)}",
        ),
        ("run", champion.run_id),
        ("titles as of", champion.as_of),
        ("fingerprint", champion.fingerprint),
    ]
    if model:
        at, git = model.about.get("at"), model.about.get("git") or "-"
        lines.append(("trained", f"{at} in {duration(model.seconds)}, {found.megabytes} MB; git {git}"))
        lines.append(("members", members_text(found.members)))
    about = f"{decision.action} on {decision.at:%Y-%m-%d %H:%M} by {decision.by}: {decision.reason}"
    lines.append((f"decision {decision.number}", about))
    listing = table("champion", header=False)
    listing.add_column(style="bold", no_wrap=True)
    listing.add_column(overflow="fold")
    for name, value in lines:
        if value:
            listing.add_row(name, Text(str(value)))
    out().print(listing)
