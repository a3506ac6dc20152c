"""The words of the evidence summary."""

from __future__ import annotations

import pytest

from meli_tasks.planning.evidence_summary import GATES, EvidenceSummary
from meli_tasks.stages.deciding.gates import CATEGORY_LOSS
from meli_tasks.stages.evaluation import PromotionDecision
from meli_tasks.stages.golden_gate import NAME as GOLDEN
from meli_tasks.stages.summaries import Gate


@pytest.mark.parametrize(
    "name", ["unseen_titles", "gain", "probability", CATEGORY_LOSS, GOLDEN, "milliseconds", "megabytes"]
)
def test_each_gate_is_named_in_words(name: str) -> None:
    found = PromotionDecision(gates=(Gate(name=name, passed=True, value=1.0, limit=0.5),))
    assert f"| {GATES[name]} | passed | 1 | 0.5 |" in EvidenceSummary(found, {}).markdown()
