"""A whole batch on this machine: plan, score every part, merge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from meli_tasks.scoring.planning import plan_batch, remaining
from meli_tasks.scoring.records import BatchPlan, BatchRecord
from meli_tasks.scoring.request import BatchRequest
from meli_tasks.scoring.scoring import Scorer, merge
from meli_tasks.settings import Settings
from meli_tasks.store import Store


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
    missing = remaining(plan, store)
    problems = {}
    for index in missing:
        report(plan, index)
        if problem := scorer.score(index):
            problems[index] = problem
    return Scored(merge(plan, settings, store, problems), len(plan.parts) - len(missing))
