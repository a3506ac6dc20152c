"""promote on figures written here: who becomes champion, who decides, and what the sentence says."""

from __future__ import annotations

import pytest
from typing_extensions import override

from meli_tasks.core.errors import BadData
from meli_tasks.core.stage_parameters import Promote
from meli_tasks.stages.hooks import Hooks, SilentLog
from tests.stages.evaluated import CATEGORIES, FEW, SOME, TITLES, Evaluated


def test_better_challenger_replaces_the_champion(evaluate: Evaluated) -> None:
    evaluate.model("champion", SOME)
    evaluate.model("mlp", FEW)
    decision = evaluate.decide("champion")
    assert decision["promoted"] == "mlp"
    assert decision["gain"] == pytest.approx(0.15)
    assert decision["probability"] == pytest.approx(1)
    assert decision["gain_interval"][0] > 0
    assert [gate["name"] for gate in decision["gates"]] == [
        "gain", "probability", "category_loss", "milliseconds", "megabytes",
    ]  # fmt: skip
    assert decision["reason"] == (
        "mlp becomes champion with balanced accuracy 0.9500, +0.1500 against champion (better with probability 1.000)."
    )


def test_a_model_that_does_not_beat_the_reference_is_promoted_with_a_warning(evaluate: Evaluated) -> None:
    evaluate.model("champion", SOME)
    evaluate.model("mlp", FEW, validation=0.95)
    evaluate.model("cnn", FEW, validation=0.9)
    evaluate.reference = {
        "balanced_accuracy": 0.94, "interval": [0.9, 0.97], "accuracy": 0.94, "trained_titles": 900,
        "not_beaten_by": ["champion", "cnn", "mlp"],
    }  # fmt: skip
    decision = evaluate.decide("champion")
    assert decision["promoted"] == "mlp"
    # Only of the two models that the decision is about.
    assert decision["reason"].endswith(
        "champion, mlp do not significantly beat the reference model, TF-IDF with a linear classifier (balanced "
        "accuracy 0.9400)."
    )


def test_the_decision_holds_what_it_was_made_from(evaluate: Evaluated) -> None:
    evaluate.model("champion", SOME)
    evaluate.model("mlp", FEW, milliseconds=2.0, megabytes=20.0)
    decision = evaluate.decide("champion")
    evidence = {gate["name"]: (gate["value"], gate["limit"]) for gate in decision["gates"]}
    limits = Promote()
    assert evidence == {
        "gain": (pytest.approx(0.15), limits.min_gain),
        "probability": (pytest.approx(1), limits.min_probability),
        "category_loss": (1.0, limits.category_level),
        "milliseconds": (2.0, limits.max_milliseconds),
        "megabytes": (20.0, limits.max_megabytes),
    }
    assert decision["test_titles"] == CATEGORIES * TITLES
    assert decision["limits"] == limits.model_dump()
    assert (decision["champion"], decision["challenger"]) == ("champion", "mlp")
    assert {label: score["balanced_accuracy"] for label, score in decision["scores"].items()} == {
        "champion": pytest.approx(0.8), "mlp": pytest.approx(0.95),
    }  # fmt: skip


def test_the_same_evaluation_gives_the_same_decision(evaluate: Evaluated) -> None:
    evaluate.model("champion", SOME)
    evaluate.model("mlp", SOME[1:])
    assert evaluate.decide("champion") == evaluate.decide("champion")


def test_the_reason_is_logged(evaluate: Evaluated) -> None:
    logged: list[str] = []

    class Log(SilentLog):
        @override
        def info(self, message: str) -> None:
            logged.append(message)

    evaluate.model("mlp", FEW)
    assert [evaluate.decide(None, hooks=Hooks(Log()))["reason"]] == logged


