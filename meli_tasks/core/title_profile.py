"""What titles look like, and what a model made of them, in counts: made chunk by chunk, stored as JSON, merged.

A profile is small whatever the number of titles, and the profiles of parts add up to that of the whole. Monitoring
compares those of a day's titles with those of a model's validation titles; nothing here depends on a file format.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

UNKNOWN_BINS = 11
"""Fractions of unknown words: none, and then ten equal bins up to and including 1."""
LENGTH_BINS = 32
"""Words of a title: 0 to 30, and more."""
CONFIDENCE_BINS = 20
"""Equal bins from 0 to 1."""
MOST_NEW_WORDS = 2_000
MOST_EXAMPLES = 5
EXAMPLE_CHARACTERS = 160


class TitleProfile(BaseModel):
    """Counts of titles and predictions.

    `merge` is associative, and commutative but for examples. Only `new_words` are an exception, once there are more
    than MOST_NEW_WORDS of them: the rarest are dropped then, so the counts that are left may be too low.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    vocabulary: str = ""
    """The digest of the known words; profiles with different ones cannot be merged. Empty if there is no title."""
    titles: int = 0
    """Usable titles; all counts below but `bad` are about these."""
    bad: Mapping[str, int] = Field(default_factory=dict)
    """Titles that could not be used, by reason."""
    words: int = 0
    unknown_words: int = 0
    unknown_fractions: tuple[int, ...] = (0,) * UNKNOWN_BINS
    """Titles by the fraction of their words that are unknown, of those that have words."""
    lengths: tuple[int, ...] = (0,) * LENGTH_BINS
    """Titles by their number of words."""
    languages: Mapping[str, int] = Field(default_factory=dict)
    """Titles by the language that their words and letters hint at; "" if they hint at none."""
    accented: int = 0
    """Titles with a letter that is not ASCII."""
    broken: int = 0
    """Titles with characters that a wrong encoding leaves behind."""
    broken_examples: tuple[str, ...] = ()
    new_words: Mapping[str, int] = Field(default_factory=dict)
    """The most frequent unknown words."""
    new_word_examples: Mapping[str, str] = Field(default_factory=dict)
    """A title of each of them."""
    categories: Mapping[str, int] = Field(default_factory=dict)
    """Titles by predicted category; those with a prediction that was not withheld."""
    confidences: tuple[int, ...] = (0,) * CONFIDENCE_BINS
    """Titles by the probability of their first category, also of those that were withheld."""
    unknown_titles: int = 0
    """Titles of which the model knows no word, and predicted nothing."""
    abstained: int = 0
    """Titles whose prediction was withheld because its probability was too low."""

    @property
    def bad_titles(self) -> int:
        """Titles that could not be used."""
        return sum(self.bad.values())

    @property
    def predicted(self) -> int:
        """Titles for which the model had an answer, withheld or not."""
        return sum(self.confidences)

    def merge(self, other: Self) -> Self:
        """The profile of both groups of titles.

        Raises:
            ValueError: they were made with different vocabularies.
        """
        if self.vocabulary and other.vocabulary and self.vocabulary != other.vocabulary:
            raise ValueError(
                f"The profiles of two models cannot be merged: the vocabularies {self.vocabulary} and "
                f"{other.vocabulary} differ in what an unknown word is."
            )
        new = most_frequent(_added(self.new_words, other.new_words), MOST_NEW_WORDS)
        examples = {**other.new_word_examples, **self.new_word_examples}
        return type(self)(
            vocabulary=self.vocabulary or other.vocabulary,
            titles=self.titles + other.titles,
            bad=_added(self.bad, other.bad),
            words=self.words + other.words,
            unknown_words=self.unknown_words + other.unknown_words,
            unknown_fractions=_summed(self.unknown_fractions, other.unknown_fractions),
            lengths=_summed(self.lengths, other.lengths),
            languages=_added(self.languages, other.languages),
            accented=self.accented + other.accented,
            broken=self.broken + other.broken,
            broken_examples=(*self.broken_examples, *other.broken_examples)[:MOST_EXAMPLES],
            new_words=new,
            new_word_examples={word: examples[word] for word in new if word in examples},
            categories=_added(self.categories, other.categories),
            confidences=_summed(self.confidences, other.confidences),
            unknown_titles=self.unknown_titles + other.unknown_titles,
            abstained=self.abstained + other.abstained,
        )


def merged(profiles: Sequence[TitleProfile]) -> TitleProfile:
    """The profile of all groups of titles; an empty one if there are none.

    Raises:
        ValueError: they were made with different vocabularies.
    """
    return reduce(TitleProfile.merge, profiles, TitleProfile())


def most_frequent(counts: Mapping[str, int], most: int) -> dict[str, int]:
    """The entries with the highest counts in descending order, equal ones in alphabetical order."""
    return dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:most])


def _added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    counts = Counter(one)
    counts.update(other)
    return dict(sorted(counts.items()))


def _summed(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    return tuple(mine + its for mine, its in zip(one, other, strict=True))
