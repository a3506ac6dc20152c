"""reference: what a simple model makes of the test titles, so that each evaluation can say whether others beat it.

In: `ingest` (listings.parquet). Out: reference.parquet, with the row in the listings and the predicted category of each
test title. It depends on the listings alone, so it is computed a single time for each.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from meli_tasks.core.errors import BadData
from meli_tasks.core.models.reference import predict_by_reference
from meli_tasks.core.stage_parameters import Reference
from meli_tasks.stages.evaluating.reference import write_reference
from meli_tasks.stages.hooks import Hooks, Inputs
from meli_tasks.stages.summaries import ReferenceSummary
from meli_tasks.wording import count

_ROWS_AT_ONCE = 131_072


def run(inputs: Inputs, out: Path, params: Reference, hooks: Hooks) -> ReferenceSummary:
    """Fit the reference model on the train titles and classify the test titles.

    Raises:
        BadData: there are no train titles.
    """
    listings = inputs["ingest"] / "listings.parquet"
    train, available = _train_titles(listings, params.max_titles)
    if not len(train):
        raise BadData("The listings hold no train titles, so the reference model cannot be fitted.")
    test = pq.read_table(listings, columns=["row", "title"], filters=[("split", "==", "test")])
    names = pa.array(sorted(pc.unique(train["category"]).to_pylist()))
    labels = pc.index_in(train["category"], value_set=names).to_numpy().astype(np.int32)
    hooks.log.info(
        f"Fitting TF-IDF and a linear classifier on {len(train):,} of {count(available, 'train title')} in "
        f"{len(names):,} categories."
    )
    predicted = predict_by_reference(train["title"].to_pylist(), labels, test["title"].to_pylist(), params.seed)
    categories = pa.DictionaryArray.from_arrays(pa.array(predicted.astype(np.int32)), names)
    write_reference(out, test["row"], categories, len(train))
    return ReferenceSummary(
        trained_titles=len(train), train_titles=available, test_titles=len(test), categories=len(names)
    )


def _train_titles(listings: Path, most: int) -> tuple[pa.Table, int]:
    """Titles and categories of the train split, at most `most`, taken evenly; and how many there are."""
    with pq.ParquetFile(listings) as file:
        available = sum(
            pc.sum(pc.equal(batch["split"], "train")).as_py() or 0
            for batch in file.iter_batches(_ROWS_AT_ONCE, columns=["split"])
        )
        taken = np.unique(np.arange(min(most, available)) * available // max(1, min(most, available)))
        parts, start = [], 0
        for batch in file.iter_batches(_ROWS_AT_ONCE, columns=["title", "category", "split"]):
            inside = batch.filter(pc.equal(batch["split"], "train"))
            low, high = np.searchsorted(taken, [start, start + len(inside)])
            parts.append(pa.Table.from_batches([inside]).select(["title", "category"]).take(taken[low:high] - start))
            start += len(inside)
    return pa.concat_tables(parts), available
