"""A whole batch on this machine: plan, score every part, merge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from meli_tasks.scoring.planning import plan_batch, remaining
from meli_tasks.scoring.records import BatchPlan, BatchRecord
from meli_tasks.scoring.request import BatchRequest
from meli_tasks.scoring.scoring import Scorer, merge
from meli_tasks.settings import Settings
from meli_tasks.store import Store
from meli_tasks.wording import count


@dataclass(frozen=True)
class Scored:
    """What a batch found, and how many of its parts had been scored before."""

    record: BatchRecord
    reused: int


def score_here(
    request: BatchRequest,
    settings: Settings,
    store: Store,
    as_of: date,
    report: Callable[[BatchPlan, int], None] = lambda plan, index: None,
) -> Scored:
    """Score a batch in this process.

    Args:
        request: What to score.
        settings: For the source, the cache and the output.
        store: Where the model is, and where the results go.
        as_of: The date.
        report: Called before each part that is scored.
    """
    plan = plan_batch(request, settings, store, as_of)
    scorer = Scorer(settings, store, plan)
    missing = remaining(plan, settings, store)
    problems = {}
    for index in missing:
        report(plan, index)
        if problem := scorer.score(index):
            problems[index] = problem
    return Scored(merge(plan, settings, store, problems), len(plan.parts) - len(missing))


def score_parts(settings: Settings, store: Store, batch_id: str, indices: Sequence[int]) -> dict[str, str]:
    """Score some parts of a planned batch; those that were scored before are only copied.

    Returns:
        Why parts could not be scored, by their index as JSON writes it; none if all were.
    """
    scorer = Scorer(settings, store, BatchPlan.load(store, batch_id))
    problems = {str(index): scorer.score(index) for index in indices}
    return {index: problem for index, problem in problems.items() if problem}


def summary(record: BatchRecord) -> str:
    """A batch in one sentence."""
    text = f"{count(record.rows, 'row')} in {count(len(record.parts), 'part')} by {record.model_name}"
    found = {
        "unusable": record.bad_rows,
        "without a known word": record.unknown_rows,
        f"below a probability of {record.abstain_below:g}": record.abstained,
    }
    parts = [f"{rows:,} {what}" for what, rows in found.items() if rows]
    return f"{text}: {', '.join(parts)}." if parts else f"{text}."
