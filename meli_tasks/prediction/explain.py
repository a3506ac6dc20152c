"""Why a model puts a title into a category: which of its words it knows, and what each of them contributes.

The effect of a word is the probability of the predicted category minus its probability for the title without the word.
It is exact for the model, unlike gradients or a model of the model, and asks nothing of the model but its predictions.
Effects do not add up to the probability: words share what they say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from meli_tasks.core.models.ensemble import Classifier

MOST_EFFECTS = 40
"""Words of a title whose effects are computed, which takes a prediction each; of others only whether they are known."""


class Known(StrEnum):
    """How well a model knows a word."""

    WORD = "word"
    PARTS = "parts"  # most of its letters lie in n-grams that the model knows, as in a misspelled word
    NOTHING = "nothing"
    IGNORED = "ignored"  # nothing in it is a word for the model's tokenizer, such as a dash or a stop word


@dataclass(frozen=True)
class Word:
    """A word of a title as it is written there; `effect` is None if it was not computed."""

    text: str
    known: Known
    effect: float | None


@dataclass(frozen=True)
class RankedCategory:
    """A category with its probability."""

    category: str
    probability: float


@dataclass(frozen=True)
class Explanation:
    """A title's most probable categories, and its words.

    Without a single word that is known, at least by its parts, any prediction would be a guess that hardly depends on
    the title: `known` is False, and there are no categories and no effects.
    """

    title: str
    known: bool
    categories: tuple[RankedCategory, ...]
    words: tuple[Word, ...]


def explain(classifier: Classifier, titles: Sequence[str], top: int, *, effects: bool = True) -> list[Explanation]:
    """Predict and explain titles.

    Args:
        classifier: The model. It is not thread-safe.
        titles: Raw titles.
        top: The number of categories to return for each.
        effects: Whether to compute the effect of each word.
    """
    return [_explain(classifier, title, top, effects) for title in titles]


def _explain(classifier: Classifier, title: str, top: int, effects: bool) -> Explanation:
    pieces = title.split()
    known = [Known[classifier.recognizes(piece).name] for piece in pieces]
    if not classifier.known([title])[0]:
        words = tuple(Word(piece, how, None) for piece, how in zip(pieces, known, strict=True))
        return Explanation(title, known=False, categories=(), words=words)
    matters = [place for place, how in enumerate(known) if how != Known.IGNORED][:MOST_EFFECTS] if effects else []
    probabilities = classifier.probabilities([title, *_without(pieces, matters)])
    full = probabilities[0]
    best = (-full).argsort(kind="stable")[:top]
    effect = dict(zip(matters, _effects(probabilities, int(best[0])), strict=True))
    return Explanation(
        title,
        known=True,
        categories=tuple(
            RankedCategory(classifier.categories[place], float(probabilities[0, place])) for place in best
        ),
        words=tuple(
            Word(piece, how, 0.0 if effects and how == Known.IGNORED else effect.get(place))
            for place, (piece, how) in enumerate(zip(pieces, known, strict=True))
        ),
    )


def _without(pieces: list[str], places: Sequence[int]) -> Iterator[str]:
    """The title without each of these words in turn."""
    return (" ".join(pieces[:place] + pieces[place + 1 :]) for place in places)


def _effects(probabilities: NDArray[np.float32], category: int) -> list[float]:
    return [float(probabilities[0, category] - row[category]) for row in probabilities[1:]]
