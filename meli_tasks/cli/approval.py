"""The question of `meli run` whether a model becomes champion, for runs that leave that to a person."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from meli_tasks.cli.console import err, warn
from meli_tasks.wording import printable

if TYPE_CHECKING:
    from meli_tasks.approval import Approval
    from meli_tasks.planning.plan import Plan
    from meli_tasks.planning.verdict import Verdict


@dataclass(frozen=True)
class PromotionQuestion:
    """Asks the person at the terminal.

    Attributes:
        yes: Whether the command line already approves.
        pause: A context in which the terminal shows no progress.
    """

    yes: bool
    pause: Callable[[], AbstractContextManager[None]]

    def __call__(self, plan: Plan, decided: Verdict) -> Approval | None:
        """Return the answer; None if there is no terminal to ask."""
        if self.yes:
            return _answer(approved=True, reason="--yes")
        if not sys.stdin.isatty():
            from meli_tasks.artifacts import paths

            model = paths.model_id(plan.name, decided.nominated or "")
            warn(
                f"{decided.question} There is no terminal to ask on, so the champion stays. To promote the model, run "
                f'`meli promote {model} --reason "WHY"`, or this command again with --yes.'
            )
            return None

        from rich.markdown import Markdown

        with self.pause():
            console = err()
            console.rule(printable(decided.question))
            console.print(Markdown(decided.evidence))
            console.print()
            approved = typer.confirm(printable(decided.question), err=True)
            reason = typer.prompt("Reason", default="", show_default=False, err=True)
        return _answer(approved=approved, reason=reason)


def _answer(*, approved: bool, reason: str) -> Approval:
    from meli_tasks.approval import Approval

    return Approval(by=getpass.getuser(), at=datetime.now(UTC), approved=approved, reason=reason)
