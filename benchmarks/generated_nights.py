"""Profiles of generated nights, with the true categories in place of a model's predictions."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from typing import NamedTuple

from meli_tasks.core.sample.generator import sample
from meli_tasks.core.text.tokenizers import tokenize
from meli_tasks.core.title_profile import TitleProfile
from meli_tasks.core.title_profiler import KnownWords, Predicted, TitleProfiler

FIRST = date(2026, 1, 1)


class Row(NamedTuple):
    """A generated title."""

    title: str
    category: str
    language: str


Night = list[Row]


def night(number: int, rows: int) -> Night:
    """The titles of a night."""
    day = FIRST + timedelta(days=number)
    chunks = sample(rows, seed=1, day=day)
    return [
        Row(*row) for chunk in chunks for row in zip(chunk["title"], chunk["category"], chunk["language"], strict=True)
    ]


def nights(number: int, rows: int) -> list[Night]:
    """Many nights as parts of one sample, which is generated several times as fast as night by night."""
    everything = night(-3, number * rows)
    return [everything[start : start + rows] for start in range(0, len(everything), rows)]


def known_words(rows: Night) -> KnownWords:
    """The words that occur at least twice, as a vocabulary has them."""
    seen: dict[str, int] = {}
    for words in tokenize([row.title for row in rows], "default"):
        for word in words:
            seen[word] = seen.get(word, 0) + 1
    return KnownWords.of("default", [word for word, times in seen.items() if times > 1])


def profile(known: KnownWords, rows: Night) -> TitleProfile:
    """The profile of titles; what is unknown of a title lowers its confidence."""
    profiler = TitleProfiler(known)
    drawn = random.Random(len(rows))
    confidences = []
    for words in tokenize([row.title for row in rows], known.tokenizer):
        unknown = sum(word not in known.words for word in words) / max(1, len(words))
        confidences.append(drawn.betavariate(9, 1) * (1 - unknown / 2))
    profiler.add([row.title for row in rows], None, Predicted([row.category for row in rows], confidences))
    return profiler.profile()


def other_mix(rows: Night) -> Night:
    """The titles of every third category twice as often as those of the others."""
    names = sorted({row.category for row in rows})
    often = set(names[::3])
    return [row for row in rows for _ in range(2 if row.category in often else 1)]


def one_language(rows: Night) -> Night:
    """Only the Portuguese titles."""
    return [row for row in rows if row.language == "portuguese"]


def unknown_words(rows: Night) -> Night:
    """A tenth of the words replaced by ones that nobody has seen."""
    drawn = random.Random(7)

    def changed(title: str) -> str:
        return " ".join(f"zx{drawn.randrange(300)}q" if drawn.random() < 0.1 else word for word in title.split())

    return [row._replace(title=changed(row.title)) for row in rows]


def mojibake(rows: Night) -> Night:
    """UTF-8 that was read as Windows-1252."""
    return [row._replace(title=row.title.encode().decode("cp1252", "replace")) for row in rows]


def question_marks(rows: Night) -> Night:
    """Accented letters that an export could not write."""
    return [row._replace(title=row.title.encode("ascii", "replace").decode()) for row in rows]


CHANGES: dict[str, tuple[Callable[[Night], Night], str]] = {
    "new category mix": (other_mix, "predicted categories"),
    "language switch": (one_language, "languages"),
    "10 % unknown words": (unknown_words, "unknown words"),
    "UTF-8 read as Windows-1252": (mojibake, "broken characters"),
    "accents became question marks": (question_marks, "broken characters"),
}
