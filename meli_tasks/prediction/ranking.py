"""Ranked categories for titles, and none for a title of which the model knows no word.

What a known word is, the model's encoder defines (`Recognized`): a word of its vocabulary, or one that it knows by most
of its letters if the network reads n-grams. Every prediction that a person or a program asks for follows it: the page,
`meli predict`, files, and the model in MLflow. Evaluation ranks all titles, as a model must also answer for those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_Value = TypeVar("_Value")


class Ranker(Protocol):
    """The part of a classifier that is needed here; `TitleClassifier` is one."""

    categories: list[str]

    def rank(self, titles: Sequence[str], top: int = 5) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Per title the most probable categories' indices and their probabilities, both (titles, top)."""
        ...

    def known(self, titles: Sequence[str]) -> NDArray[np.bool_]:
        """Whether the model knows a word of each title, at least by its parts, shape (titles,)."""
        ...


@dataclass(frozen=True)
class Predictions:
    """What is added to each of some rows: the first category, the ranked ones, and whether a word is known.

    Where no word is known, `known` is False; where there is no title, None. There is no category for either.
    """

    names: Sequence[str]
    """All categories."""
    ranked: NDArray[np.int64]
    """The most probable categories of each row, as positions in `names`: (rows, top)."""
    scores: NDArray[np.float64]
    """Their probabilities, rounded: (rows, top)."""
    flags: NDArray[np.int8]
    """`known` of each row, 1 or 0; -1 where there is no title. Only rows with a 1 are ranked."""

    @cached_property
    def category(self) -> list[str]:
        """The first category of each row, "" if it has none."""
        return [row[0] if row else "" for row in self.categories]

    @cached_property
    def probability(self) -> list[float | None]:
        """The probability of the first category."""
        return [row[0] if row else None for row in self.probabilities]

    @cached_property
    def categories(self) -> list[tuple[str, ...]]:
        """The ranked categories of each row, the most probable one first."""
        return self._where_ranked(np.array(self.names, dtype=object)[self.ranked].tolist())

    @cached_property
    def probabilities(self) -> list[tuple[float, ...]]:
        """Their probabilities."""
        return self._where_ranked(self.scores.tolist())

    @cached_property
    def known(self) -> list[bool | None]:
        """Whether the model knows a word of each title."""
        return [None if flag < 0 else flag > 0 for flag in self.flags.tolist()]

    @property
    def unknown_rows(self) -> int:
        """The titles of which the model knows no word."""
        return int((self.flags == 0).sum())

    @classmethod
    def joined(cls, parts: Sequence[Predictions]) -> Predictions:
        """Join the predictions of consecutive rows by one model, which rank equally many categories."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            parts[0].names,
            np.concatenate([part.ranked for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.flags for part in parts]),
        )

    def part(self, start: int, stop: int, top: int) -> Predictions:
        """The rows from `start` to `stop`, with at most `top` ranked categories each."""
        rows = slice(start, stop)
        return Predictions(self.names, self.ranked[rows, :top], self.scores[rows, :top], self.flags[rows])

    def columns(self, lists_as_json: bool) -> dict[str, Sequence[object]]:
        """The columns by the names of `ADDED`; CSV writes tuples joined by ` | `, and lists as JSON."""
        kind = list if lists_as_json else tuple
        return {
            "category": self.category,
            "probability": self.probability,
            "categories": list(map(kind, self.categories)),
            "probabilities": list(map(kind, self.probabilities)),
            "known": self.known,
        }

    def _where_ranked(self, rows: list[list[_Value]]) -> list[tuple[_Value, ...]]:
        return [tuple(row) if flag > 0 else () for row, flag in zip(rows, self.flags.tolist(), strict=True)]


def predict_titles(classifier: Ranker, titles: Sequence[str], reasons: Sequence[str], top: int) -> Predictions:
    """The predictions for some rows. A title of which the model knows no word gets none, as it would be a guess.

    Args:
        classifier: the model.
        titles: one per row.
        reasons: why each row cannot be classified, "" if it can.
        top: how many categories to rank.
    """
    width = min(top, len(classifier.categories))
    good = [row for row, reason in enumerate(reasons) if not reason]
    everything = len(good) == len(titles)
    known = classifier.known(titles if everything else [titles[row] for row in good])
    if everything and len(titles) and known.all():  # nearly always: no row is left out
        return Predictions(
            classifier.categories, *_ranked(classifier, titles, width), np.ones(len(titles), dtype=np.int8)
        )
    flags = np.full(len(titles), -1, dtype=np.int8)
    flags[good] = known
    ranked, scores = np.zeros((len(titles), width), np.int64), np.zeros((len(titles), width))
    rows = np.flatnonzero(flags > 0)
    if len(rows):
        ranked[rows], scores[rows] = _ranked(classifier, [titles[row] for row in rows.tolist()], width)
    return Predictions(classifier.categories, ranked, scores, flags)


def _ranked(classifier: Ranker, titles: Sequence[str], width: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Categories and probabilities of titles of which the model knows a word."""
    indices, probabilities = classifier.rank(titles, width)
    return indices, probabilities.astype("float64").round(6)
