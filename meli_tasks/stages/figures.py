"""The parts of an evaluation: figures of one model on a part of the test titles. Stored within scores.json.

Fractions are of test titles. A field that an earlier version did not write is None or empty: "not measured", never 0.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pydantic import Field

from meli_tasks.stages.stored import Stored
from meli_tasks.wording import count, enumeration

_NAMED = 5
"""How many categories or rows a note names."""


class CategoryRecall(Stored):
    """The recall of one category over its test titles."""

    recall: float
    titles: int
    interval: tuple[float, float] | None = Field(None, description="95 % interval of the recall")
    predicted: int | None = Field(None, description="test titles that the model puts into this category")


class SliceAccuracy(Stored):
    """Balanced accuracy on a slice of the test titles, e.g. of one language."""

    balanced_accuracy: float
    titles: int
    accuracy: float | None = None
    interval: tuple[float, float] | None = Field(None, description="95 % interval of the balanced accuracy")


class ReliabilityBin(Stored):
    """Test titles whose predictions are about equally probable: how probable, and how often right."""

    lowest: float = Field(description="lowest probability of a prediction in the bin")
    highest: float = Field(description="highest probability of a prediction in the bin")
    probability: float = Field(description="mean probability of the predictions in the bin")
    accuracy: float
    titles: int


class AbstentionPoint(Stored):
    """What is left if the model abstains where its prediction is less probable than `threshold`."""

    threshold: float
    coverage: float = Field(description="fraction of titles that get a prediction")
    accuracy: float = Field(description="of these")


class Confusion(Stored):
    """Titles of one category that the model puts into another one."""

    category: str
    predicted: str
    titles: int = Field(description="how many titles of `category` it puts into `predicted`")
    of_titles: int = Field(description="test titles of `category`")


class LostTitle(Stored):
    """A golden title that a model does not put into its category."""

    title: str
    category: str
    predicted: str


class GoldenResult(Stored):
    """How a model does on the golden titles: those that must keep their category."""

    titles: int
    lost: tuple[LostTitle, ...] = Field((), description="the first of those that it gets wrong")
    lost_titles: int = Field(0, description="how many it gets wrong")


class GoldenTitles(Stored):
    """What the models of an evaluation were checked with, and which golden titles could not be checked."""

    titles: int = Field(description="golden titles that were checked")
    unchecked_titles: int = Field(0, description="those whose category no title of the run has")
    unknown_categories: tuple[str, ...] = Field((), description="the first of these categories")
    bad_rows: int = Field(0, description="rows of the file that could not be used")
    first_bad: tuple[str, ...] = Field((), description="the first of them, and why")

    def notes(self) -> list[str]:
        """What was not checked, a sentence each; empty if every golden title was."""
        notes = []
        if self.unchecked_titles:
            total = self.titles + self.unchecked_titles
            were = "was" if self.unchecked_titles == 1 else "were"
            named = enumeration([repr(name) for name in self.unknown_categories], _NAMED)
            notes.append(
                f"{self.unchecked_titles:,} of {count(total, 'golden title')} {were} not checked, because no title of "
                f"this run has the category {named}: it is spelled differently in the source, or has too few rows."
            )
        if self.bad_rows:
            notes.append(unusable_rows(self.bad_rows, self.first_bad))
        return notes


def unusable_rows(rows: int, first: Sequence[str]) -> str:
    """The note about rows of a file of golden titles that were not used."""
    listed = enumeration([*first, *[""] * (rows - len(first))], min(_NAMED, len(first)))
    return f"{count(rows, 'row')} of the golden titles cannot be used: {listed}."


class ReferenceModel(Stored):
    """The simple model that every model should beat: TF-IDF and a linear classifier, on the same test titles."""

    balanced_accuracy: float
    interval: tuple[float, float]
    accuracy: float
    trained_titles: int = Field(description="titles that it was fitted on; fewer than there are if there are many")
    not_beaten_by: tuple[str, ...] = Field(
        (), description="labels of the models that are not better with a bootstrap probability of 0.95"
    )

    def notes(self, labels: Collection[str | None] | None = None) -> list[str]:
        """A warning if one of these models, by default of all, does not beat it; empty if all do."""
        named = [label for label in self.not_beaten_by if labels is None or label in labels]
        if not named:
            return []
        does = "does" if len(named) == 1 else "do"
        return [
            f"{enumeration(named, _NAMED)} {does} not significantly beat the reference model, TF-IDF with a linear "
            f"classifier (balanced accuracy {self.balanced_accuracy:.4f})."
        ]
