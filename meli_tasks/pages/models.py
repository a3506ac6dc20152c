"""What the page Models displays: the JSON that the web application serves, one frozen type a response.

`run_models` has what the pages of one run display.

`plugins/meli_airflow/types/responses.d.ts` declares the same fields for the pages' JavaScript.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from meli_tasks.approval import Approval
from meli_tasks.decision import Action
from meli_tasks.stages.summaries import Gate

Interval = tuple[float, float]


class PageModel(BaseModel):
    """Base of what is served."""

    model_config = ConfigDict(frozen=True)


class TestSet(PageModel):
    """The test titles of some runs. Only scores on the same titles can be ranked or drawn on one scale."""

    id: str
    titles: int
    left_out: int = Field(0, description="titles of the test split that a compared model was fitted on")
    folds: int = Field(0, description="folds that the models were cross-validated over; 0 for a test split")
    source: str = Field(description="of the newest run on these titles")
    first_day: str = Field(description="day of the titles of the first run on them, as a date")
    last_day: str


class RankedTestSet(TestSet):
    """Test titles with the models that are ranked on them. Only those that are open have rows."""

    models: int = Field(description="models of the displayed runs that were tested on them, each counted once")
    best: float = Field(description="balanced accuracy of the best of them")
    best_set: str
    scale: Interval = Field(description="what the intervals of the best twenty models span")
    open: bool = Field(description="whether its rows are among those of the response")
    matching: int = Field(description="models that match the filters; 0 unless it is open")
    shown: int = Field(description="rows of the response that are on these titles")


class CurrentFigure(PageModel):
    """The champion's score on the newest titles that it was evaluated on. `id` is that of its leaderboard row."""

    id: str
    run_id: str
    balanced_accuracy: float = Field(description="as evaluated, less `selection_bias`")
    interval: Interval = Field(description="of the figure as evaluated")
    test_set: TestSet
    selection_bias: float = Field(
        0.0, description="by how much the evaluation is too high: the champion was selected by it, on these titles"
    )


class ChampionCard(PageModel):
    """The current champion: on which data, since when and why."""

    set: str
    train: str
    sha256: str = Field(description="digest of the model's files, which tells this attempt from others with its key")
    balanced_accuracy: float = Field(
        description="on the test titles of the run that promoted it, less `selection_bias`"
    )
    interval: Interval = Field(description="of the figure as evaluated")
    selection_bias: float = Field(0.0, description="by how much the evaluation is too high: it was selected by it")
    folds: int = Field(0, description="folds that its figure was cross-validated over; 0 if it is on a test split")
    current: CurrentFigure | None = Field(None, description="None if no run in the store has evaluated it")
    since: str
    decision: int
    action: Action
    by: str
    reason: str
    kept: int = Field(description="decisions since then that kept it")
    run_id: str
    dag_run_url: str
    as_of: str | None
    fingerprint: str
    source: str
    rows: int | None = Field(None, description="of the listings it was trained on; None if an artifact is missing")
    categories: int | None = None
    members: dict[str, float] = Field(default_factory=dict, description="an ensemble's weights")
    has_report: bool = Field(False, description="whether the run that promoted it has a report")
    card: str = Field("", description="the model card, in Markdown; empty if there is none")


class MlflowChampion(PageModel):
    """The version that MLflow's alias points at, or a note on why there is none."""

    version: str = ""
    url: str = ""
    train: str = ""
    sha256: str = ""
    note: str = ""
    differs: bool = Field(False, description="whether the alias points at another model than the ledger's champion")


class Note(PageModel):
    """What people wrote about a model, at last."""

    number: int = Field(description="whoever changes the note sends it, to show which one they have seen")
    text: str = Field(description="plain text, never markup; empty if the note was removed")
    by: str
    at: str


