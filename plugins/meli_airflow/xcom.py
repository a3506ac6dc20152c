"""The values that the tasks of `meli_training` and `meli_backfill` pass to each other by XCom: names of stored objects.

XCom holds JSON, so these are `TypedDict`s, which need no conversion on either side. They never contain data: plans,
models and reports are read from the store by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypedDict


class StepManifest(Protocol):
    """The part of a manifest that is passed on; `meli_tasks.artifacts.manifest.Manifest` implements it."""

    @property
    def stage(self) -> str:
        """The stage that computed it."""

    @property
    def summary(self) -> Mapping[str, object]:
        """What the stage found."""

    @property
    def key(self) -> str:
        """The artifact's content key."""

    @property
    def name(self) -> str:
        """Where the manifest is in the store."""


class StepResult(Protocol):
    """The result of a step; `meli_tasks.execution.runner.Result` implements it."""

    @property
    def manifest(self) -> StepManifest:
        """The manifest of what was computed or found."""

    @property
    def hit(self) -> bool:
        """Whether the artifact existed already."""

    @property
    def seconds(self) -> float:
        """Seconds that the task spent on it."""


class PlanName(TypedDict):
    """The name in the store of the run's plan: what `plan` returns."""

    plan: str


class StepOutcome(TypedDict):
    """A step's result: its content key, its manifest's address, whether it existed already, and the seconds it took."""

    key: str
    manifest: str
    hit: bool
    seconds: float


class PlannedRecipe(StepOutcome):
    """One recipe of a plan, with the listings it starts from: `ingest` returns one for each recipe."""

    plan: str
    index: int
    name: str


class PlannedSet(TypedDict):
    """One set of a plan, or one without a fold: what `train_mlp` and `train_cnn` are mapped over.

    `fold` is 0 for the model that may be promoted; `name` is what Airflow displays.
    """

    plan: str
    set: str
    fold: int
    name: str


class TrainResult(StepOutcome):
    """A trained set, and the address of its MLflow run (None while MLflow is unavailable, and for a fold)."""

    set: str
    mlflow: str | None


class SearchResult(TypedDict):
    """The set that a search found and trained, and the set it started from."""

    set: str
    key: str
    manifest: str
    seconds: float
    mlflow: str | None
    accuracy: float
    start: str
    start_accuracy: float | None


class EnsembleResult(StepOutcome):
    """The ensemble, and why it is offered as a model or is not."""

    reason: str


class PlannedDate(TypedDict):
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


class PromotionAnswer(TypedDict):
    """A person's answer whether a model becomes champion: the fields of `meli_tasks.approval.Approval`."""

    by: str
    at: str
    approved: bool
    reason: str
    timed_out: bool


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


class BatchParts(TypedDict):
    """Parts of a batch that one task scores: the batch's id, the parts' numbers, and a name for people."""

    batch: str
    parts: list[int]
    name: str


class BatchOutcome(TypedDict):
    """What a batch found: its id, and counts of rows."""

    batch: str
    rows: int
    bad_rows: int
    abstained: int
