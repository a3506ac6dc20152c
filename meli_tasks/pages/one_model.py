"""What the page of one model displays: the JSON that the web application serves. See `models` for the other pages.

`plugins/meli_airflow/types/responses.d.ts` declares the same fields for the pages' JavaScript. A figure that an earlier
version did not measure is None, and a list of them is empty.
"""

from __future__ import annotations

from pydantic import Field, JsonValue

from meli_tasks.pages.models import DecisionRow, Interval, ModelRow, PageModel, TestSet
from meli_tasks.stages.figures import (
    AbstentionPoint,
    Confusion,
    GoldenResult,
    ReferenceModel,
    ReliabilityBin,
)

FEW_TITLES = 30
"""A part of the test titles with fewer says little: the page displays it in grey."""
FEW_OF_CATEGORY = 5
"""So does a category with fewer: one title more or less changes its recall by more than a fifth."""


class HeadFigure(PageModel):
    """The figure of a model. That of a champion is less than the evaluated one, by what its selection added."""

    balanced_accuracy: float = Field(description="as evaluated, less `selection_bias`")
    interval: Interval = Field(description="of the figure as evaluated")
    evaluated: float = Field(description="balanced accuracy as evaluated")
    selection_bias: float = Field(
        0.0, description="by how much that is too high: the model was selected by it, on these titles"
    )


class ModelFigures(PageModel):
    """The figures of a model on all test titles that are not in its row of the leaderboard."""

    top3: float | None
    calibration_error: float | None
    suspect_labels: int | None = Field(description="test titles whose label is probably wrong")
    golden: GoldenResult | None = Field(description="None if there are no golden titles")


class SliceRow(PageModel):
    """The figures on a part of the test titles, such as those of one language."""

    kind: str = Field(description="language, label_quality, category_size, title_length, unknown_words or newest_day")
    name: str
    titles: int
    few: bool = Field(description="whether there are too few titles for the figures to say much")
    balanced_accuracy: float
    accuracy: float | None
    interval: Interval | None


class CategoryFigures(PageModel):
    """The recall of one category."""

    category: str
    recall: float
    titles: int
    few: bool = Field(description="whether there are too few titles for the recall to say much")
    interval: Interval | None
    predicted: int | None = Field(description="test titles that the model puts into this category")


class Answering(PageModel):
    """What it takes to be right this often: how sure the model must be, and how many titles that leaves."""

    accuracy: float = Field(description="the accuracy that is wanted")
    point: AbstentionPoint | None = Field(description="None if no threshold reaches it")


class ModelMember(PageModel):
    """A member of an ensemble. `id` is that of its row in the same run; empty if the run did not evaluate it."""

    set: str
    weight: float
    train: str
    id: str


class TrainedOn(PageModel):
    """The listings that a model was made from."""

    rows: int
    categories: int
    fingerprint: str
    languages: dict[str, int]
    label_qualities: dict[str, int]
    bad_rows: int = Field(description="rows in quarantine")


class LineageRow(PageModel):
    """An artifact that a model was made from, or the model itself, which comes first."""

    stage: str
    name: str = Field(description="of a member of an ensemble: its set; otherwise empty")
    key: str
    at: str = Field(description="when it was computed; empty if the artifact is no longer in the store")
    run_id: str
    seconds: float


class Loading(PageModel):
    """One way to use a model."""

    where: str
    code: str


class ModelPage(PageModel):
    """One model of one run."""

    row: ModelRow
    test_set: TestSet | None = Field(description="the titles behind every figure; None if it was not evaluated")
    figure: HeadFigure | None = Field(description="None if it was not evaluated")
    figures: ModelFigures | None = Field(description="None if it was not evaluated")
    missing: list[str] = Field(description="what the page cannot display and why, a sentence each")
    notes: list[str] = Field(description="what to know about the figures, a sentence each")
    champion: bool = Field(description="whether it is the model of the current champion, in any run")
    compare_with: str = Field(description="id of a row of the current champion; empty if there is no other model")
    members: list[ModelMember] = Field(description="of an ensemble, the heaviest first")
    trained_on: TrainedOn | None = Field(description="None if the listings are no longer in the store")
    slices: list[SliceRow]
    categories: list[CategoryFigures] = Field(
        description="all of them: the lowest recall first, those with few titles last"
    )
    reliability: tuple[ReliabilityBin, ...] = Field(description="from the least to the most probable predictions")
    abstention: tuple[AbstentionPoint, ...] = Field(description="by rising threshold")
    answering: list[Answering] = Field(description="for accuracies that the model does not reach on all titles")
    reference: ReferenceModel | None
    parameters: dict[str, JsonValue] = Field(description="by dotted name")
    lineage: list[LineageRow]
    decisions: list[DecisionRow] = Field(description="those that compared, promoted or restored it; newest first")
    load: list[Loading]
    has_predictions: bool = Field(description="whether the confusions have example titles")
    has_suspects: bool = Field(description="whether there is a table of suspect labels")
    has_report: bool = Field(description="whether the run has a report")
    card: str = Field(description="the model card, in Markdown; empty if there is none")


class ConfusionsPage(PageModel):
    """The most confused pairs of categories, or all pairs with one of them."""

    id: str
    test_titles: int
    of: str = Field("", description="the category that every pair contains; empty for all categories")
    pairs: list[Confusion] = Field(description="the most frequent first")
    has_titles: bool = Field(description="whether the pairs have example titles")


class ConfusedTitle(PageModel):
    """A title of one category that a model put into another one."""

    row: int = Field(description="its row in the listings")
    title: str
    probability: float | None = Field(description="of the predicted category")
    true_probability: float | None = Field(description="of its own category; None if it was not stored")


class ConfusedTitles(PageModel):
    """The titles behind one confusion, those that the model was surest of first."""

    category: str
    predicted: str
    titles: int
    shown: list[ConfusedTitle]
