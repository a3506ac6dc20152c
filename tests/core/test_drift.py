"""Distances and chance levels: silent on unchanged titles, loud on the first night of a change."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.generated_nights import CHANGES, known_words, night, nights, profile
from meli_tasks.core.drift import FEWEST_TITLES, Comparison, Statistic, compare, moved, words_that_matter
from meli_tasks.core.title_profile import TitleProfile
from meli_tasks.core.title_profiler import KnownWords

ROWS, NIGHTS, TEN_YEARS = 600, 60, 1 / 3_650


@pytest.fixture(scope="module")
def known() -> KnownWords:
    return known_words(night(-1, 8_000))


@pytest.fixture(scope="module")
def validation(known: KnownWords) -> TitleProfile:
    return profile(known, night(-2, 2_000))


def changed(comparisons: list[Comparison]) -> set[str]:
    return {each.statistic.value for each in comparisons if each.changed}


def test_sixty_unchanged_nights_give_no_false_alarm(known: KnownWords, validation: TitleProfile) -> None:
    alarms = {
        number: found
        for number, rows in enumerate(nights(NIGHTS, ROWS))
        if (found := changed(compare(validation, profile(known, rows), TEN_YEARS)))
    }
    assert alarms == {}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_noticed_on_its_first_night(what: str, known: KnownWords, validation: TitleProfile) -> None:
    change, statistic = CHANGES[what]
    assert statistic in changed(compare(validation, profile(known, change(night(100, 2_000))), TEN_YEARS))


@pytest.mark.parametrize("rate", [0.2, 0.02])
def test_days_of_the_same_titles_exceed_the_chance_levels_no_more_often_than_asked(rate: float) -> None:
    random = np.random.default_rng(3)
    mix = random.dirichlet(np.ones(40))
    names = [f"C{number}" for number in range(40)]

    def drawn(titles: int) -> TitleProfile:
        counts = dict(zip(names, random.multinomial(titles, mix).tolist(), strict=True))
        broken = int(random.binomial(titles, 0.002))
        return TitleProfile(vocabulary="v", titles=titles, broken=broken, categories=counts)

    alarms = sum(bool(changed(compare(drawn(800), drawn(1_500), rate))) for _ in range(100))
    assert alarms <= 100 * rate * 1.5 + 1


def test_the_chance_level_falls_with_the_size_of_the_day(validation: TitleProfile) -> None:
    def level(titles: int) -> float:
        scaled = {name: max(1, count * titles // validation.titles) for name, count in validation.categories.items()}
        found = compare(validation, validation.model_copy(update={"categories": scaled}), TEN_YEARS)
        return next(each.chance_level for each in found if each.statistic is Statistic.CATEGORIES)

    assert level(200) > level(2_000) > level(20_000)


def test_fewer_unknown_words_or_more_confidence_is_no_alarm() -> None:
    before = TitleProfile(
        vocabulary="v", titles=1_000, words=5_000, unknown_words=500, unknown_fractions=(500, 500, *([0] * 9))
    )
    now = before.model_copy(update={"unknown_words": 0, "unknown_fractions": (1_000, *([0] * 10))})
    assert Statistic.UNKNOWN_WORDS.value in changed(compare(now, before, TEN_YEARS))
    assert changed(compare(before, now, TEN_YEARS)) == set()


def test_too_few_titles_are_not_judged(validation: TitleProfile) -> None:
    few = TitleProfile(vocabulary=validation.vocabulary, titles=10, broken=10, bad={"no title": 10})
    found = {each.statistic: each for each in compare(validation, few, TEN_YEARS)}
    assert found[Statistic.BROKEN].missing == f"10 titles on this day: {FEWEST_TITLES} are needed"
    assert found[Statistic.CATEGORIES].missing.startswith("0 titles on this day")
    assert not any(each.changed for each in found.values())


def test_a_statistic_that_never_occurred_needs_more_than_one_title_to_alarm() -> None:
    before = TitleProfile(vocabulary="v", titles=1_000)
    for broken, alarm in ((1, False), (200, True)):
        now = TitleProfile(vocabulary="v", titles=10_000, broken=broken)
        assert (Statistic.BROKEN.value in changed(compare(before, now, TEN_YEARS))) is alarm


def test_profiles_of_different_vocabularies_are_not_compared(validation: TitleProfile) -> None:
    with pytest.raises(ValueError, match="vocabularies"):
        compare(validation, TitleProfile(vocabulary="other", titles=100), TEN_YEARS)


def test_the_words_that_exceed_expectation_come_first() -> None:
    before = TitleProfile(titles=1_000, new_words={"common": 100})
    now = TitleProfile(titles=2_000, new_words={"common": 210, "new": 50})
    assert words_that_matter(before, now, 2) == [("new", 50, 0.0), ("common", 210, 200.0)]


def test_the_largest_moves_come_first() -> None:
    assert moved({"A": 4, "B": 4}, {"A": 4, "B": 3, "C": 1}) == [("B", 0.5, 0.375), ("C", 0.0, 0.125), ("A", 0.5, 0.5)]
