"""What the pages of one run display: its steps, a training run, an artifact, a backfill. See `models` for the others.

`plugins/meli_airflow/types/responses.d.ts` declares the same fields for the pages' JavaScript.
"""

from __future__ import annotations

from pydantic import ConfigDict, Field, JsonValue, SerializerFunctionWrapHandler, model_serializer

from meli_tasks.artifacts.manifest import Output
from meli_tasks.backfill.preview import BackfillPreview
from meli_tasks.backfill.report import BackfillReport
from meli_tasks.pages.models import DecisionRow, ModelRow, PageModel, SkippedObjects
from meli_tasks.planning.request import Request
from meli_tasks.stages.evaluation import Epoch


class Progress(PageModel):
    """What a running step last reported; fields that were not reported are left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    epoch: int | None = None
    epochs: int | None = None
    step: int | None = None
    steps: int | None = None
    loss: float | None = None
    titles_per_second: float | None = None
    seconds_left: float | None = None
    error: str | None = None
    at: str | None = None
    model: str | None = None
    titles: int | None = None
    of_titles: int | None = None

    @model_serializer(mode="wrap")
    def _without_missing(self, handler: SerializerFunctionWrapHandler) -> dict[str, float | int | str]:
        return {name: value for name, value in handler(self).items() if value is not None}


class LiveNote(Progress):
    """The progress log of a step in the store: the last report, and the curves so far."""

    run_id: str = ""
    state: str = ""
    history: tuple[Epoch, ...] = ()
    losses: tuple[tuple[int, float], ...] = ()

    @property
    def progress(self) -> Progress:
        """What is displayed of the report."""
        return Progress(**{name: getattr(self, name) for name in Progress.model_fields})


class StepRow(PageModel):
    """A step of a run with its state: already there, computed, running, failed or to compute."""

    stage: str
    name: str
    key: str
    state: str
    seconds: float | None = None
    estimate: float | None = None
    at: str = ""
    by: str = ""
    progress: Progress = Progress()


class RunPage(PageModel):
    """One run: its steps, its leaderboard and its decision."""

    plan: str
    run_id: str
    at: str
    as_of: str
    source: str
    sets: list[str]
    request: Request
    nothing_new: str = Field(description="why the run ended early; empty if it did not")
    saved_seconds: float = Field(description="time that the steps took which were reused")
    test_titles: int | None = Field(description="number of test titles; None if nothing was evaluated")
    folds: int = Field(0, description="folds that the models were cross-validated over; 0 for a test split")
    estimate_seconds: float | None
    steps: list[StepRow]
    rows: list[ModelRow]
    evaluated: bool
    has_report: bool
    decision: DecisionRow | None
    question: str = Field("", description="what the run asks a person and waits for; empty if it does not")
    pruned: str = Field("", description="the day on which files of the run were deleted to save space; empty if not")
    last_decision: int = Field(0, description="number of the ledger's last decision; 0 if there is none")
    skipped: SkippedObjects


class TrainingPage(PageModel):
    """One training run: its curves, live while it trains. `state` is waiting, running, failed or done.

    `set` is empty as long as it is not known.
    """

    set: str = ""
    key: str = ""
    run_id: str = ""
    architecture: str = ""
    epochs_total: int | None = None
    state: str = "waiting"
    epochs: tuple[Epoch, ...] = ()
    losses: tuple[tuple[int, float], ...] = Field((), description="pairs of step and loss")
    kept_epoch: int | None = Field(None, description="the epoch whose weights became the model")
    kept: str = Field("", description="which epoch was kept and why, in a line; empty until then")
    dropout: bool | None = Field(None, description="whether it is trained with dropout; None if it is not known")
    keep: str = Field("", description="which epoch the set keeps: best, or last")
    stopped_by: str = Field("", description="who stopped it early, and when: then the best epoch is kept")
    seconds: float | None = None
    at: str = ""
    made_by: str = ""
    hit: bool = Field(False, description="whether the model comes from an earlier run")
    progress: Progress = Progress()
    error: str = ""


class ArtifactPage(PageModel):
    """An artifact's manifest, and the URL of its files. All parameters and summary fields are displayed."""

    stage: str
    key: str
    params: dict[str, JsonValue]
    inputs: dict[str, str]
    outputs: dict[str, Output]
    summary: dict[str, JsonValue]
    attempt: str
    about: dict[str, JsonValue]
    pruned: str = Field("", description="the day on which its files were deleted to save space; empty if they were not")
    url: str


class BackfillPage(PageModel):
    """A backfill's preview, and its report once it has ended; each is None until it exists."""

    preview: BackfillPreview | None
    report: BackfillReport | None
