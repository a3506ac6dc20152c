"""Which challenger promote compares with the champion."""

from __future__ import annotations

import pytest

from tests.stages.evaluated import FEW, SOME, Evaluated


def test_first_champion_is_the_most_accurate_on_the_validation_titles(evaluate: Evaluated) -> None:
    evaluate.model("mlp", FEW, validation=0.94)
    evaluate.model("cnn", SOME, validation=0.93)
    decision = evaluate.decide(None)
    assert (decision["verdict"], decision["promoted"], decision["nominated"]) == ("promote", "mlp", "mlp")
    assert decision["gain"] is None
    assert decision["reason"] == (
        "mlp becomes champion with balanced accuracy 0.9500, since there is no champion yet. mlp was nominated: the "
        "best balanced accuracy on the validation titles (0.9400) of the 2 challengers."
    )


def test_equal_candidates_go_by_name(evaluate: Evaluated) -> None:
    evaluate.model("mlp_b", FEW)
    evaluate.model("mlp_a", FEW)
    assert evaluate.decide(None)["promoted"] == "mlp_a"


def test_one_challenger_is_compared_however_good_the_others_are_on_the_test_titles(evaluate: Evaluated) -> None:
    evaluate.model("champion", SOME)
    evaluate.model("lucky", [], validation=0.90)
    evaluate.model("mlp", SOME[1:], validation=0.92)
    evaluate.model("new", FEW)
    decision = evaluate.decide("champion")
    assert (decision["nominated"], decision["promoted"]) == ("mlp", None)
    assert decision["why_nominated"] == (
        "the best balanced accuracy on the validation titles (0.9200) of the 3 challengers; 1 without a validation "
        "result"
    )
    examined = {candidate["label"]: candidate for candidate in decision["examined"]}
    assert list(examined) == ["mlp", "lucky", "new"]
    assert examined["lucky"]["note"] == (
        "not nominated: balanced accuracy 0.9000 on the validation titles; mlp has 0.9200"
    )
    assert examined["new"]["note"] == "not nominated: it has no validation result"
    for label in ("lucky", "new"):
        assert examined[label]["comparison"] is None
        assert {gate["name"] for gate in examined[label]["gates"]} == {"milliseconds", "megabytes"}


def test_without_validation_figures_the_number_of_challengers_is_corrected_for(evaluate: Evaluated) -> None:
    evaluate.model("champion", SOME)
    evaluate.model("mlp", SOME[13:])
    one = evaluate.decide("champion")
    assert one["promoted"] == "mlp"
    for label in ("a", "b", "c"):
        evaluate.model(label, SOME)
    several = evaluate.decide("champion")
    limit = next(gate["limit"] for gate in several["gates"] if gate["name"] == "probability")
    assert limit == pytest.approx(1 - 0.05 / 4)
    assert several["nominated"] == "mlp"
    assert "because none has a validation result" in several["reason"]
    assert "corrected for 4 challengers" in several["reason"]


def test_a_candidate_that_fails_a_gate_does_not_block_the_next_best(evaluate: Evaluated) -> None:
    evaluate.model("champion", SOME)
    evaluate.model("ensemble", [], megabytes=5_000, validation=0.99)
    evaluate.model("mlp", FEW, validation=0.9)
    decision = evaluate.decide("champion")
    assert decision["promoted"] == "mlp"
    assert decision["why_nominated"] == "the only challenger that passes the other gates"
    examined = {candidate["label"]: candidate for candidate in decision["examined"]}
    assert list(examined) == ["mlp", "ensemble"]
    assert examined["ensemble"]["note"] == "not nominated: fails megabytes"


def test_the_ensemble_is_nominated_even_if_a_member_is_slightly_better_on_the_validation_titles(
    evaluate: Evaluated,
) -> None:
    evaluate.model("cnn", SOME, validation=0.943)
    evaluate.model("mlp", SOME, validation=0.930)
    evaluate.model("ensemble", FEW, validation=0.942)
    decision = evaluate.decide(None)
    assert (decision["nominated"], decision["promoted"]) == ("ensemble", "ensemble")
    assert decision["why_nominated"] == (
        "the validation titles do not show that its best member is better (balanced accuracy 0.9420, cnn 0.9430)"
    )
    examined = {candidate["label"]: candidate["note"] for candidate in decision["examined"]}
    assert examined["cnn"] == examined["mlp"] == "not nominated: the run's ensemble is"


def test_an_ensemble_without_a_validation_result_is_nominated_without_figures(evaluate: Evaluated) -> None:
    evaluate.model("mlp", SOME, validation=0.930)
    evaluate.model("ensemble", FEW)
    assert evaluate.decide(None)["why_nominated"] == (
        "the validation titles do not show that its best member is better"
    )


def test_an_ensemble_that_costs_too_much_leaves_the_nomination_to_its_members(evaluate: Evaluated) -> None:
    evaluate.model("mlp", SOME, validation=0.930)
    evaluate.model("cnn", FEW, validation=0.943)
    evaluate.model("ensemble", FEW, validation=0.950, megabytes=5000.0)
    assert evaluate.decide(None)["nominated"] == "cnn"
