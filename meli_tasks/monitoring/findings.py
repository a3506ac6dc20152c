"""From comparisons to findings: the same figures with examples, and as sentences."""

from __future__ import annotations

from collections.abc import Callable

from meli_tasks.core.drift import Comparison, Statistic, compare, moved, words_that_matter
from meli_tasks.core.title_profile import TitleProfile
from meli_tasks.monitoring.results import Finding

MOST_EXAMPLES = 5
_LEAST_EXCESS = 2.0
_NO_LANGUAGE = "no hint"


def findings_of(before: TitleProfile, now: TitleProfile, nights: int) -> tuple[Finding, ...]:
    """Compare a day with the validation titles, and add examples to what changed.

    Args:
        before: The profile of the validation titles.
        now: That of the day's titles.
        nights: The number of nights with one false alarm.
    """
    return tuple(_finding(each, before, now) for each in compare(before, now, 1 / nights))


def sentence(finding: Finding) -> str:
    """What a finding says, in one sentence."""
    name = finding.statistic.capitalize()
    if finding.missing:
        return f"{name}: not compared ({finding.missing})."
    beyond = f"distance {finding.distance:.3f}, up to {finding.chance_level:.3f} by chance"
    return f"{name}: {figures(finding)}; {beyond}."


def figures(finding: Finding) -> str:
    """The figure of the day and that of the validation titles, in words."""
    write = _WRITTEN.get(finding.statistic, _percent)
    return f"{write(finding.now)}, {write(finding.before)} in validation"


def _finding(comparison: Comparison, before: TitleProfile, now: TitleProfile) -> Finding:
    find = _EXAMPLES.get(comparison.statistic)
    return Finding(
        statistic=comparison.statistic.value,
        before=round(comparison.before, 6),
        now=round(comparison.now, 6),
        distance=round(comparison.distance, 6),
        chance_level=round(comparison.chance_level, 6),
        changed=comparison.changed,
        missing=comparison.missing,
        examples=tuple(find(before, now)[:MOST_EXAMPLES]) if find and comparison.changed else (),
    )


def new_words(before: TitleProfile, now: TitleProfile) -> list[str]:
    """The new words that matter most, each with a title."""
    found = words_that_matter(before, now, MOST_EXAMPLES)
    return [
        f"{word}: {seen:,} times, {expected:,.0f} expected" + (f", as in {title!r}" if title else "")
        for word, seen, expected, title in ((*each, now.new_word_examples.get(each[0])) for each in found)
        if seen - expected >= _LEAST_EXCESS
    ]


def _categories(before: TitleProfile, now: TitleProfile) -> list[str]:
    return [
        f"{name}: {new:.1%}, {old:.1%} in validation" for name, old, new in moved(before.categories, now.categories)
    ]


def _languages(before: TitleProfile, now: TitleProfile) -> list[str]:
    found = moved(before.languages, now.languages)
    return [f"{name or _NO_LANGUAGE}: {new:.1%}, {old:.1%} in validation" for name, old, new in found]


def _broken(before: TitleProfile, now: TitleProfile) -> list[str]:
    return [repr(title) for title in now.broken_examples]


def _bad(before: TitleProfile, now: TitleProfile) -> list[str]:
    return [f"{reason}: {titles:,}" for reason, titles in sorted(now.bad.items(), key=lambda row: (-row[1], row[0]))]


def _percent(value: float) -> str:
    return f"{value:.1%}"


_EXAMPLES: dict[Statistic, Callable[[TitleProfile, TitleProfile], list[str]]] = {
    Statistic.UNKNOWN_WORDS: new_words,
    Statistic.NEW_TITLES: new_words,
    Statistic.CATEGORIES: _categories,
    Statistic.LANGUAGES: _languages,
    Statistic.BROKEN: _broken,
    Statistic.BAD: _bad,
}
_WRITTEN: dict[str, Callable[[float], str]] = {
    Statistic.CONFIDENCE: lambda value: f"mean {value:.2f}",
    Statistic.LENGTH: lambda value: f"{value:.1f} words",
    Statistic.CATEGORIES: lambda value: f"largest {value:.1%}",
    Statistic.LANGUAGES: lambda value: f"largest {value:.1%}",
}
