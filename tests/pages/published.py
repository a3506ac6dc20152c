"""What runs leave for the pages, and a store that records which names are read."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from meli_tasks.artifacts.manifest import need
from meli_tasks.decision import Champion, Evidence
from meli_tasks.ledger import Ledger
from meli_tasks.planning.evaluation import Evaluated, EvaluationReport
from meli_tasks.store.file import FileStore
from tests.past_run import PastRun
from tests.rewriting import rewrite_file


class Counting(FileStore):
    """A store that records which names were read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reads: list[str] = []

    def read(self, name: str) -> Any:
        self.reads.append(name)
        return super().read(name)


def evaluate(run: PastRun, failed: tuple[str, ...] = (), **others: tuple[str, float]) -> Evaluated:
    """What the task evaluate leaves beside the plan."""
    evaluated = run.evaluation(**others)
    scores = {label: run._scores(accuracy) for label, accuracy in run.accuracies.items()}
    scores |= {label: run._scores(accuracy) for label, (_, accuracy) in others.items()}
    report = {**evaluated.model_dump(), "failed": failed, "scores": scores, "run_id": run.run_id}
    EvaluationReport.model_validate(report).save(run.store, run.plan.name)
    return evaluated


def promote(run: PastRun, label: str, expected_last: int = 0) -> Champion:
    """What the task promote leaves in the ledger."""
    champion = Champion(
        train=run.models[label], set_name=label, balanced_accuracy=run.accuracies[label], interval=(0.9, 0.95),
        run_id=run.run_id, as_of="2026-11-20", fingerprint="f" * 64,
    )  # fmt: skip
    evidence = Evidence(plan=run.plan.name, run_id=run.run_id, gain=0.02, probability=0.97)
    Ledger(run.store).append(
        expected_last, action="promote", champion=champion, reason="it is better", by=run.run_id, evidence=evidence
    )
    return champion


def predict(run: PastRun, evaluated: Evaluated, wrong: dict[str, set[int]], rows: int = 200) -> None:
    """The predictions of an evaluation: each model is wrong at these rows, and right at all others.

    They are stored in an order of their own, with the names of the categories in another order for each model.
    """
    names = ["CELLPHONES", "PERFUMES"]
    order = np.random.default_rng(len(wrong)).permutation(rows)
    columns: dict[str, Any] = {"row": order, "category": _categories(order % 2, names)}
    for label, missed in wrong.items():
        answers = np.array([(row + (row in missed)) % 2 for row in order])
        columns[label] = _categories(1 - answers, names[::-1])
    with TemporaryDirectory() as folder:
        path = Path(folder) / "predictions.parquet"
        pq.write_table(pa.table(columns), path)
        add_file(run, "evaluate", evaluated.key, path.name, path.read_bytes())


def _categories(positions: Any, names: list[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(positions, pa.int32()), pa.array(names))


def add_file(run: PastRun, stage: str, key: str, name: str, data: bytes) -> None:
    """A further file of an artifact."""
    rewrite_file(run.store, need(run.store, stage, key), name, data)
