"""Ranked categories for titles, and none for a title of which the model knows no word.

What a known word is, the model's encoder defines (`Recognized`): a word of its vocabulary, or one that it knows by most
of its letters if the network reads n-grams. Every prediction that a person or a program asks for follows it: the page,
`meli predict`, files, and the model in MLflow. Evaluation ranks all titles, as a model must also answer for those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


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

    category: list[str]
    probability: list[float | None]
    categories: list[tuple[str, ...]]
    probabilities: list[tuple[float, ...]]
    known: list[bool | None]

    @classmethod
    def none(cls, rows: int) -> Predictions:
        """For rows of which none is classified."""
        return cls([""] * rows, [None] * rows, [()] * rows, [()] * rows, [None] * rows)

    @classmethod
    def joined(cls, parts: Sequence[Predictions]) -> Predictions:
        """The predictions of consecutive rows as one."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            [value for part in parts for value in part.category],
            [value for part in parts for value in part.probability],
            [value for part in parts for value in part.categories],
            [value for part in parts for value in part.probabilities],
            [value for part in parts for value in part.known],
        )

    def part(self, start: int, stop: int, top: int) -> Predictions:
        """The rows from `start` to `stop`, with at most `top` ranked categories each."""
        return Predictions(
            self.category[start:stop],
            self.probability[start:stop],
            [ranked[:top] for ranked in self.categories[start:stop]],
            [ranked[:top] for ranked in self.probabilities[start:stop]],
            self.known[start:stop],
        )

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


def predict_titles(classifier: Ranker, titles: Sequence[str], reasons: Sequence[str], top: int) -> Predictions:
    """The predictions for some rows. A title of which the model knows no word gets none, as it would be a guess.

    Args:
        classifier: the model.
        titles: one per row.
        reasons: why each row cannot be classified, "" if it can.
        top: how many categories to rank.
    """
    good = [row for row, reason in enumerate(reasons) if not reason]
    known = classifier.known(titles if len(good) == len(titles) else [titles[row] for row in good]).tolist()
    if len(titles) and known.count(True) == len(titles):
        return _ranked(classifier, titles, top)  # as nearly always: nothing to leave out
    found = Predictions.none(len(titles))
    for row, is_known in zip(good, known, strict=True):
        found.known[row] = is_known
    good = [row for row in good if found.known[row]]
    if good:
        ranked = _ranked(classifier, [titles[row] for row in good], top)
        for place, row in enumerate(good):
            found.category[row] = ranked.category[place]
            found.probability[row] = ranked.probability[place]
            found.categories[row] = ranked.categories[place]
            found.probabilities[row] = ranked.probabilities[place]
    return found


def _ranked(classifier: Ranker, titles: Sequence[str], top: int) -> Predictions:
    """The predictions for titles of which the model knows a word."""
    indices, probabilities = classifier.rank(titles, min(top, len(classifier.categories)))
    names = list(map(tuple, np.array(classifier.categories, dtype=object)[indices].tolist()))
    rounded = list(map(tuple, probabilities.astype("float64").round(6).tolist()))
    return Predictions([row[0] for row in names], [row[0] for row in rounded], names, rounded, [True] * len(titles))
