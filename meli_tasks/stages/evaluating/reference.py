"""How the reference model does on the titles, and which models are not better than it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from meli_tasks.core import metrics
from meli_tasks.core.errors import BadData
from meli_tasks.core.stage_parameters import Evaluate
from meli_tasks.stages.evaluating.predictions import Predictions
from meli_tasks.stages.figures import ReferenceModel
from meli_tasks.stages.hooks import Inputs
from meli_tasks.stages.listings.test_titles import TestTitles

REFERENCE = "reference"
"""The input of a run without folds; with folds `reference:2` for each."""
FILE = "reference.parquet"
_TRAINED = b"trained_titles"
MIN_PROBABILITY = 0.95
"""A model beats the reference model if it is better with at least this bootstrap probability."""


def write_reference(folder: Path, rows: pa.ChunkedArray, categories: pa.Array, trained_titles: int) -> None:
    """Write the predictions of the reference model: the row in the listings and the category of each test title."""
    table = pa.table({"row": rows, "category": categories})
    described = table.replace_schema_metadata({_TRAINED: str(trained_titles).encode()})
    pq.write_table(described, folder / FILE, compression="zstd")


def reference_model(
    inputs: Inputs, titles: TestTitles, predicted: Mapping[str, Predictions], params: Evaluate
) -> ReferenceModel | None:
    """The figures of the reference model, and the models that do not beat it; None if it was not computed.

    Raises:
        BadData: it was not computed for every title.
    """
    folders = [folder for name, folder in sorted(inputs.items()) if name.split(":")[0] == REFERENCE]
    if not folders:
        return None
    labels, correct = titles.labels, _correct(folders, titles)
    samples, seed = params.bootstrap_samples, params.seed
    gains = {
        label: metrics.probability_better(labels, correct, found.categories == labels, samples=samples, seed=seed)
        for label, found in predicted.items()
    }
    return ReferenceModel(
        balanced_accuracy=float(metrics.recalls(labels, correct).values.mean()),
        interval=metrics.bootstrap_interval(labels, correct, samples=samples, seed=seed),
        accuracy=float(correct.mean()),
        trained_titles=min(_trained_titles(folder) for folder in folders),
        not_beaten_by=tuple(label for label, gain in gains.items() if gain.probability < MIN_PROBABILITY),
    )


def _correct(folders: list[Path], titles: TestTitles) -> NDArray[np.bool_]:
    """Whether the reference model is right about each title, shape (n,)."""
    table = pa.concat_tables([_read(folder) for folder in folders])
    places = pc.index_in(titles.rows, value_set=table["row"].combine_chunks())
    if places.null_count:
        raise BadData(
            f"{places.null_count:,} of {len(titles.titles):,} test titles have no prediction of the reference model: "
            "it was computed from other listings. Run the stage `reference` again with `force`."
        )
    true = pa.DictionaryArray.from_arrays(pa.array(titles.labels), pa.array(titles.categories)).cast(pa.string())
    return np.asarray(pc.equal(table["category"].take(places), true).to_numpy(zero_copy_only=False), np.bool_)


def _trained_titles(folder: Path) -> int:
    return int(pq.read_schema(folder / FILE).metadata[_TRAINED])


def _read(folder: Path) -> pa.Table:
    table = pq.read_table(folder / FILE)
    return table.set_column(1, "category", table["category"].cast(pa.string()))