def test_champion_already_best_stays(evaluate: Evaluated) -> None:
    evaluate.model("mlp", FEW)
    evaluate.model("cnn", SOME, validation=0.93)
    evaluate.model("twin", FEW, validation=0.94)
    decision = evaluate.decide("mlp")
    assert (decision["verdict"], decision["promoted"], decision["nominated"]) == ("keep", None, "twin")
    assert decision["reason"].startswith(
        "mlp stays champion: twin (balanced accuracy 0.9500) was not promoted because its gain of 0.0000 is "
        "below the minimum of 0.001; the probability that it is better, 0.000, is below the minimum of 0.95."
    )


@pytest.mark.parametrize(("band", "wrong", "verdict"), [
    (0.0, 6, "keep"), (0.25, 6, "ask"), (0.2, 9, "ask"), (0.01, 6, "keep"), (0.0, 13, "promote"),
])  # fmt: skip
def test_borderline_evidence_is_decided_by_a_person(evaluate: Evaluated, band: float, wrong: int, verdict: str) -> None:
    evaluate.model("champion", SOME)
    evaluate.model("mlp", [*SOME[wrong:], 1, 3, 6])
    decision = evaluate.decide("champion", approval_band=band)
    assert decision["verdict"] == verdict
    assert decision["borderline"] == (verdict == "ask")
    assert (decision["promoted"] is not None) == (verdict == "promote")
    if verdict == "ask":
        assert "mlp is proposed as champion" in decision["reason"]
        assert "Approval is required, because the evidence is borderline" in decision["reason"]


def test_no_person_is_asked_if_another_gate_fails(evaluate: Evaluated) -> None:
    evaluate.model("champion", SOME)
    evaluate.model("mlp", SOME[6:])
    assert evaluate.decide("champion", approval_band=0.5)["verdict"] == "ask"
    assert evaluate.decide("champion", approval_band=0.5, min_gain=0.1)["verdict"] == "keep"
    assert evaluate.decide("champion", approval_band=0.5, mode="always")["verdict"] != "ask"


def test_with_approval_a_person_decides_what_passes_the_gates(evaluate: Evaluated) -> None:
    evaluate.model("champion", SOME)
    evaluate.model("mlp", FEW)
    decision = evaluate.decide("champion", mode="approval")
    assert (decision["verdict"], decision["promoted"], decision["borderline"]) == ("ask", None, False)
    assert "Approval is required, because every promotion of this run requires approval" in decision["reason"]
    assert evaluate.decide("mlp", mode="approval")["verdict"] == "keep"
    assert evaluate.decide(None, mode="approval")["verdict"] == "ask"


def test_a_model_that_classifies_nothing_right_can_be_the_first_champion(evaluate: Evaluated) -> None:
    evaluate.model("mlp", list(range(CATEGORIES * TITLES)))
    assert evaluate.decide(None)["promoted"] == "mlp"


def test_champion_alone_stays(evaluate: Evaluated) -> None:
    evaluate.model("mlp", FEW)
    reason = evaluate.decide("mlp")["reason"]
    assert reason == "mlp stays champion: no other model was evaluated (balanced accuracy 0.9500)."


def test_mode_never_evaluates_and_promotes_no_model(evaluate: Evaluated) -> None:
    evaluate.model("champion", SOME)
    evaluate.model("mlp", FEW)
    decision = evaluate.decide("champion", mode="never")
    assert decision["promoted"] is None
    assert decision["probability"] == pytest.approx(1)
    assert decision["reason"].startswith("mlp would become champion with balanced accuracy 0.9500, +0.1500 against")
    assert decision["reason"].endswith(", but promotion is off for this run ('never').")


def test_a_champion_that_was_not_evaluated_is_bad_data(evaluate: Evaluated) -> None:
    evaluate.model("mlp_b", FEW)
    evaluate.model("mlp_a", FEW)
    with pytest.raises(BadData, match=r"'cnn' was not evaluated\. Evaluated models: mlp_a, mlp_b\.$"):
        evaluate.decide("cnn")
