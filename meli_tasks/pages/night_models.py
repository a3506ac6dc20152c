"""What the section Over nights displays: a run of a night, and its figures as they are stored."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from meli_tasks.pages.models import Interval, PageModel, TestSet
from meli_tasks.pages.outcomes import Outcome


class NightFigure(PageModel):
    """A model's balanced accuracy in a night, with its interval as evaluated."""

    set: str
    balanced_accuracy: float = Field(description="as evaluated, less `selection_bias`")
    interval: Interval
    selection_bias: float = 0.0


class NightRow(PageModel):
    """A run, by the day of its titles. What is not known is None: nothing is estimated."""

    run_id: str
    day: str = Field(description="of its titles, or its own if they have none")
    at: str
    outcome: Outcome
    sentence: str
    task: str = Field("", description="the task that failed")
    champion: NightFigure | None = Field(None, description="the champion of that time, on this run's test titles")
    challenger: NightFigure | None = Field(None, description="the nominated model, or else the best one")
    test_set: str = Field("", description="id of the test titles; empty if nothing was evaluated")
    joined: bool = Field(False, description="whether the evaluated run before it had the same test titles")
    titles: int | None = Field(None, description="that were ingested")
    bad_rows: int | None = Field(None, description="in quarantine")
    categories: int | None = None
    new_categories: int | None = Field(
        None,
        description="in its test titles, and not in those of the runs of this source before it; None for the first",
    )
    new_names: list[str] = Field(default_factory=list, description="the first of them by name")
    unknown_words: float | None = Field(
        None, description="fraction of the words of its validation titles that its training titles do not have"
    )
    seconds: float | None = Field(None, description="from start to end, without waiting for a person")


class NightsPage(PageModel):
    """The newest matching nights, oldest first, and how many there are."""

    all: int
    matching: int
    nights: list[NightRow]
    test_sets: list[TestSet]
    before: int = Field(description="runs of the same source with which categories are compared, at most")


@dataclass(frozen=True)
class NightChange:
    """What of a night's titles may matter to a champion that was trained on earlier ones."""

    day: str
    new_names: tuple[str, ...] = ()
    unknown_words: float | None = None
