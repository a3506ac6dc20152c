"""What the tasks of `meli_training` and `meli_backfill` hand to each other by XCom: names of things in the store.

XCom holds JSON, so these are `TypedDict`s: a value is what it says, on both sides, without a conversion. None holds
data: a plan, a model or a report is read from the store by its name.
"""

from __future__ import annotations

from typing import Any, Protocol, TypedDict


class StepManifest(Protocol):
    """What of an artifact's manifest travels: the `Manifest` of `meli_tasks.artifacts` has it."""

    @property
    def key(self) -> str:
        """The artifact's content key."""

    @property
    def name(self) -> str:
        """Where the manifest is in the store."""


class StepResult(Protocol):
    """What a stage's run gives back: the `Result` of `meli_tasks.execution` has it."""

    @property
    def manifest(self) -> StepManifest:
        """The manifest of what was computed or found."""

    @property
    def hit(self) -> bool:
        """Whether the store had it already."""

    @property
    def seconds(self) -> float:
        """How long the task worked on it."""


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
    start_accuracy: float | None


class Ensembled(Computed):
    """The ensemble, and why it is offered as a model or is not."""

    reason: str


class DateOf(TypedDict):
    """One date of a backfill, as the arguments of the task that runs it: `preview` returns one for each date."""

    date: str
    plan: str
    position: int
    trigger_run_id: str
    conf: dict[str, Any] | None
    at_once: int | None


class Approval(TypedDict):
    """What `approve` needs to know: whether to wait for a person, and how many runs there are to approve."""

    ask: bool
    runs: int


class DateRun(TypedDict):
    """A date whose run succeeded."""

    date: str
    run_id: str


class BackfillSummary(TypedDict):
    """How a backfill ended: its state, how many steps were computed and reused, and how long that took."""

    state: str
    computed: int
    reused: int
    seconds: float
