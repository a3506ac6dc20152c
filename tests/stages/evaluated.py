"""Evaluations written by hand, for tests of what promote decides on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from meli_tasks.core.metrics import recalls
from meli_tasks.core.stage_parameters import Promote, Promotion
from meli_tasks.stages import promote
from meli_tasks.stages.hooks import Hooks
from meli_tasks.stages.summaries import PromoteSummary

CATEGORIES = 10
TITLES = 40  # of each category
SOME = list(range(0, 400, 5))  # 80 titles over all categories
FEW = SOME[::4]


class Evaluated:
    """Writes what evaluate writes, for models that are right on chosen titles."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "evaluate"
        self.folder.mkdir()
        self.labels = np.repeat(np.arange(CATEGORIES), TITLES)
        self.predictions: dict[str, np.ndarray] = {}
        self.scores: dict[str, dict[str, Any]] = {}
        self.validation: dict[str, float] = {}
        self.sketch: list[int] = []
        self.reference: dict[str, Any] | None = None

    def model(
        self,
        label: str,
        wrong: list[int],
        milliseconds: float = 1.0,
        megabytes: float = 10.0,
        validation: float | None = None,
    ) -> None:
        if validation is not None:
            self.validation[label] = validation
        predictions = self.labels.copy()
        predictions[wrong] = -1
        self.predictions[label] = predictions
        self.scores[label] = {
            "balanced_accuracy": recalls(self.labels, self.labels == predictions).values.mean(),
            "interval": [0.0, 1.0],
            "top5": 1.0,
            "milliseconds_p95": milliseconds,
            "megabytes": megabytes,
        }

    def decide(self, champion: str | None, hooks: Hooks | None = None, **params: Any) -> dict[str, Any]:
        columns = {label: [f"C{p}" for p in positions] for label, positions in self.predictions.items()}
        table = pa.table({"category": [f"C{label}" for label in self.labels], **columns})
        pq.write_table(table, self.folder / "predictions.parquet")
        titles = len(self.labels)
        test = {"split_titles": titles, "titles": titles, "required": 0, "sketch": self.sketch}
        scores = {"version": 2, "models": self.scores, "validation": self.validation, "test": test}
        scores["reference"] = self.reference
        (self.folder / "scores.json").write_text(json.dumps(scores))
        out = self.folder.parent / "out"
        out.mkdir(exist_ok=True)
        all_params = {**Promote().model_dump(), "run_id": "manual__1", "champion": champion, **params}
        summary = promote.run({"evaluate": self.folder}, out, Promotion.model_validate(all_params), hooks or Hooks())
        decision = json.loads((out / "decision.json").read_text())
        assert PromoteSummary.model_validate(decision) == summary
        return decision


def failed_gates(decision: dict[str, Any]) -> set[str]:
    return {gate["name"] for gate in decision["gates"] if not gate["passed"]}
