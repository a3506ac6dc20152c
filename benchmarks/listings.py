"""The titles of one split with their categories, as ingest dealt them: every peer sees the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from meli_tasks.core.metrics import recalls


@dataclass(frozen=True)
class Listings:
    """Titles and their categories, in parallel."""

    titles: list[str]
    categories: list[str]


def read(ingested: Path, split: str) -> Listings:
    """`split`: train, validation or test. `ingested`: the folder that ingest wrote."""
    table = pq.read_table(
        ingested / "listings.parquet", columns=["title", "category"], filters=[("split", "==", split)]
    )
    return Listings(table["title"].to_pylist(), table["category"].to_pylist())


def balanced_accuracy(right: list[str], answered: list[str]) -> float:
    """The mean recall of the categories in `right`, measured by what measures our models."""
    names, labels = np.unique(np.array(right), return_inverse=True)
    correct: NDArray[np.bool_] = np.array(right) == np.array(answered)
    assert len(names) == labels.max() + 1
    return float(recalls(labels.astype(np.int32), correct).values.mean())
