"""The routes about the champion: who was it on a day, and its promotion and rollback by a person."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from meli_airflow import rights
from meli_airflow.auth import signed_in
from meli_airflow.parameters import Body, Day, DecisionNumber, Expected, ModelInBody, Reason
from meli_airflow.store_pages import JsonBody, PagesOfStore

router = APIRouter(prefix="/api")

User = Annotated[Any, Depends(signed_in)]


class Promotion(Body):
    """Which model to promote, and why. `expected` is the number of the last decision that the person has seen."""

    model: ModelInBody
    reason: Reason
    expected: Expected


class Rollback(Body):
    """To the champion after which decision (None for the previous champion), and why."""

    to: DecisionNumber = None
    reason: Reason
    expected: Expected


@router.get("/champion")
def champion(pages: PagesOfStore, on: Day = None) -> JsonBody:
    """The champion at the end of a day, or now, with the decision that promoted or restored it."""
    return pages.champion_on(on).model_dump(mode="json")


@router.get("/rights")
def own_rights(user: User) -> JsonBody:
    """What the signed-in user may do; whoever may not read the pages does not get here."""
    return {
        "user": user.get_name(),
        "decide": rights.may_decide(user),
        **{name: right.allows(user) for name, right in rights.ACTIONS.items()},
    }


@router.post("/promote")
def promote(pages: PagesOfStore, user: User, body: Promotion) -> JsonBody:
    """Make a model that a run has evaluated the champion."""
    changed = pages.promote(body.model, by=user.get_name(), reason=body.reason, expected=body.expected)
    return changed.model_dump(mode="json")


@router.post("/rollback")
def rollback(pages: PagesOfStore, user: User, body: Rollback) -> JsonBody:
    """Make an earlier champion the current one."""
    changed = pages.roll_back(body.to, by=user.get_name(), reason=body.reason, expected=body.expected)
    return changed.model_dump(mode="json")
