"""What part of a figure promote counts as luck."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.stages.evaluated import SOME, Evaluated

SKETCH = list(range(50))


def history(champion: float, **changed: Any) -> dict[str, Any]:
    """200 models of a true accuracy of 0.78, of which the champion was the luckiest: it measured 0.80."""
    figures = np.round(np.random.default_rng(1).normal(0.78, 0.007, 200), 4)
    values, models = np.unique(np.append(np.minimum(figures, champion), champion), return_counts=True)
    measured = [[float(value), int(number)] for value, number in zip(values, models, strict=True)]
    known = {"measured": measured, "error": 0.01, "sketch": SKETCH, "promoted": True, "decisions": 200}
    return {"champion": champion, **known} | changed


def test_what_the_champion_owes_to_luck_counts_for_the_challenger(evaluate: Evaluated) -> None:
    evaluate.sketch = SKETCH
    evaluate.model("champion", SOME)
    evaluate.model("mlp", SOME[4:])
    plain, corrected = evaluate.decide("champion"), evaluate.decide("champion", history=history(0.8))
    bias = corrected["selection_bias"]
    assert plain["selection_bias"] == 0
    assert 0.01 < bias < 0.025
    assert corrected["champion_bias"] == bias
    assert corrected["gain"] > plain["gain"]
    assert corrected["probability"] > plain["probability"]
    assert (
        f"The balanced accuracy of champion counts as {0.8 - bias:.4f} instead of the measured 0.8000"
        in corrected["reason"]
    )
    assert corrected["scores"]["champion"]["balanced_accuracy"] == pytest.approx(0.8)


def test_luck_on_titles_that_are_no_longer_used_does_not_count(evaluate: Evaluated) -> None:
    evaluate.sketch = [*SKETCH[:25], *range(1_000, 1_025)]
    evaluate.model("champion", SOME)
    evaluate.model("mlp", SOME[4:])
    half = evaluate.decide("champion", history=history(0.8))
    assert half["selection_bias"] == pytest.approx(half["champion_bias"] / 2)
    evaluate.sketch = list(range(1_000, 1_050))
    assert evaluate.decide("champion", history=history(0.8))["selection_bias"] == 0


def test_luck_on_new_titles_says_nothing_of_the_figure_that_the_champion_was_promoted_with(evaluate: Evaluated) -> None:
    evaluate.sketch = SKETCH
    evaluate.model("champion", SOME)
    evaluate.model("mlp", SOME[4:])
    few = {"measured": [[0.8, 1], [0.79, 3]]}
    for changed in (few, {"promoted": False}, few | {"promoted": False}):
        decision = evaluate.decide("champion", history=history(0.8, **changed))
        assert decision["champion_bias"] is None  # the ledger keeps what it knows
    lucky = evaluate.decide("champion", history=history(0.8, promoted=False))
    assert lucky["selection_bias"] > 0.01
    unlucky = evaluate.decide("champion", history=history(0.76, measured=history(0.8)["measured"]))
    assert (unlucky["champion_bias"], unlucky["selection_bias"]) == (0, 0)


def test_a_figure_that_cannot_be_corrected_is_said_to_be_uncorrected(evaluate: Evaluated) -> None:
    evaluate.sketch = SKETCH
    evaluate.model("champion", SOME)
    evaluate.model("mlp", SOME[4:])
    decision = evaluate.decide("champion", history=history(0.8, sketch=[]))
    assert (decision["selection_bias"], decision["champion_bias"]) == (0, None)
    assert "The champion's balanced accuracy is not corrected for selection bias" in decision["reason"]


def test_a_champion_of_which_the_ledger_holds_no_figures_is_said_to_be_uncorrected(evaluate: Evaluated) -> None:
    """That of a version without sketches, for example, or one that no run has decided on."""
    evaluate.sketch = SKETCH
    evaluate.model("champion", SOME)
    evaluate.model("mlp", SOME[4:])
    decision = evaluate.decide("champion", ledger=3)
    assert decision["champion_bias"] is None
    assert (
        "The champion's balanced accuracy is not corrected for selection bias: the ledger has no earlier result of it "
        "on comparable titles."
    ) in decision["reason"]


def test_a_promoted_model_owes_something_to_luck_too(evaluate: Evaluated) -> None:
    evaluate.sketch = SKETCH
    evaluate.model("champion", SOME)
    evaluate.model("mlp", SOME[13:])
    decision = evaluate.decide("champion", history=history(0.8))
    assert decision["promoted"] == "mlp"
    assert 0 <= decision["nominated_bias"] < 0.0325 + decision["champion_bias"]
    assert evaluate.decide("champion")["nominated_bias"] == 0
