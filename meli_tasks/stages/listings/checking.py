"""Which rows can be used, and what is kept of them: rules for single rows, applied to a chunk at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import compress
from typing import cast

import numpy as np
from numpy.typing import NDArray

from meli_tasks.core.stage_parameters import Ingest
from meli_tasks.core.text.invisible import INVISIBLE, is_blank
from meli_tasks.core.text.whitespace import collapse
from meli_tasks.rowfiles.encodings import BAD_ENCODING
from meli_tasks.rowfiles.rows import BadRow
from meli_tasks.rowfiles.text import excerpt, has_foreign_bytes
from meli_tasks.stages.listings.cleaning import UNKNOWN_SPLIT, category_of, language_of, source_split_of
from meli_tasks.stages.listings.dates import Days, rows_in_window, undated
from meli_tasks.stages.listings.rows import DATE, ListingRows, contradiction


@dataclass
class Checked:
    """The usable rows of a chunk, as columns of one length; the bad ones; and how many are excluded."""

    positions: NDArray[np.int64]
    """The position of each row in its chunk, not counting rows that could not be read, shape (rows,)."""
    lines: NDArray[np.int64]
    titles: list[str]
    categories: list[str]
    languages: list[str | None]
    label_qualities: list[str | None]
    splits: list[str | None]
    """The source's own, as a name of `core.text.splits.SPLITS`; None where it has none."""
    bad: list[BadRow]
    excluded: Counter[str]
    """Rows that a parameter excludes, by parameter."""
    days: Days | None = None
    """The day of each row, if it is kept."""


class _Cleaned(dict[str | None, str | None]):
    """Cleans each distinct value once: a chunk has few of them."""

    def __init__(self, clean: Callable[[str], str | None]) -> None:
        super().__init__()
        self._clean = clean

    def __missing__(self, value: str | None) -> str | None:
        text = " ".join((value or "").split())
        self[value] = cleaned = self._clean(text) if text else None
        return cleaned


def _column(
    rows: ListingRows, name: str, clean: Callable[[str], str | None], contradictions: dict[int, str]
) -> list[str | None]:
    """A column's cleaned values; where a row has none, that of the file's folder. Adds the rows that contradict it."""
    values, cleaned = rows.columns.get(name), _Cleaned(clean)
    column: list[str | None] = list(map(cleaned.__getitem__, values)) if values else [None] * len(rows.lines)
    folder = cleaned[rows.folders.get(name)]
    if folder is None:
        return column
    contradictions |= {index: contradiction(name) for index, own in enumerate(column) if own not in {None, folder}}
    return [folder if own is None else own for own in column]


def check(rows: ListingRows, params: Ingest) -> Checked:
    """Clean a chunk's rows, and separate those that are bad and those that `params` excludes.

    Titles get single spaces and nothing else; languages and label qualities become lower case, and categories NFC. A
    row outside the window of days is excluded before it is checked: it may not have existed on the day of the run.
    """
    excluded: Counter[str] = Counter()
    positions, days, wrong = np.arange(len(rows.lines)), None, dict[int, str]()
    if params.date_column:
        before = len(rows.lines)
        rows, positions, days = rows_in_window(rows, params.since, params.until)
        excluded += Counter({DATE: before - len(positions)})
    titles = collapse([title or "" for title in rows.columns["title"]])
    categories = _column(rows, "category", category_of, wrong)
    languages = _column(rows, "language", language_of, wrong)
    qualities = _column(rows, "label_quality", str.lower, wrong)
    splits = _column(rows, "split", source_split_of, wrong)
    wrong |= (undated(days) if days is not None else {}) | _reasons(
        titles, categories, splits, (languages, qualities), params.max_title_characters
    )
    wrong |= rows.no_texts
    usable = [True] * len(titles)
    for index in wrong:
        usable[index] = False
    for reason, exclude in (
        ("language", params.language != "any" and [language != params.language for language in languages]),
        ("label_quality", params.reliable_only and [quality != "reliable" for quality in qualities]),
    ):
        for index in compress(range(len(titles)), exclude or ()):
            excluded[reason] += usable[index]
            usable[index] = False
    bad = [*rows.bad] + [
        BadRow(int(rows.lines[index]), reason, _row_excerpt(rows, index)) for index, reason in wrong.items()
    ]
    bad.sort(key=lambda row: row.line)
    lines = rows.lines
    if not all(usable):
        kept = np.array(usable, dtype=bool)
        positions, lines, days = positions[kept], lines[kept], days[kept] if days is not None else None
        titles = list(compress(titles, usable))
        categories, languages, qualities, splits = (
            list(compress(column, usable)) for column in (categories, languages, qualities, splits)
        )
    known = cast(list[str], categories)  # a row without a category is bad
    days = days if params.keep_days else None
    return Checked(positions, lines, titles, known, languages, qualities, splits, bad, excluded, days)


def _reasons(
    titles: list[str],
    categories: list[str | None],
    splits: list[str | None],
    others: tuple[list[str | None], ...],
    max_characters: int,
) -> dict[int, str]:
    """Why rows are bad, by position. Each rule first looks at the chunk as a whole, which is cheap if no row is bad."""
    found: dict[int, str] = {}
    lengths = list(map(len, titles))
    if UNKNOWN_SPLIT in splits:
        found |= {index: "unknown split" for index, split in enumerate(splits) if split == UNKNOWN_SPLIT}
    if None in categories:
        found |= {index: "no category" for index, category in enumerate(categories) if category is None}
    if max(lengths, default=0) > max_characters:
        found |= {index: "title too long" for index, length in enumerate(lengths) if length > max_characters}
    if not {title[:1] for title in titles}.isdisjoint({"", *INVISIBLE}):
        found |= {index: "no title" for index, title in enumerate(titles) if is_blank(title)}
    if has_foreign_bytes("\n".join(titles)):
        found |= {index: BAD_ENCODING for index, title in enumerate(titles) if has_foreign_bytes(title)}
    for column in (categories, *others):
        if any(text and has_foreign_bytes(text) for text in set(column)):
            found |= {index: BAD_ENCODING for index, text in enumerate(column) if text and has_foreign_bytes(text)}
    return dict(sorted(found.items()))


def _row_excerpt(rows: ListingRows, index: int) -> str:
    values = {name: column[index] for name, column in rows.columns.items()}
    return excerpt(", ".join(f"{name}={excerpt(value)}" for name, value in values.items() if value))
