"""Columns of the large files behind a run: its predictions and listings. They are read only as far as a report needs.

A store has no partial reads, so a file is downloaded whole; one that is too large for that is left out, and the report
says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from meli_tasks.artifacts.cache import download
from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.artifacts.reading import PARSE_ERRORS
from meli_tasks.core.errors import BadData, NotFound
from meli_tasks.store import Store

if TYPE_CHECKING:
    import pyarrow.parquet as pq

LISTINGS, PREDICTIONS = "listings.parquet", "predictions.parquet"
MAX_BYTES = 500_000_000
"""Of a file that a report downloads: some twenty million titles."""


@contextmanager
def parquet(store: Store, manifest: Manifest, file: str) -> Iterator[pq.ParquetFile]:
    """A Parquet file of an artifact.

    Raises:
        NotFound: it was deleted.
        BadData: it is damaged, or too large.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    name = manifest.file_name(file)
    size = store.size(name)
    if size is None:
        raise NotFound(f"{name} was deleted")
    if size > MAX_BYTES:
        raise BadData(f"{name} has {size / 1e6:,.0f} MB; a report reads at most {MAX_BYTES / 1e6:,.0f} MB")
    with TemporaryDirectory(prefix="meli-report-") as folder:
        path = Path(folder, file)
        download(store, manifest, file, path)
        try:
            with pq.ParquetFile(path) as opened:
                yield opened
        except (pa.ArrowException, OSError, *PARSE_ERRORS) as error:
            raise BadData(f"{name} cannot be read: {error}") from error


def titles_of(store: Store, listings: Manifest, rows: Collection[int]) -> dict[int, str]:
    """The titles of some rows of listings, by `row`: rows that were not used leave gaps in it.

    Only the groups of rows that can hold them are decoded.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = np.array(sorted(rows), np.int64)
    found: dict[int, str] = {}
    with parquet(store, listings, LISTINGS) as file:
        place = file.schema_arrow.names.index("row")
        for group in range(file.num_row_groups):
            within = file.metadata.row_group(group).column(place).statistics
            if within is not None and within.has_min_max:
                low, high = np.searchsorted(wanted, [within.min, within.max + 1])
            else:
                low, high = 0, len(wanted)
            if low < high:
                table = file.read_row_group(group, columns=["row", "title"])
                table = table.filter(pc.is_in(table["row"], value_set=pa.array(wanted[low:high])))
                found |= dict(zip(table["row"].to_pylist(), table["title"].to_pylist(), strict=True))
    return found


def category_counts(store: Store, listings: Manifest) -> Mapping[str, int]:
    """The number of listings of each category."""
    import pyarrow.compute as pc

    counts: Counter[str] = Counter()
    with parquet(store, listings, LISTINGS) as file:
        for batch in file.iter_batches(columns=["category"], batch_size=1_000_000):
            for pair in pc.value_counts(batch["category"]).to_pylist():
                counts[str(pair["values"])] += int(pair["counts"])
    return counts


def examples(
    store: Store, evaluation: Manifest, label: str, pairs: Sequence[tuple[str, str]], each: int
) -> dict[tuple[str, str], list[int]]:
    """The first rows of the listings that a model puts from one category into another, for each pair of categories."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found: dict[tuple[str, str], list[int]] = {pair: [] for pair in pairs}
    names = [pa.array({pair[side] for pair in pairs}, pa.string()) for side in (0, 1)]
    with parquet(store, evaluation, PREDICTIONS) as file:
        if label not in file.schema_arrow.names:
            raise BadData(f"{evaluation.file_name(PREDICTIONS)} has no predictions of {label}")
        for batch in file.iter_batches(columns=["row", "category", label]):
            texts = [batch[name].cast(pa.string()) for name in ("category", label)]
            inside = pc.and_(*(pc.is_in(text, value_set=some) for text, some in zip(texts, names, strict=True)))
            chosen = pc.and_(inside, pc.not_equal(*texts))
            true, predicted = (text.filter(chosen).to_pylist() for text in texts)
            listed = batch["row"].filter(chosen).to_pylist()
            for row, pair in zip(listed, zip(true, predicted, strict=True), strict=True):
                if pair in found and len(found[pair]) < each:
                    found[pair].append(row)
    return found


def confused_pairs(store: Store, evaluation: Manifest, label: str) -> Mapping[tuple[str, str], int]:
    """How many titles of one category a model puts into another one, for evaluations that do not record it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    counts: Counter[tuple[str, str]] = Counter()
    with parquet(store, evaluation, PREDICTIONS) as file:
        if label not in file.schema_arrow.names:
            raise BadData(f"{evaluation.file_name(PREDICTIONS)} has no predictions of {label}")
        for batch in file.iter_batches(columns=["category", label]):
            texts = [batch[name].cast(pa.string()) for name in ("category", label)]
            wrong = pc.not_equal(*texts)
            counts.update(zip(*(text.filter(wrong).to_pylist() for text in texts), strict=True))
    return counts
