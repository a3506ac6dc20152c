"""When evidence is borderline, so that a person decides: at most as far from the limit as the band reaches."""

from __future__ import annotations

import pytest

from meli_tasks.core.stage_parameters import Promote
from meli_tasks.stages.deciding.decision import verdict_of
from meli_tasks.stages.evaluation import Candidate, Comparison
from meli_tasks.stages.summaries import Gate


@pytest.mark.parametrize(("probability", "band", "expected"), [
    (0.97, 0.02, "ask"), (0.93, 0.02, "ask"), (0.9701, 0.02, "promote"), (0.9299, 0.02, "keep"),
    (0.95, 0.0, "promote"), (0.9501, 0.0, "promote"), (0.9499, 0.0, "keep"),
])  # fmt: skip
def test_the_band_includes_its_ends_and_without_one_nobody_is_asked(
    probability: float, band: float, expected: str
) -> None:
    limits = Promote(mode="auto", min_probability=0.95, approval_band=band)
    gate = Gate(name="probability", passed=probability >= 0.95, value=probability, limit=0.95)
    candidate = Candidate(label="mlp", comparison=Comparison(0.01, (0.0, 0.02), probability), gates=(gate,))
    assert verdict_of(candidate, limits) == (expected, expected == "ask")
