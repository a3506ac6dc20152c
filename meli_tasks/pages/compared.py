"""What the comparison of models displays: the JSON that the web application serves."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from meli_tasks.pages.models import Interval, ModelRow, PageModel, TestSet
from meli_tasks.stages.evaluation import Epoch

Verdict = Literal["better", "worse", "unclear", "same", "untested"]
"""What the paired test says of a model and the baseline: `unclear` if the 95 % interval contains 0, `same` if they
answered alike, `untested` if nothing was stored that could be tested."""


class Curve(PageModel):
    """The epochs of a training run, and which of them became the model and why."""

    epochs: tuple[Epoch, ...] = ()
    kept_epoch: int | None = Field(None, description="None if it is not known")
    kept: str = Field("", description="a line: epoch 6 kept: best validation balanced accuracy")
    dropout: bool | None = Field(None, description="whether it was trained with dropout; None if it is not known")


class ScoreDifference(PageModel):
    """By how much a score is above the baseline's."""

    value: float
    interval: Interval | None = Field(None, description="95 %, of the paired test; None if nothing was tested")
    probability: float | None = Field(None, description="that it is better than the baseline")
    verdict: Verdict


class Score(PageModel):
    """A figure of a model, and its difference to the baseline's."""

    value: float
    interval: Interval | None = None
    difference: ScoreDifference | None = Field(None, description="None for the baseline, or if it has no such figure")


class ComparedModel(PageModel):
    """A model of the comparison. `scores` are on the titles of the comparison, by name of the figure."""

    row: ModelRow
    baseline: bool
    champion: bool = Field(description="whether it is the current champion, in whichever run")
    ensemble: bool
    scores: dict[str, Score]
    curve: Curve


class ComparedTitles(PageModel):
    """The titles that the scores are on: the same for all models, those that they have in common, or none."""

    kind: Literal["same", "common", "none"]
    titles: int = 0
    test_set: TestSet | None = Field(None, description="of the baseline's run, if all were tested on the same titles")
    note: str = Field("", description="what was done about different titles, or why nothing could be")


class CategoryChange(PageModel):
    """By how much the recall of a category is above the baseline's."""

    value: float
    verdict: Verdict
    probability: float | None = Field(
        None, description="of a change as large in any category by chance, in either direction"
    )


class CategoryRow(PageModel):
    """The recall of a category with each model, in the order of the models; None if a model has none."""

    category: str
    titles: int
    recalls: list[float | None]
    changes: list[CategoryChange | None] = Field(description="None for the baseline")


class MemberRow(PageModel):
    """A model with its weight in each compared model; one that is no ensemble is its own only member.

    `train` is the model's key: two runs may have trained different models from sets of one name.
    """

    set: str
    train: str
    weights: list[float | None] = Field(description="None if it is not a member")


class Parameter(PageModel):
    """A parameter, by its dotted name, of some models."""

    name: str
    values: list[Any]
    differs: bool


class ParameterTable(PageModel):
    """The parameters of the models that have them: an ensemble has none of those of a single model."""

    title: str
    models: list[int] = Field(description="positions in the list of models")
    rows: list[Parameter]


class ComparisonPage(PageModel):
    """Two to eight models, each compared with one of them, the baseline."""

    models: list[ComparedModel]
    titles: ComparedTitles
    notes: list[str] = Field(description="what else a reader of the figures must know, a sentence each")
    curves_note: str = Field("", description="why the models' curves do not compare; empty if they do")
    members: list[MemberRow] = Field(description="the heaviest first; empty if no model is an ensemble")
    parameters: list[ParameterTable]
    categories: list[CategoryRow] = Field(description="by name")
