"""What the tasks of `meli_training` and `meli_backfill` hand to each other by XCom: names of things in the store.

XCom holds JSON, so these are `TypedDict`s: a value is what it says, on both sides, without a conversion. None holds
data: a plan, a model or a report is read from the store by its name.
"""

from __future__ import annotations

from typing import TypedDict


class PlanName(TypedDict):
    """The name in the store of the run's plan: what `plan` returns."""

    plan: str


class Computed(TypedDict):
    """A step's result: its content key, its manifest's address, whether it was in the store already, and its cost."""

    key: str
    manifest: str
    hit: bool
    seconds: float


class RecipeOf(Computed):
    """One recipe of a plan, with the listings it starts from: `ingest` returns one for each recipe."""

    plan: str
    index: int
    name: str


class SetOf(TypedDict):
    """One set of a plan: what `train_mlp` and `train_cnn` are mapped over."""

    plan: str
    set: str


class Trained(Computed):
    """A trained set, and the address of its MLflow run (None while MLflow is unavailable)."""

    set: str
    mlflow: str | None


class Found(TypedDict):
    """The set that a search found and trained, and the set it started from."""

    set: str
    key: str
    manifest: str
    seconds: float
    mlflow: str | None
    accuracy: float
    start: str
    start_accuracy: float


class Ensembled(Computed):
    """The ensemble, and why it is offered as a model or is not."""

    reason: str
