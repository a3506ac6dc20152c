"""Random samples of the titles of listings, the same ones each time, in memory that does not grow with the listings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

ROWS_A_BATCH = 262_144
CANDIDATES = 20
_SEED = 13


@dataclass(frozen=True)
class NewTitles:
    """A sample of the titles that are new to a model, with their categories, and about how many there are."""

    titles: list[str]
    categories: list[str]
    total: int


def validation_titles(listings: Path, most: int) -> list[str]:
    """The validation titles of listings, a random sample of `most` if there are more."""
    table = pq.read_table(listings, columns=["title", "split"])
    titles = table.filter(pc.equal(table["split"], "validation"))["title"]
    found: list[str] = titles.take(pa.array(_sample(len(titles), most))).to_pylist()
    return found


def new_titles(listings: Path, known: Path, most: int) -> NewTitles:
    """The titles of listings that `known` listings do not hold, a random sample of `most` if there are more.

    No validation title is a training title, so titles that a model was trained on would look more familiar. In a window
    of days most titles can be old ones: up to CANDIDATES times `most` rows are looked at.
    """
    with pq.ParquetFile(listings) as file:
        rows = _sample(file.metadata.num_rows, CANDIDATES * most)
        parts = [batch.take(_of_batch(rows, start, batch)) for start, batch in _batches(file, ["title", "category"])]
        candidates = pa.Table.from_batches(parts, file.schema_arrow.empty_table().select(["title", "category"]).schema)
    with pq.ParquetFile(known) as file:
        distinct = pc.unique(candidates["title"])
        titles = (batch.column("title") for _, batch in _batches(file, ["title"]))
        hits = [column.filter(pc.is_in(column, value_set=distinct)) for column in titles]
    old = pc.unique(pa.chunked_array(hits, pa.string()))
    found = candidates.filter(pc.invert(pc.is_in(candidates["title"], value_set=old)))
    sampled = found.take(pa.array(_sample(len(found), most)))
    total = round(len(found) / max(1, len(rows)) * _rows_of(listings))
    return NewTitles(sampled["title"].to_pylist(), sampled["category"].to_pylist(), total)


def _rows_of(listings: Path) -> int:
    rows: int = pq.read_metadata(listings).num_rows
    return rows


def _batches(file: pq.ParquetFile, columns: list[str]) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Columns of a file in batches, with the number of the first row of each."""
    start = 0
    for batch in file.iter_batches(ROWS_A_BATCH, columns=columns, use_threads=False):
        yield start, batch
        start += len(batch)


def _of_batch(rows: NDArray[np.int64], start: int, batch: pa.RecordBatch) -> pa.Array:
    """The places in a batch of those rows that it holds."""
    low, high = np.searchsorted(rows, (start, start + len(batch)))
    return pa.array(rows[low:high] - start)


def _sample(rows: int, most: int) -> NDArray[np.int64]:
    """The ascending numbers of at most `most` rows, at random; the same ones each time."""
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(_SEED).choice(rows, most, replace=False))
