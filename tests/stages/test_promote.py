"""promote on figures written here: each gate alone, ties, and what the sentence says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typing_extensions import override

from meli_tasks.core.errors import BadData
from meli_tasks.core.metrics import recalls
from meli_tasks.core.stage_parameters import Promote, Promotion
from meli_tasks.stages import promote
from meli_tasks.stages.hooks import Hooks, SilentLog
from meli_tasks.stages.summaries import PromoteSummary

CATEGORIES = 10
TITLES = 40  # of each category


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


@pytest.fixture
def evaluate(tmp_path: Path) -> Evaluated:
    return Evaluated(tmp_path)


def failed_gates(decision: dict[str, Any]) -> set[str]:
    return {gate["name"] for gate in decision["gates"] if not gate["passed"]}


SOME = list(range(0, 400, 5))  # 80 titles over all categories
FEW = SOME[::4]


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


def test_mode_never_evaluates_and_promotes_no_model(evaluate: Evaluated) -> None:
    evaluate.model("champion", SOME)
    evaluate.model("mlp", FEW)
    decision = evaluate.decide("champion", mode="never")
    assert decision["promoted"] is None
    assert decision["probability"] == pytest.approx(1)
    assert decision["reason"].startswith("mlp would become champion with balanced accuracy 0.9500, +0.1500 against")
    assert decision["reason"].endswith(", but promotion is off for this run ('never').")


def test_nobody_becomes_first_champion_past_a_gate(evaluate: Evaluated) -> None:
    evaluate.model("mlp", FEW, milliseconds=80)
    decision = evaluate.decide(None)
    assert decision["promoted"] is None
    assert "80 milliseconds exceed the limit of 50" in decision["reason"]


def test_a_champion_that_was_not_evaluated_is_bad_data(evaluate: Evaluated) -> None:
    evaluate.model("mlp_b", FEW)
    evaluate.model("mlp_a", FEW)
    with pytest.raises(BadData, match=r"'cnn' was not evaluated\. Evaluated models: mlp_a, mlp_b\.$"):
        evaluate.decide("cnn")


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
