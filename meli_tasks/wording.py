"""Durations, counts and other phrases that the command line, the logs and the pages write in the same way.

It imports nothing of the package, so every ring can use it. `static/format.js` writes the same durations and counts;
`tests/wording_cases.json` holds the cases that both are tested against.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

MINUTE, HOUR, DAY = 60, 3_600, 86_400
# What a terminal obeys instead of displaying it, or does not display at all: C0 and C1 controls without the line feed,
# line and paragraph separators, marks and overrides of the direction of writing, invisible characters, tags, halves of
# surrogate pairs. The joiners U+200C and U+200D stay: scripts and emoji need them, and they move nothing.
UNPRINTABLE = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff\U000e0000-\U000e007f]"
)


def duration(seconds: float) -> str:
    """Write a duration for people: 0.4 s, 12 s, 1 min 5 s, 1 h 2 min, 2 d 3 h.

    It rounds first and splits into units afterwards, so there is no "1 min 60 s": to tenths below 10 s, to seconds
    below 10 min, to minutes below a day and to hours from there on. A negative duration, which two clocks that differ
    can give, counts as zero.
    """
    seconds = max(seconds, 0.0)
    tenths = _half_up(seconds * 10)
    if tenths < 100:
        return f"{tenths / 10:g} s"
    whole = _half_up(seconds)
    if whole < 10 * MINUTE:
        return _two_units(whole, (MINUTE, "min"), (1, "s"))
    whole = _half_up(seconds / MINUTE) * MINUTE
    if whole < DAY:
        return _two_units(whole, (HOUR, "h"), (MINUTE, "min"))
    return _two_units(_half_up(seconds / HOUR) * HOUR, (DAY, "d"), (HOUR, "h"))


def count(number: int, noun: str) -> str:
    """Write a number with its noun: 0 steps, 1 step, 1,000 steps, 2 categories."""
    return f"{number:,} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """Return the plural of a noun: steps, categories, classes, batches, epochs."""
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    hissing = noun.endswith(("s", "x", "z", "ch", "sh")) and not noun.endswith("epoch")
    return f"{noun}es" if hissing else f"{noun}s"


def enumeration(items: Sequence[str], limit: int) -> str:
    """Write at most `limit` items, and how many more there are: a, b and 3 more."""
    more = f" and {len(items) - limit:,} more" if len(items) > limit else ""
    return ", ".join(items[:limit]) + more


def printable(text: str) -> str:
    r"""Write what a terminal would obey or hide as an escape sequence: \\x1b, \\u202e. Line feeds and words stay.

    Titles, categories, names of sets and paths come from other people's files. Unescaped, one could clear the screen,
    forge a line of ours, or hide what it says.
    """
    return UNPRINTABLE.sub(lambda found: escaped(found[0]), text)


def escaped(character: str) -> str:
    r"""Write a character as Python writes it in a literal: \\t, \\x1b, \\u202e."""
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")


def unused_rows(bad_by_reason: Mapping[str, int], rare_rows: int, rare_categories: int, min_category_rows: int) -> str:
    """Say which rows of a source ingest did not use, and why; empty when it used every row."""
    parts = []
    if bad := sum(bad_by_reason.values()):
        reasons = ", ".join(f"{reason} {n:,}" for reason, n in sorted(bad_by_reason.items(), key=lambda item: -item[1]))
        parts.append(f"{count(bad, 'bad row')} ({reasons})")
    if rare_rows:
        categories = count(rare_categories, "category")
        parts.append(f"{count(rare_rows, 'row')} of {categories} with fewer than {count(min_category_rows, 'row')}")
    return " and ".join(parts)


def _half_up(value: float) -> int:
    return math.floor(value + 0.5)


def _two_units(seconds: int, large: tuple[int, str], small: tuple[int, str]) -> str:
    """Write whole seconds in two units, without the one that is zero."""
    first, rest = divmod(seconds, large[0])
    parts = ((first, large[1]), (rest // small[0], small[1]))
    return " ".join(f"{value:,} {unit}" for value, unit in parts if value)


def doubtful_note(rows: int, where: str) -> str:
    """The note about rows of CSV that could be several rows each; `where` names them."""
    verb = "has" if rows == 1 else "have"
    return (
        f"{count(rows, 'row')} of CSV {verb} a field of several lines, any of which could be a row itself: {where}. "
        "If a quote was opened there by mistake, double it."
    )