class ModelRow(PageModel):
    """A row of the leaderboard: a model that a run evaluated, or was to evaluate."""

    id: str
    run_id: str
    at: str
    as_of: str
    source: str
    dag_run_url: str
    set: str
    train: str
    sha256: str = Field("", description="digest of the model's files; empty if 0.1.0 evaluated it")
    architecture: str
    members: dict[str, float]
    state: str
    champion: bool = Field(description="whether this is the current champion's current figure; true of one row at most")
    external: bool = Field(description="the champion at that time, evaluated beside the run's own models")
    at_chance: bool = Field(False, description="whether it is no better than guessing; see `evaluation.at_chance`")
    test_set: str = Field("", description="id of the test titles; empty if the run evaluated nothing")
    balanced_accuracy: float | None = None
    interval: Interval | None = None
    accuracy: float | None = None
    top5: float | None = None
    macro_f1: float | None = None
    milliseconds_p95: float | None = None
    megabytes: float | None = None
    rank: int | None = Field(None, description="on its test titles, 1 for the best; None outside of a leaderboard")
    reaches_best: bool = Field(False, description="whether its interval reaches the score of the best model")
    runs: int = Field(1, description="displayed runs that evaluated this model on these titles")
    note: Note | None = Field(None, description="None if nobody has written one")


class RunCounts(PageModel):
    """Numbers of runs: all, matching the filter, displayed, and the most that can be displayed."""

    all: int
    matching: int
    shown: int
    most: int


class NightWithNothingNew(PageModel):
    """A scheduled run that ended early, because the same titles, sets and champion had been evaluated before."""

    run_id: str
    at: str
    as_of: str
    reason: str
    saved_seconds: float


class NothingNew(PageModel):
    """How many of the displayed runs found nothing new, the time that this saved, and the newest of them."""

    LISTED: ClassVar[int] = 20

    runs: int
    saved_seconds: float
    newest: list[NightWithNothingNew]


class SkippedObject(PageModel):
    """An object of the store that cannot be read, and why: a later version wrote it, or it was cut short."""

    name: str
    reason: str


class SkippedObjects(PageModel):
    """How many objects had to be left out, and the first of them by name."""

    LISTED: ClassVar[int] = 5

    count: int
    first: list[SkippedObject]


class Leaderboard(PageModel):
    """The models of the newest matching runs: by test titles, the newest first, then by accuracy."""

    rows: list[ModelRow]
    test_sets: list[RankedTestSet]
    pinned: list[ModelRow]
    without_score: int = Field(description="models that failed or were not evaluated yet; `rows` ends with the newest")
    nothing_new: NothingNew
    runs: RunCounts
    sets: list[str]


class ModelsPage(Leaderboard):
    """The champion and the leaderboard."""

    champion: ChampionCard | None
    champion_unknown: str = Field("", description="why the champion is unknown; empty if it is known")
    last_decision: int = Field(0, description="number of the ledger's last decision; 0 if there is none")
    skipped: SkippedObjects


class DecisionRow(PageModel):
    """A line of the promotion history."""

    number: int
    at: str
    action: Action
    set: str
    train: str
    balanced_accuracy: float | None = Field(description="of the champion, less its `selection_bias`")
    selection_bias: float = 0.0
    verdict: str = Field("", description="promote, keep or ask; empty if a person decided by hand")
    nominated: str | None = Field(None, description="the challenger that was compared with the champion")
    why_nominated: str = ""
    borderline: bool = False
    approval: Approval | None = Field(None, description="what a person answered, if the run asked one")
    by_hand: bool = Field(False, description="whether a person decided, and no run")
    challenger: str | None
    gain: float | None
    gain_interval: Interval | None
    probability: float | None
    gates: tuple[Gate, ...]
    reason: str
    by: str
    run_id: str
    dag_run_url: str


class ChampionOnPage(PageModel):
    """The champion on a day, and the decision that promoted or restored it; both are None if there was no champion."""

    on: str = Field(description="the day, in UTC; empty for now")
    set: str | None
    train: str
    sha256: str
    balanced_accuracy: float | None = Field(
        description="on the test titles of the run that promoted it, less `selection_bias`"
    )
    selection_bias: float = 0.0
    interval: Interval | None
    run_id: str
    as_of: str | None
    decision: DecisionRow | None
