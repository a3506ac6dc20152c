"""The gates of a promotion: each alone, and limits that are just reached."""

from __future__ import annotations

import numpy as np
import pytest

from meli_tasks.core.stage_parameters import Promote
from tests.stages.evaluated import FEW, SOME, Evaluated, failed_gates


@pytest.mark.parametrize(
    ("params", "gate", "failure"),
    [
        ({"min_gain": 0.2}, "gain", "its gain of 0.1500 is below the minimum of 0.2"),
        ({"max_milliseconds": 0.5}, "milliseconds", "1 milliseconds exceed the limit of 0.5"),
        ({"max_megabytes": 5}, "megabytes", "10 megabytes exceed the limit of 5"),
    ],
)
def test_each_gate_alone_holds_the_champion(
    evaluate: Evaluated, params: dict[str, float], gate: str, failure: str
) -> None:
    evaluate.model("champion", SOME)
    evaluate.model("mlp", FEW)
    decision = evaluate.decide("champion", **params)
    assert decision["promoted"] is None
    assert failed_gates(decision) == {gate}
    assert decision["reason"] == (
        f"champion stays champion: mlp (balanced accuracy 0.9500) was not promoted because {failure}."
    )


def test_a_model_whose_cost_was_not_evaluated_fails_the_gate(evaluate: Evaluated) -> None:
    evaluate.model("mlp", FEW)
    evaluate.scores["mlp"]["milliseconds_p95"] = None
    decision = evaluate.decide(None, max_megabytes=5)
    assert failed_gates(decision) == {"milliseconds", "megabytes"}
    assert decision["reason"].startswith("No model becomes champion: mlp")
    assert decision["reason"].endswith(" because milliseconds was not measured; 10 megabytes exceed the limit of 5.")


@pytest.mark.parametrize(("limit", "figure"), [("min_gain", "gain"), ("min_probability", "probability")])
def test_a_challenger_that_just_reaches_a_limit_passes(evaluate: Evaluated, limit: str, figure: str) -> None:
    evaluate.model("champion", SOME)
    evaluate.model("mlp", SOME[1:])
    reached = evaluate.decide("champion", min_gain=0, min_probability=0.5)[figure]
    lenient = {"min_gain": 0, "min_probability": 0.5}
    assert evaluate.decide("champion", **lenient | {limit: reached})["promoted"] == "mlp"
    above = np.nextafter(reached, 1)
    assert failed_gates(evaluate.decide("champion", **lenient | {limit: above})) == {figure}


@pytest.mark.parametrize(("limit", "figure"), [("max_milliseconds", "milliseconds"), ("max_megabytes", "megabytes")])
def test_a_model_that_just_costs_a_limit_passes(evaluate: Evaluated, limit: str, figure: str) -> None:
    evaluate.model("mlp", FEW, milliseconds=4.0, megabytes=4.0)
    assert evaluate.decide(None, **{limit: 4.0})["promoted"] == "mlp"
    assert failed_gates(evaluate.decide(None, **{limit: np.nextafter(4.0, 0)})) == {figure}


def test_a_category_loss_of_just_the_level_passes(evaluate: Evaluated) -> None:
    evaluate.model("champion", SOME)
    evaluate.model("mlp", list(range(12)))
    chance = next(gate["value"] for gate in evaluate.decide("champion")["gates"] if gate["name"] == "category_loss")
    assert evaluate.decide("champion", category_level=chance)["promoted"] == "mlp"
    assert failed_gates(evaluate.decide("champion", category_level=np.nextafter(chance, 1))) == {"category_loss"}


def test_a_gain_by_chance_is_not_enough(evaluate: Evaluated) -> None:
    evaluate.model("champion", SOME)
    evaluate.model("mlp", SOME[1:])
    decision = evaluate.decide("champion")
    assert failed_gates(decision) == {"probability"}
    assert decision["probability"] == 0.5  # a title that is won is as likely lost
    assert f"that it is better, {decision['probability']:.3f}, is below the minimum of 0.95" in decision["reason"]


def test_a_collapsing_category_holds_the_champion_however_good_the_rest(evaluate: Evaluated) -> None:
    evaluate.model("champion", SOME)
    evaluate.model("mlp", list(range(30)))  # all right but for three quarters of C0
    decision = evaluate.decide("champion")
    assert decision["gain"] > 0.1
    assert failed_gates(decision) == {"category_loss"}
    assert "C0 loses 24 of 32 titles (p = " in decision["reason"]
    assert decision["verdict"] == "keep"


def test_a_category_gate_that_could_not_find_anything_is_not_checked(evaluate: Evaluated) -> None:
    evaluate.labels = np.repeat(np.arange(100), 1)
    evaluate.model("champion", list(range(40)))
    evaluate.model("mlp", list(range(60, 64)))
    decision = evaluate.decide("champion")
    assert decision["promoted"] == "mlp"
    gate = next(gate for gate in decision["gates"] if gate["name"] == "category_loss")
    assert (gate["passed"], gate["value"], gate["limit"]) == (None, None, Promote().category_level)
    assert "Not checked: category_loss (every category has too few test titles" in decision["reason"]


def test_nobody_becomes_first_champion_past_a_gate(evaluate: Evaluated) -> None:
    evaluate.model("mlp", FEW, milliseconds=80)
    decision = evaluate.decide(None)
    assert decision["promoted"] is None
    assert "80 milliseconds exceed the limit of 50" in decision["reason"]
