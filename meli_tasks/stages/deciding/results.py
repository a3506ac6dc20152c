"""What evaluate found, as the decision needs it: figures by label, and which titles each model is right on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from meli_tasks.stages.evaluation import Evaluation, Scores, TestSet
from meli_tasks.stages.figures import GoldenTitles, ReferenceModel


@dataclass(frozen=True)
class TestResults:
    """The evaluations by label. `labels` (n,) are the true categories, as positions in `categories`; `correct[label]`
    (n,) says which titles that model classified correctly. `test` says which titles these are, `golden` which golden
    titles the models were checked with, `validation` has balanced accuracies on the validation titles,
    `reference` has the figures of the reference model.
    """

    __test__ = False  # no class of tests

    test: TestSet
    evaluations: dict[str, Evaluation]
    labels: NDArray[np.int64]
    categories: list[str]
    correct: dict[str, NDArray[np.bool_]]
    golden: GoldenTitles | None = None
    validation: dict[str, float] = field(default_factory=dict)
    reference: ReferenceModel | None = None


def read_results(folder: Path, milliseconds: Mapping[str, float]) -> TestResults:
    """Read the files of an evaluate artifact; `milliseconds` has what its manifest knows of each label's CPU time."""
    scores = Scores.model_validate_json((folder / "scores.json").read_bytes()).timed(milliseconds)
    evaluations = scores.models
    table = pq.read_table(folder / "predictions.parquet", columns=["category", *evaluations])
    test = scores.test or TestSet(split_titles=len(table), titles=len(table), required=0)
    true = table["category"].cast(pa.string())
    names = pc.unique(true)
    labels = pc.index_in(true, value_set=names).to_numpy().astype(np.int64)
    correct = {label: pc.equal(table[label].cast(pa.string()), true).to_numpy() for label in evaluations}
    return TestResults(
        test, evaluations, labels, names.to_pylist(), correct, scores.golden, scores.validation, scores.reference
    )
