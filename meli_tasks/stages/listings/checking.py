"""Which rows can be used, and what of them is kept: row by row rules, worked out for a chunk at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import compress
from typing import cast

import numpy as np
from numpy.typing import NDArray

from meli_tasks.core.hyperparameters import Ingest
from meli_tasks.core.text.whitespace import collapse
from meli_tasks.rowfiles.rows import BadRow
from meli_tasks.rowfiles.text import excerpt, has_foreign_bytes
from meli_tasks.stages.listings.dates import of_the_window
from meli_tasks.stages.listings.rows import DATE, ListingRows

_LANGUAGES = {"es": "spanish", "spa": "spanish", "español": "spanish", "pt": "portuguese", "por": "portuguese"}
_LANGUAGES |= {"pt-br": "portuguese", "português": "portuguese", "espanol": "spanish", "portugues": "portuguese"}
_SPLITS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
}
_SPLITS |= {"dev": "validation", "test": "test", "testing": "test"}
_UNKNOWN_SPLIT = "?"


@dataclass
class Checked:
    """The rows of a chunk that are used, as columns of one length; the bad ones; and how many were not wanted."""

    positions: NDArray[np.int64]
    """Where each row stands in its chunk, rows that could not be read not counted, shape (rows,)."""
    lines: NDArray[np.int64]
    titles: list[str]
    categories: list[str]
    languages: list[str | None]
    label_qualities: list[str | None]
    splits: list[str | None]
    """The source's own, as it stands in core.splits.SPLITS; None where it has none."""
    bad: list[BadRow]
    unwanted: Counter[str]


class _Cleaned(dict[str | None, str | None]):
    """Cleans each distinct value once: a chunk has few of them."""

    def __init__(self, clean: Callable[[str], str | None]) -> None:
        super().__init__()
        self._clean = clean

    def __missing__(self, value: str | None) -> str | None:
        text = " ".join((value or "").split())
        self[value] = cleaned = self._clean(text) if text else None
        return cleaned


def _column(rows: ListingRows, name: str, clean: Callable[[str], str | None]) -> list[str | None]:
    values = rows.columns.get(name)
    return list(map(_Cleaned(clean).__getitem__, values)) if values else [None] * len(rows.lines)


def check(rows: ListingRows, params: Ingest) -> Checked:
    """Cleans a chunk's rows and sorts out those that are bad and those that `params` does not ask for.

    Titles get single spaces and nothing else; languages and label qualities are told in lower case. A row of a day that
    is not asked for is not even looked at: on the day it was not there to be bad.
    """
    unwanted: Counter[str] = Counter()
    positions, undated = np.arange(len(rows.lines)), dict[int, str]()
    if params.date_column:
        seen = len(rows.lines)
        rows, positions, undated = of_the_window(rows, params.since, params.until)
        unwanted += Counter({DATE: seen - len(positions)})
    titles = collapse([title or "" for title in rows.columns["title"]])
    categories = _column(rows, "category", str)
    languages = _column(rows, "language", lambda text: _LANGUAGES.get(text.lower(), text.lower()))
    qualities = _column(rows, "label_quality", str.lower)
    splits = _column(rows, "split", lambda text: _SPLITS.get(text.lower(), _UNKNOWN_SPLIT))
    reasons = undated | _reasons(titles, categories, splits, (languages, qualities), params.max_title_characters)
    wanted = [True] * len(titles)
    for index in reasons:
        wanted[index] = False
    for reason, unwanted_here in (
        ("language", params.language != "any" and [language != params.language for language in languages]),
        ("label_quality", params.reliable_only and [quality != "reliable" for quality in qualities]),
    ):
        for index in compress(range(len(titles)), unwanted_here or ()):
            unwanted[reason] += wanted[index]
            wanted[index] = False
    bad = [*rows.bad] + [
        BadRow(int(rows.lines[index]), reason, _seen(rows, index)) for index, reason in reasons.items()
    ]
    bad.sort(key=lambda row: row.line)
    lines = rows.lines
    if not all(wanted):
        used = np.array(wanted, dtype=bool)
        positions, lines = positions[used], lines[used]
        titles = list(compress(titles, wanted))
        categories, languages, qualities, splits = (
            list(compress(column, wanted)) for column in (categories, languages, qualities, splits)
        )
    known = cast(list[str], categories)  # a row without a category is not wanted
    return Checked(positions, lines, titles, known, languages, qualities, splits, bad, unwanted)


def _reasons(
    titles: list[str],
    categories: list[str | None],
    splits: list[str | None],
    others: tuple[list[str | None], ...],
    max_characters: int,
) -> dict[int, str]:
    """Why rows are bad, by position; the rules are cheap for a chunk in which none is."""
    found: dict[int, str] = {}
    lengths = list(map(len, titles))
    if _UNKNOWN_SPLIT in splits:
        found |= {index: "unknown split" for index, split in enumerate(splits) if split == _UNKNOWN_SPLIT}
    if None in categories:
        found |= {index: "no category" for index, category in enumerate(categories) if category is None}
    if max(lengths, default=0) > max_characters:
        found |= {index: "title too long" for index, length in enumerate(lengths) if length > max_characters}
    if min(lengths, default=1) == 0:
        found |= {index: "no title" for index, length in enumerate(lengths) if length == 0}
    if has_foreign_bytes("\n".join(titles)):
        found |= {index: "bad encoding" for index, title in enumerate(titles) if has_foreign_bytes(title)}
    for column in (categories, *others):
        if any(text and has_foreign_bytes(text) for text in set(column)):
            found |= {index: "bad encoding" for index, text in enumerate(column) if text and has_foreign_bytes(text)}
    return dict(sorted(found.items()))


def _seen(rows: ListingRows, index: int) -> str:
    values = {name: column[index] for name, column in rows.columns.items()}
    return excerpt(", ".join(f"{name}={excerpt(value)}" for name, value in values.items() if value))
