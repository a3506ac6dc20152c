"""How far the titles of a day are from those that a model was validated on, beside what chance alone would give.

Every statistic is the mix of bins in a profile, such as the titles of each predicted category. The distance of two
mixes is the Jensen-Shannon distance with logarithms to base 2: 0 for equal ones, 1 if they share no bin. Two samples of
the same titles differ as well, the more the smaller they are, so each distance is compared with its chance level: the
distance that a day of this size from the model's own validation titles would exceed only so rarely.

The chance level is found by resampling, as in a permutation test: if nothing has changed, the validation titles are a
random part of both samples together. So SIMULATED times as many titles as there are in validation are drawn from all of
them without replacement, and compared with the rest. That is valid however small the samples are, and whatever bins are
empty in one of them; draws from the validation titles alone would never contain a rare category that they happen to
miss, and any day would look changed.

The draws give the mean and the variance of the squared distance, but not the far tail that a small error rate needs. It
is that of the gamma distribution with this mean and variance, since the squared distance is close to a multiple of
chi-squared; its quantile is Wilson's and Hilferty's (1931). The total variation distance would be easier to explain,
but with many bins it has less power.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from meli_tasks.core.title_profile import CONFIDENCE_BINS, TitleProfile

SIMULATED = 400
FEWEST_TITLES = 50
"""Fewer titles than these on either side are not judged."""
SEED = 1


class Statistic(StrEnum):
    """What is compared."""

    UNKNOWN_WORDS = "unknown words"
    NEW_TITLES = "titles without a known word"
    CATEGORIES = "predicted categories"
    CONFIDENCE = "confidence"
    ABSTENTIONS = "abstentions"
    LANGUAGES = "languages"
    LENGTH = "title length"
    ACCENTS = "titles with accents"
    BROKEN = "broken characters"
    BAD = "unusable titles"


@dataclass(frozen=True)
class Comparison:
    """One statistic of a day, in the validation titles (`before`) and in the day's (`now`).

    `missing` says why nothing could be compared, such as
    too few titles or no predictions.
    """

    statistic: Statistic
    before: float
    now: float
    distance: float
    chance_level: float
    missing: str = ""

    @property
    def changed(self) -> bool:
        """Whether the distance is more than chance."""
        return not self.missing and self.distance > self.chance_level


@dataclass(frozen=True)
class _Mix:
    """How a statistic is read from a profile: its bins, and the figure that sums it up for people.

    `rises`: whether only a higher figure is bad (True), a lower one (False), or any other mix (None).
    """

    bins: Callable[[TitleProfile], Mapping[str, int]]
    figure: Callable[[TitleProfile], float]
    rises: bool | None = None


def compare(before: TitleProfile, now: TitleProfile, false_alarm_rate: float) -> list[Comparison]:
    """Compare each statistic of a day's titles with that of the validation titles.

    Args:
        before: The profile of the validation titles.
        now: The profile of the day's titles, made with the same known words.
        false_alarm_rate: The rate at which a day from the same titles exceeds any of the chance levels. It is divided
            among the statistics (Bonferroni's correction).

    Raises:
        ValueError: the profiles were made with different vocabularies.
    """
    if before.vocabulary != now.vocabulary and before.titles and now.titles:
        raise ValueError(f"The profiles have different vocabularies, {before.vocabulary} and {now.vocabulary}.")
    quantile = NormalDist().inv_cdf(1 - false_alarm_rate / len(_MIXES))
    return [_compared(statistic, mix, before, now, quantile) for statistic, mix in _MIXES.items()]


def moved(before: Mapping[str, int], now: Mapping[str, int]) -> list[tuple[str, float, float]]:
    """The bins with their fractions before and now, the largest change first."""
    fractions = [(bin_, _fraction(before, bin_), _fraction(now, bin_)) for bin_ in {**before, **now}]
    return sorted(fractions, key=lambda row: (-abs(row[2] - row[1]), row[0]))


def words_that_matter(before: TitleProfile, now: TitleProfile, most: int) -> list[tuple[str, int, float]]:
    """The unknown words of a day that exceed what the validation titles let expect by most.

    Returns:
        The words with their occurrences, and the occurrences that were to be expected.
    """
    scale = now.titles / max(1, before.titles)
    expected = ((word, seen, before.new_words.get(word, 0) * scale) for word, seen in now.new_words.items())
    return sorted(expected, key=lambda row: (row[2] - row[1], row[0]))[:most]


def _compared(statistic: Statistic, mix: _Mix, before: TitleProfile, now: TitleProfile, quantile: float) -> Comparison:
    ours, theirs = mix.bins(before), mix.bins(now)
    names = sorted({**ours, **theirs})
    reference = np.array([ours.get(name, 0) for name in names], dtype=np.int64)
    day = np.array([theirs.get(name, 0) for name in names], dtype=np.int64)
    figures = mix.figure(before), mix.figure(now)
    if missing := _missing(int(reference.sum()), int(day.sum())):
        return Comparison(statistic, *figures, 0.0, 0.0, missing)
    distance = math.sqrt(_squared_distances(reference / reference.sum(), day / day.sum()))
    if mix.rises is not None and (figures[1] > figures[0]) is not mix.rises:
        distance = 0.0  # a change for the better
    return Comparison(statistic, *figures, distance, _chance_level(reference, day, quantile))


def _missing(before: int, now: int) -> str:
    for titles, which in ((before, "in validation"), (now, "on this day")):
        if titles < FEWEST_TITLES:
            return f"{titles} {'title' if titles == 1 else 'titles'} {which}: {FEWEST_TITLES} are needed"
    return ""


def _chance_level(reference: NDArray[np.int64], day: NDArray[np.int64], quantile: float) -> float:
    """The distance that unchanged titles exceed with the probability of the normal distribution beyond `quantile`."""
    if len(reference) < 2:
        return 0.0
    both, titles = reference + day, int(reference.sum())
    drawn = np.random.default_rng(SEED).multivariate_hypergeometric(both, titles, SIMULATED, method="marginals")
    squares = _squared_distances(drawn / titles, (both - drawn) / int(day.sum()))
    mean, variance = float(squares.mean()), float(squares.var())
    if variance == 0:
        return math.sqrt(mean)
    spread = math.sqrt(variance / (9 * mean**2))
    return min(1.0, math.sqrt(mean * max(0.0, 1 - spread**2 + quantile * spread) ** 3))


def _squared_distances(one: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """The Jensen-Shannon divergences of mixes in bits, (..., bins) each."""
    squares = _entropy((one + others) / 2) - (_entropy(one) + _entropy(others)) / 2
    return np.maximum(squares, 0.0)  # rounding leaves -1e-17 of equal mixes


def _entropy(mix: NDArray[np.float64]) -> NDArray[np.float64]:
    entropy: NDArray[np.float64] = -(mix * np.log2(np.where(mix > 0, mix, 1.0))).sum(axis=-1)
    return entropy


def _fraction(counts: Mapping[str, int], name: str) -> float:
    return counts.get(name, 0) / max(1, sum(counts.values()))


def _numbered(counts: Sequence[int]) -> dict[str, int]:
    return {f"{place:03}": titles for place, titles in enumerate(counts) if titles}


def _mean_bin(counts: Sequence[int], width: float, offset: float = 0.0) -> float:
    """The mean of binned values, each taken as `offset` bins above the lower end of its bin."""
    return sum((place + offset) * width * titles for place, titles in enumerate(counts)) / max(1, sum(counts))


def _rate(count: Callable[[TitleProfile], int], of: Callable[[TitleProfile], int], rises: bool | None = True) -> _Mix:
    """The mix of titles that have a property and of those that do not."""
    return _Mix(
        lambda profile: {"yes": count(profile), "no": max(0, of(profile) - count(profile))},
        lambda profile: count(profile) / max(1, of(profile)),
        rises,
    )


def _largest(counts: Mapping[str, int]) -> float:
    """The fraction of the largest bin."""
    return max(counts.values(), default=0) / max(1, sum(counts.values()))


def _answered(profile: TitleProfile) -> int:
    return profile.predicted + profile.unknown_titles


_MIXES = {
    Statistic.UNKNOWN_WORDS: _Mix(
        lambda profile: _numbered(profile.unknown_fractions),
        lambda profile: profile.unknown_words / max(1, profile.words),
        rises=True,
    ),
    Statistic.NEW_TITLES: _rate(lambda profile: profile.unknown_titles, _answered),
    Statistic.CATEGORIES: _Mix(lambda profile: profile.categories, lambda profile: _largest(profile.categories)),
    Statistic.CONFIDENCE: _Mix(
        lambda profile: _numbered(profile.confidences),
        lambda profile: _mean_bin(profile.confidences, 1 / CONFIDENCE_BINS, 0.5),
        rises=False,
    ),
    Statistic.ABSTENTIONS: _rate(lambda profile: profile.abstained, lambda profile: profile.predicted),
    Statistic.LANGUAGES: _Mix(lambda profile: profile.languages, lambda profile: _largest(profile.languages)),
    Statistic.LENGTH: _Mix(lambda profile: _numbered(profile.lengths), lambda profile: _mean_bin(profile.lengths, 1.0)),
    Statistic.ACCENTS: _rate(lambda profile: profile.accented, lambda profile: profile.titles, rises=None),
    Statistic.BROKEN: _rate(lambda profile: profile.broken, lambda profile: profile.titles),
    Statistic.BAD: _rate(lambda profile: profile.bad_titles, lambda profile: profile.titles + profile.bad_titles),
}
