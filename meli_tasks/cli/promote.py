"""`meli promote`: make a model that a run has evaluated the champion, by hand."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from meli_tasks.cli.champion import UNCHANGED, print_decision
from meli_tasks.cli.console import Json, need_confirmation
from meli_tasks.cli.options import Yes

EXAMPLES = (
    'meli promote 3f2a91c4 --reason "better on the categories that matter this week"',
    'meli promote manual__2026-11-28/1f2e3d4c5b6a/cnn --yes --reason "approved in the review"',
)


def promote(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="The model's key or its beginning, or KEY@SHA256 for one attempt, whose newest evaluation counts; or "
            "RUN/HASH/SET, as the pages name a model of a run.",
        ),
    ],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Reason, stored with the decision.")],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Make a model the champion by hand. A run must have evaluated it: that evaluation is stored as the evidence.

    No gate is applied. The next run compares its models with this champion; `meli rollback` restores the previous one.
    """
    from meli_tasks.ledger import Ledger
    from meli_tasks.prediction.models import find_model
    from meli_tasks.settings import Settings
    from meli_tasks.tracking.by_hand import checked_reason, find_evaluated, promote_by_hand
    from meli_tasks.tracking.outbox import Tracking
    from meli_tasks.tracking.registry import Registry

    reason = checked_reason(reason)
    settings = Settings.from_environment()
    store = settings.open_store()
    last = Ledger(store).last()
    name = model if "/" in model else str(find_model(store, key=model).manifest.ref)
    found = find_evaluated(store, name)
    if not yes:
        now = last.champion if last else None
        figure = f"{found.evaluation.balanced_accuracy:.4f} in the run {found.plan.run_id}"
        current = f"The champion is {now.set_name} ({now.train[:8]})" if now else "There is no champion"
        question = f"{current}. Promote {found.label} ({found.ref.key[:8]}), balanced accuracy {figure}?"
        need_confirmation(question, UNCHANGED)
    registry = Registry(store, Tracking.of(settings, store))
    decision = promote_by_hand(
        registry, found, by=getpass.getuser(), reason=reason, expected=last.number if last else 0
    )
    print_decision(decision, as_json)
