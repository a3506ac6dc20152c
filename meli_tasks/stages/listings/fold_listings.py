"""Listings made from other listings: the same rows, with other splits, for cross-validation.

The listings of a fold hold it as the test split. Those of all titles have no test split: what a run with folds promotes
is trained on them, and its figures are those of the models of the folds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from meli_tasks.core.errors import BadData
from meli_tasks.core.stage_parameters import Ingest
from meli_tasks.core.text.folds import fold_rule, fold_splits
from meli_tasks.core.text.splits import SPLIT_RULE, SPLITS, split_of
from meli_tasks.stages.files.arrow_columns import texts
from meli_tasks.stages.listings.split_assignment import ListingTotals, listings_schema, with_split, write_tables
from meli_tasks.stages.summaries import IngestSummary
from meli_tasks.wording import count

ALL_TITLES_RULE = f"{SPLIT_RULE}, trained on the test titles too"
"""Names the rule of the listings of all titles, if the splits that they were made from followed SPLIT_RULE."""

_ROWS_AT_ONCE = 131_072

Assign = Callable[[pa.Table], NDArray[np.uint8]]
"""The split of each row of a table, an index into SPLITS."""


@dataclass
class _AllTitles:
    """The splits of the listings of all titles: test titles join the train split, validation titles stay."""

    by_hash: bool = True
    """Whether all splits so far are those that the hash of the title gives."""

    def assign(self, table: pa.Table) -> NDArray[np.uint8]:
        splits = pc.index_in(table["split"], value_set=texts(SPLITS)).to_numpy()
        self.by_hash = self.by_hash and bool((splits == split_of(table["title"].to_pylist())).all())
        return np.where(splits == SPLITS.index("test"), SPLITS.index("train"), splits).astype(np.uint8)


def write_fold_listings(listings: Path, target: Path, params: Ingest) -> IngestSummary:
    """Write the rows of `listings` to `target` with the splits that `params.fold` and `params.folds` ask for.

    Raises:
        BadData: a split that is needed has no titles.
    """
    categories: Counter[str] = Counter()
    every = _AllTitles()

    def assign(table: pa.Table) -> NDArray[np.uint8]:
        if not params.fold:
            return every.assign(table)
        return fold_splits(table["title"].to_pylist(), params.fold, params.folds)

    schema = listings_schema(pq.read_schema(listings))
    totals = write_tables(target, _with_splits(listings, assign, categories), schema)
    if params.fold:
        totals.split_rule = fold_rule(params.fold, params.folds)
        totals.splits_from = f"hash of the title: fold {params.fold} of {params.folds} is the test split"
        _check(totals, params)
    else:
        totals.split_rule = ALL_TITLES_RULE if every.by_hash else ""
        totals.splits_from = "the listings, whose test titles joined the train split"
    return _summary(totals, categories)


def _with_splits(listings: Path, assign: Assign, categories: Counter[str]) -> Iterator[pa.Table]:
    with pq.ParquetFile(listings) as file:
        for batch in file.iter_batches(_ROWS_AT_ONCE):
            table = pa.Table.from_batches([batch])
            categories.update({item["values"]: item["counts"] for item in table["category"].value_counts().to_pylist()})
            yield with_split(table, assign(table))


def _check(totals: ListingTotals, params: Ingest) -> None:
    meaning = {"train": "training", "validation": "validation", "test": f"fold {params.fold} itself"}
    missing = [meaning[split] for split in SPLITS if not totals.splits[split]]
    if missing:
        raise BadData(
            f"Fold {params.fold} of {params.folds} cannot be used: of {count(totals.rows, 'listing')}, none is left "
            f"for {' and '.join(missing)}. Provide more titles, use fewer folds, or set folds to 0."
        )


def _summary(totals: ListingTotals, categories: Counter[str]) -> IngestSummary:
    return IngestSummary(
        rows=totals.rows,
        source_rows=totals.rows,
        categories=len(categories),
        smallest_category=min(categories.values(), default=0),
        largest_category=max(categories.values(), default=0),
        languages=dict(sorted(totals.languages.items())),
        label_qualities=dict(sorted(totals.label_qualities.items())),
        splits=dict(sorted(totals.splits.items())),
        splits_from=totals.splits_from,
        split_rule=totals.split_rule,
        fingerprint=totals.fingerprint,
    )
