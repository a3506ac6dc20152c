"""Golden titles: those that must keep their category, whichever model is champion.

They come from a file with a title and a category in each row, read like listings. Each compared model predicts them;
a model that loses one is not promoted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from unicodedata import normalize

from pydantic import Field

from meli_tasks.core.errors import BadData
from meli_tasks.stages.figures import GoldenResult, GoldenTitles, LostTitle, unusable_rows
from meli_tasks.stages.hooks import Inputs
from meli_tasks.stages.stored import Stored
from meli_tasks.wording import count, doubtful_note, enumeration

if TYPE_CHECKING:
    from meli_tasks.core.models.ensemble import Classifier
    from meli_tasks.stages.listings.rows import ListingRows

MAX_TITLES = 10_000
_MOST_ROWS = 1_000_000
GOLDEN = "golden"
"""The name of the input."""
FILE = "golden.json"
"""The name of the stored titles in the folder that the stage evaluate receives."""
NAMED = 20
"""How many lost titles, categories and bad rows are named."""
_CHUNK_TITLES = 1_024
_ROWS_AT_ONCE = 131_072
_NAMED_IN_ERRORS = 3


class GoldenTitle(Stored):
    """A title that must keep its category, and the line of the file that it is on."""

    title: str
    category: str
    line: int = 0


class GoldenFile(Stored):
    """A file of golden titles as it was read; stored under the digest of this."""

    version: int = 1
    titles: tuple[GoldenTitle, ...]
    bad_rows: int = 0
    first_bad: tuple[str, ...] = Field((), description="the first rows that could not be used, and why")

    def notes(self) -> list[str]:
        """What a person should know about the file, a sentence each."""
        return [unusable_rows(self.bad_rows, self.first_bad)] if self.bad_rows else []


@dataclass(frozen=True)
class GoldenCheck:
    """The golden titles that models are checked with: those whose category the run's titles have."""

    titles: Sequence[GoldenTitle]
    about: GoldenTitles

    @classmethod
    def of(cls, folder: Path, categories: Iterable[str]) -> GoldenCheck:
        """Read the stored titles in a folder; `categories` are those of the run's titles."""
        file = GoldenFile.model_validate_json((folder / FILE).read_bytes())
        known = set(categories)
        checked = [golden for golden in file.titles if golden.category in known]
        unknown = [golden.category for golden in file.titles if golden.category not in known]
        about = GoldenTitles(
            titles=len(checked),
            unchecked_titles=len(unknown),
            unknown_categories=tuple(dict.fromkeys(unknown))[:NAMED],
            bad_rows=file.bad_rows,
            first_bad=file.first_bad,
        )
        return cls(checked, about)

    def result(self, model: Classifier) -> GoldenResult:
        """How a model does on the titles."""
        lost: list[LostTitle] = []
        # As listings have them since ingest composes accents; older models know a category as it was written.
        names = [normalize("NFC", name) for name in model.categories]
        for start in range(0, len(self.titles), _CHUNK_TITLES):
            part = self.titles[start : start + _CHUNK_TITLES]
            ranked, _ = model.rank([golden.title for golden in part], top=1)
            predicted = [names[position] for position in ranked[:, 0]]
            lost += [
                LostTitle(title=golden.title, category=golden.category, predicted=found)
                for golden, found in zip(part, predicted, strict=True)
                if found != golden.category
            ]
        return GoldenResult(titles=len(self.titles), lost=tuple(lost[:NAMED]), lost_titles=len(lost))


def golden_check(inputs: Inputs) -> GoldenCheck | None:
    """The check of an evaluation with the input `golden`; None without one."""
    if GOLDEN not in inputs:
        return None
    return GoldenCheck.of(inputs[GOLDEN], _categories(inputs["ingest"] / "listings.parquet"))


def _categories(listings: Path) -> set[str]:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    with pq.ParquetFile(listings) as file:
        batches = file.iter_batches(_ROWS_AT_ONCE, columns=["category"])
        return {name for batch in batches for name in pc.unique(batch["category"]).to_pylist()}


def read_golden(path: Path) -> GoldenFile:
    """Read a file of golden titles: CSV, JSON Lines or Parquet, with the columns title and category.

    Rows that cannot be used are counted and named; a title that occurs again with the same category counts once.

    Raises:
        BadData: the file cannot be read, lacks a column, has no usable row or too many, or gives one title two
            categories.
    """
    # The DAG files import the planning that imports this module, and must load neither NumPy nor pyarrow.
    from meli_tasks.core.stage_parameters import Ingest
    from meli_tasks.rowfiles.limits import ReadingLimits
    from meli_tasks.rowfiles.reading import RowFile
    from meli_tasks.stages.listings.checking import check
    from meli_tasks.stages.listings.rows import NEEDED, ListingRows, read_listings

    titles: list[GoldenTitle] = []
    bad: list[str] = []
    doubtful: list[str] = []
    with RowFile(path, ReadingLimits(decompressed_bytes=1 << 30, rows=_MOST_ROWS)) as file:
        for chunk in read_listings(file):
            columns = {name: chunk.columns[name] for name in NEEDED}
            checked = check(ListingRows(columns, chunk.lines, chunk.bad, no_texts=_of_needed(chunk)), Ingest())
            rows = zip(checked.titles, checked.categories, checked.lines.tolist(), strict=True)
            titles += [GoldenTitle(title=title, category=category, line=line) for title, category, line in rows]
            bad += [f"line {row.line}: {row.reason}" for row in checked.bad]
            doubtful += [f"line {line}" for line in chunk.doubtful]
            if len(titles) > MAX_TITLES:
                raise BadData(f"it has more than {MAX_TITLES:,} rows. Is it a file of listings?")
    if not titles:
        found = f"none of its {count(len(bad), 'row')} can be used ({bad[0]})" if bad else "it has no row"
        raise BadData(f"{found}. Rows with a title and a category were expected.")
    if doubtful:
        bad.append(doubtful_note(len(doubtful), enumeration(doubtful, _NAMED_IN_ERRORS)).rstrip("."))
    return GoldenFile(titles=_unique(titles), bad_rows=len(bad), first_bad=tuple(bad[:NAMED]))


def _of_needed(chunk: ListingRows) -> dict[int, str]:
    """The rows whose title or category is not text, such as a list."""
    from meli_tasks.stages.listings.rows import NEEDED

    return {row: found for row, found in chunk.no_texts.items() if found.startswith(NEEDED)}


def _unique(titles: Sequence[GoldenTitle]) -> tuple[GoldenTitle, ...]:
    """The titles, each a single time.

    Raises:
        BadData: one has two categories. No model could keep both.
    """
    first: dict[str, GoldenTitle] = {}
    conflicts = []
    for golden in titles:
        before = first.setdefault(golden.title.casefold(), golden)
        if before.category != golden.category:
            conflicts.append(
                f"{golden.title!r} is {before.category!r} on line {before.line} and {golden.category!r} on line "
                f"{golden.line}"
            )
    if conflicts:
        more = f"; and {len(conflicts) - _NAMED_IN_ERRORS:,} more" if len(conflicts) > _NAMED_IN_ERRORS else ""
        raise BadData(
            f"it gives one title two categories: {'; '.join(conflicts[:_NAMED_IN_ERRORS])}{more}. Remove one of them."
        )
    return tuple(dict.fromkeys(first.values()))
