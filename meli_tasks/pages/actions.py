"""What a person can change from the pages: promote a model, or roll back. Whether they may is checked before."""

from __future__ import annotations

from pydantic import Field

from meli_tasks.core.errors import NotFound, TrackingUnavailable
from meli_tasks.decision import Decision
from meli_tasks.pages.champion import decision_row
from meli_tasks.pages.models import DecisionRow, PageModel
from meli_tasks.pages.predicting import able_to_load
from meli_tasks.tracking.by_hand import checked_reason, find_evaluated, promote_by_hand
from meli_tasks.tracking.registry import Registry


class ChangedPage(PageModel):
    """The decision that a person made, and whether MLflow has followed."""

    decision: DecisionRow
    warning: str = Field(description="why MLflow's alias has not followed yet; empty if it has, or if there is none")


def promote(registry: Registry, model: str, *, by: str, reason: str, expected: int) -> ChangedPage:
    """Make a model that a run has evaluated the champion; see `promote_by_hand`."""
    found = find_evaluated(registry.store, model)
    with able_to_load():  # nobody promotes a model that does not answer
        decision = promote_by_hand(registry, found, by=by, reason=reason, expected=expected)
    return _changed(registry, decision)


def roll_back(registry: Registry, to: int | None, *, by: str, reason: str, expected: int) -> ChangedPage:
    """Make an earlier champion the current one; see `Ledger.rollback`."""
    with able_to_load():
        decision = registry.rollback(by, to, checked_reason(reason), expected_last=expected)
    return _changed(registry, decision)


def repair_alias(registry: Registry) -> str:
    """Make MLflow's alias follow the ledger.

    Returns:
        What was done.

    Raises:
        TrackingUnavailable: MLflow could not be updated; the message says why.
    """
    if not registry.tracking.uri:
        raise NotFound("No MLflow server is set (MLFLOW_TRACKING_URI), so there is no alias to repair.")
    repair = registry.repair()
    if repair.synced.warning:
        raise TrackingUnavailable(f"The alias was not repaired. {repair.synced.warning}")
    return " ".join(repair.notes) or "The alias already points at the champion: there was nothing to repair."


def _changed(registry: Registry, decision: Decision) -> ChangedPage:
    # The alias has usually followed already: then this only looks.
    return ChangedPage(decision=decision_row(decision), warning=registry.sync().warning or "")
