"""promote: decide whether a challenger replaces the champion. Pure: it only reads what evaluate wrote.

In: `evaluate` (scores.json, predictions.parquet), and among the parameters what evaluate measured with a clock, which
no file of an artifact holds. Out: decision.json, with the evidence for every gate. The registry
writes the decision into the ledger.
"""

from __future__ import annotations

from pathlib import Path

from meli_tasks.core.stage_parameters import Promotion
from meli_tasks.stages.deciding.decision import decide
from meli_tasks.stages.deciding.results import read_results
from meli_tasks.stages.hooks import Hooks, Inputs
from meli_tasks.stages.summaries import PromoteSummary


def run(inputs: Inputs, out: Path, params: Promotion, hooks: Hooks) -> PromoteSummary:
    """Decide whether a challenger replaces `params.champion`.

    Raises:
        BadData: the champion was not evaluated.
    """
    decision = decide(read_results(inputs["evaluate"], params.milliseconds), params)
    (out / "decision.json").write_text(decision.model_dump_json(indent=1), encoding="utf-8")
    hooks.log.info(decision.reason)
    return PromoteSummary.model_validate(decision.model_dump(include=set(PromoteSummary.model_fields)))
