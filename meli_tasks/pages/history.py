"""The promotion history: a line for each decision, but a single one for a run that was cleared and kept again."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from meli_tasks.decision import Decision
from meli_tasks.decision_rows import Decisions, IndexedDecision
from meli_tasks.pages.champion import decision_row
from meli_tasks.pages.models import DecisionRow, PageModel


class HistoryRow(DecisionRow):
    """A line of the promotion history, with the decisions that repeat it."""

    again: list[DecisionRow] = Field(
        default_factory=list,
        description="further decisions of the same run that kept the champion it left, the newest first",
    )


class HistoryPage(PageModel):
    """The newest lines of the promotion history, how many there are, and how many decisions they hold."""

    all: int
    decided: int = Field(description="decisions in the ledger that can be read")
    decisions: list[HistoryRow]


def history(decisions: Decisions, limit: int) -> HistoryPage:
    """The newest lines of the promotion history.

    Args:
        decisions: What can be read of the ledger, oldest first.
        limit: The most lines to return.
    """
    lines = _lines(decisions.rows)
    newest = [_row([row.decision for row in line]) for line in reversed(lines[-limit:])]
    return HistoryPage(all=len(lines), decided=len(decisions), decisions=newest)


def _lines(rows: Sequence[IndexedDecision]) -> list[list[IndexedDecision]]:
    """The decisions of each line, oldest first.

    A run that is cleared and keeps the champion a second time has no news, but its entry stays in the ledger. That is
    so as long as nothing but keeps lies between: then both are about the same champion.
    """
    lines: list[list[IndexedDecision]] = []
    since_champion: dict[str, list[IndexedDecision]] = {}
    for row in rows:
        line = since_champion.get(row.plan) if row.plan and row.action == "keep" else None
        if line is not None:
            line.append(row)
            continue
        if row.action != "keep":
            since_champion = {}
        line = [row]
        lines.append(line)
        if row.plan:
            since_champion[row.plan] = line
    return lines


def _row(line: Sequence[Decision]) -> HistoryRow:
    """A line is about the decision that changed the champion, or else about the newest one."""
    head = line[0] if line[0].action != "keep" else line[-1]
    again = [decision_row(decision) for decision in reversed(line) if decision is not head]
    return HistoryRow(**dict(decision_row(head)), again=again)
