"""The test titles of a run, and those of them that a model was fitted on.

Two listings may disagree about a title's split: if a source's `split` column appeared, disappeared or changed, or if
the rule that assigns splits did. Then a champion of an earlier night may have been trained on titles that are test
titles now. A source's own column may even hold one title in two splits. Titles are compared by the hash that also
assigns splits, so copies that differ only in case, accents or white space are found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from meli_tasks.core.errors import BadData
from meli_tasks.core.text.splits import SPLITS, title_hashes
from meli_tasks.stages.evaluation import FittedTitles
from meli_tasks.stages.listings.staging import DAY, LISTINGS
from meli_tasks.wording import count

UNKNOWN = "unknown"
MIN_TITLES = 300
"""Titles that a comparison needs. On 300, an accuracy of 0.95 has a standard error of 0.013."""
MIN_FRACTION = 0.5
"""The fraction of a smaller test split that is enough."""

TRAIN, VALIDATION = 1, 2
_FITTED = {"train": TRAIN, "validation": VALIDATION}
_ROWS_AT_ONCE = 131_072


@dataclass(frozen=True)
class TestTitles:
    """Test titles, n of them. `labels` (n,) are positions in `categories`, which is sorted."""

    __test__ = False  # no class of tests

    rows: pa.ChunkedArray
    titles: list[str]
    labels: NDArray[np.int32]
    categories: list[str]
    languages: list[str]
    label_qualities: list[str]
    days: list[str] | None = None
    """The day of each title, if the listings keep it."""


@dataclass(frozen=True)
class Fitted:
    """What the models were fitted on. `marks[label]` (n,) is TRAIN or VALIDATION for each test title, or 0."""

    marks: Mapping[str, NDArray[np.uint8]]

    def titles(self, label: str) -> FittedTitles:
        """The number of test titles that a model was fitted on."""
        found = self.marks[label]
        return FittedTitles(train=int((found == TRAIN).sum()), validation=int((found == VALIDATION).sum()))

    def any_of(self, labels: list[str], titles: int) -> NDArray[np.bool_]:
        """Whether any of these models was fitted on each test title, shape (titles,)."""
        seen = np.zeros(titles, np.bool_)
        for label in labels:
            if label in self.marks:
                seen |= self.marks[label] > 0
        return seen


@dataclass(frozen=True)
class Selection:
    """Which models are compared on which titles: `unseen` (n,) is true for titles that none of them was fitted on."""

    labels: list[str]
    unseen: NDArray[np.bool_]
    required: int
    not_scored: dict[str, str]


def read_test_table(path: Path) -> pa.Table:
    """The rows of the test split.

    Raises:
        BadData: there are none.
    """
    columns = ["row", "title", "category", "language", "label_quality"]
    columns += [DAY] if DAY in pq.read_schema(path).names else []
    table = pq.read_table(path, columns=columns, filters=[("split", "==", "test")])
    if table.num_rows == 0:
        raise BadData(
            "The listings hold no test titles, so no model can be evaluated. If the source has a `split` column, some "
            "rows must say `test`; if it has none, 5 % of the titles become the test split, which may leave no title "
            "of a handful of rows."
        )
    return table


def training_categories(path: Path) -> set[str]:
    """The categories of the training titles in listings."""
    found: set[str] = set()
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_ROWS_AT_ONCE, columns=["category", "split"]):
            found.update(pc.unique(batch.filter(pc.equal(batch["split"], "train"))["category"]).to_pylist())
    return found


def as_test_titles(table: pa.Table) -> TestTitles:
    """The titles of a table that `read_test_table` returned, or of a part of it."""
    names = sorted(pc.unique(table["category"]).to_pylist())
    labels = pc.index_in(table["category"], value_set=pa.array(names)).to_numpy().astype(np.int32)
    languages, qualities = (
        pc.fill_null(table[column], UNKNOWN).to_pylist() for column in ("language", "label_quality")
    )
    days = table[DAY].cast(pa.string()).to_pylist() if DAY in table.column_names else None
    return TestTitles(table["row"], table["title"].to_pylist(), labels, names, languages, qualities, days)


def fitted_on(titles: list[str], listings: Mapping[str, Path]) -> Fitted:
    """Find the titles (n) that models were fitted on; `listings` has the folder of each such model's listings.

    A title in both splits counts as one of the train split. Listings that several models share are read once.
    """
    marks: dict[Path, NDArray[np.uint8]] = {}
    for folder in dict.fromkeys(listings.values()):
        marks[folder] = _marks(titles, folder / "listings.parquet")
    return Fitted({label: marks[folder] for label, folder in listings.items() if marks[folder].any()})


def select(labels: list[str], titles: int, fitted: Fitted) -> Selection:
    """Choose the titles on which all models can be compared.

    If too few would be left, the model that was fitted on most of them is left out, until enough are left.

    Raises:
        BadData: then no model is left.
    """
    required = min(MIN_TITLES, int(np.ceil(titles * MIN_FRACTION)))
    compared = list(labels)
    not_scored: dict[str, str] = {}
    while compared:
        seen = fitted.any_of(compared, titles)
        left = titles - int(seen.sum())
        if left >= required or not seen.any():
            return Selection(compared, ~seen, required, not_scored)
        worst = max((label for label in compared if label in fitted.marks), key=lambda label: _order(fitted, label))
        not_scored[worst] = (
            f"{worst} cannot be compared: it was fitted on {fitted.titles(worst)}. Of {count(titles, 'test title')} "
            f"only {left:,} would be left that no compared model was fitted on, and {required:,} are needed."
        )
        compared.remove(worst)
    raise BadData(
        "No model can be evaluated, because each was fitted on too many of the test titles. "
        + " ".join(not_scored.values())
        + " If the source has a `split` column, no title may be in two splits."
    )


def _order(fitted: Fitted, label: str) -> tuple[int, str]:
    return int((fitted.marks[label] > 0).sum()), label


def _marks(titles: list[str], path: Path) -> NDArray[np.uint8]:
    """TRAIN, VALIDATION or 0 for each title, shape (n,), by its split in these listings."""
    hashes = title_hashes(titles)
    order = np.argsort(hashes, kind="stable")
    ordered, found = hashes[order], np.zeros(len(hashes), np.uint8)
    for split, seen in _hashes_by_split(path):
        starts, ends = np.searchsorted(ordered, seen, "left"), np.searchsorted(ordered, seen, "right")
        for start, end in zip(starts[starts < ends], ends[starts < ends], strict=True):
            part = found[start:end]
            part[(part == 0) | (split == TRAIN)] = split
    marks = np.empty_like(found)
    marks[order] = found
    return marks


def _hashes_by_split(path: Path) -> Iterator[tuple[int, NDArray[np.uint64]]]:
    """The hashes of the titles in the train and the validation split, some at a time: 20 M titles fit no memory."""
    assert set(_FITTED) < set(SPLITS) and "split" in LISTINGS.names
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_ROWS_AT_ONCE, columns=["title", "split"]):
            for name, split in _FITTED.items():
                chosen = batch.filter(pc.equal(batch["split"], name))
                if len(chosen):
                    yield split, np.unique(title_hashes(chosen["title"].to_pylist()))
