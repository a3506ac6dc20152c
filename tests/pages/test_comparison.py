"""Two models side by side."""

from __future__ import annotations

from typing import Any

import pytest

from meli_tasks.core.errors import NotFound
from meli_tasks.execution.runner import Step
from meli_tasks.pages import RunFilter
from meli_tasks.planning.evaluation import EnsembleResult, EvaluationReport
from meli_tasks.sets import catalog as named_sets
from tests.pages.published import Counting, evaluate, predict, promote
from tests.pages.served import ServedPages
from tests.past_run import PastRun


def test_two_models_side_by_side(store: Counting) -> None:
    run = PastRun(store, accuracies={"mlp": 0.90, "cnn": 0.94})
    evaluate(run)
    pages = ServedPages(store)
    by_set = {row["set"]: row["id"] for row in pages.models(RunFilter())["rows"]}
    found = pages.comparison(by_set["mlp"], by_set["cnn"])
    assert (found["left"]["set"], found["right"]["set"]) == ("mlp", "cnn")
    assert found["same_titles"]
    lines = {line["name"]: line for line in found["parameters"]}
    assert lines["train.architecture"] == {
        "name": "train.architecture", "left": "mlp", "right": "cnn", "differs": True,
    }  # fmt: skip
    assert not lines["preprocess.tokenizer"]["differs"]
    assert lines["data.source"]["left"] == "s3://titles/{ds}.csv.gz"
    assert [epoch["epoch"] for epoch in found["curves"]["left"]] == [1, 2, 3]
    assert [row["difference"] for row in found["categories"]] == pytest.approx([0.04, 0.04, 0.04])
    assert {row["category"]: row["left_titles"] for row in found["categories"]} == {
        "CELLPHONES": 10, "PERFUMES": 11, "SNEAKERS": 12,
    }  # fmt: skip


def test_an_external_model_has_the_parameters_of_the_run_that_promoted_it(store: Counting) -> None:
    old = PastRun(store, run_id="old", accuracies={"mlp": 0.9})
    champion = promote(old, "mlp")
    new = PastRun(store, run_id="new", accuracies={"cnn": 0.92}, seed=2)
    evaluate(new, **{"mlp (champion)": (champion.train, 0.89)})
    base = new.plan.name.removeprefix("plans/").removesuffix(".json")
    found = ServedPages(store).comparison(f"{base}/mlp (champion)", f"{base}/cnn")
    assert {line["name"]: line["left"] for line in found["parameters"]}["train.architecture"] == "mlp"


def test_a_set_that_a_search_found_has_its_parameters_also_as_an_external_model_of_another_run(store: Counting) -> None:
    values = named_sets.load("quick_mlp")
    run = PastRun(store, run_id="searched")
    request = run.plan.request.model_copy(update={"search_minutes": 5.0})
    run.plan = run.plan.model_copy(update={"request": request})
    run.plan.save(store)
    run.plan = run.plan.add_searched("found", Step("train", "found", values.train.model_dump()), values, store)
    run.accuracies["found"] = 0.95
    evaluate(run)
    base = run.plan.name.removeprefix("plans/").removesuffix(".json")
    found = ServedPages(store).comparison(f"{base}/found", f"{base}/mlp")
    lines = {line["name"]: line["left"] for line in found["parameters"]}
    assert (lines["preprocess.tokenizer"], lines["train.epochs"]) == (values.preprocess.tokenizer, values.train.epochs)
    champion = promote(run, "found")
    later = PastRun(store, run_id="later", accuracies={"cnn": 0.92}, seed=2)
    evaluate(later, **{"found (champion)": (champion.train, 0.94)})
    base = later.plan.name.removeprefix("plans/").removesuffix(".json")
    external = ServedPages(store).comparison(f"{base}/found (champion)", f"{base}/cnn")
    assert {line["name"]: line["left"] for line in external["parameters"]}["train.epochs"] == values.train.epochs


@pytest.mark.parametrize("model", ["", "no", "no/such/model", "../../etc/passwd"])
def test_comparing_what_is_not_there_says_so(model: str, store: Counting) -> None:
    run = PastRun(store)
    base = run.plan.name.removeprefix("plans/").removesuffix(".json")
    with pytest.raises(NotFound, match="choose a model of the leaderboard"):
        ServedPages(store).comparison(model, f"{base}/mlp")
    with pytest.raises(NotFound, match="no model 'rnn'; it has mlp, cnn"):
        ServedPages(store).comparison(f"{base}/mlp", f"{base}/rnn")


def compared(store: Counting, left: str, right: str) -> dict[str, Any]:
    """The comparison of two models by their sets, or by "run set"."""
    pages = ServedPages(store)
    rows = pages.models(RunFilter())["rows"]
    ids = {row["set"]: row["id"] for row in rows} | {f"{row['run_id']} {row['set']}": row["id"] for row in rows}
    return dict(pages.comparison(ids[left], ids[right]))


def test_a_gain_has_the_interval_of_its_paired_comparison(store: Counting) -> None:
    run = PastRun(store, accuracies={"mlp": 0.90, "cnn": 0.94, "bow": 0.5})
    predict(run, evaluate(run), {"mlp": {1, 2, 3, 4}, "cnn": {1, 2, 3, 5, 6}, "bow": set(range(0, 200, 3))})
    close = compared(store, "mlp", "cnn")["gain"]
    assert close["value"] == pytest.approx(-0.005)
    assert close["interval"][0] < 0 < close["interval"][1]
    clear = compared(store, "bow", "mlp")["gain"]
    assert clear["value"] == pytest.approx(67 / 200 - 4 / 200)
    assert 0 < clear["interval"][0] < clear["value"] < clear["interval"][1]
    assert clear["probability"] == pytest.approx(1)


def test_models_of_two_runs_on_the_same_titles_are_paired_by_title(store: Counting) -> None:
    first, other = PastRun(store, run_id="a", accuracies={"mlp": 0.9}), PastRun(store, run_id="b")
    predict(first, evaluate(first), {"mlp": {1, 2}})
    predict(other, evaluate(other), {"cnn": {2, 3, 4}, "mlp": {0}})  # in another order
    assert compared(store, "a mlp", "b cnn")["gain"]["value"] == pytest.approx(-1 / 200)


def test_without_predictions_for_the_same_titles_there_is_no_gain(store: Counting) -> None:
    first, other = (PastRun(store, run_id=name, accuracies={"mlp": 0.9}, seed=seed) for seed, name in enumerate("ab"))
    predict(first, evaluate(first), {"mlp": {1}})
    predict(other, evaluate(other), {"mlp": {2}})
    found = compared(store, "a mlp", "b mlp")
    assert (found["same_titles"], found["gain"]) == (False, None)
    gone = PastRun(store, run_id="c", accuracies={"mlp": 0.9, "cnn": 0.8}, seed=3)
    evaluate(gone)
    found = compared(store, "c mlp", "c cnn")
    assert (found["same_titles"], found["gain"]) == (True, None)


def with_ensemble(store: Counting, run_id: str = "run", **more: Any) -> PastRun:
    """A run of two sets with an ensemble that was evaluated too."""
    run = PastRun(store, run_id=run_id, **more)
    ensemble = run.ensemble()
    evaluated = run.evaluation(ensemble=(ensemble.key, 0.96))
    scores = {label: run._scores(accuracy) for label, accuracy in {**run.accuracies, "ensemble": 0.96}.items()}
    result = EnsembleResult(key=ensemble.key, weights=dict.fromkeys(run.models, 0.5))
    EvaluationReport(**{**dict(evaluated), "ensemble": result, "scores": scores}).save(store, run.plan.name)
    return run


def test_a_set_is_compared_with_an_ensemble_by_its_members(store: Counting) -> None:
    run = with_ensemble(store)
    found = compared(store, "mlp", "ensemble")
    assert found["members"] == [
        {"set": "mlp", "train": run.models["mlp"], "left": 1.0, "right": 0.5},
        {"set": "cnn", "train": run.models["cnn"], "left": None, "right": 0.5},
    ]
    assert {line["name"].split(".")[0] for line in found["parameters"]} == {"data"}
    assert all(line["left"] is not None or line["right"] is None for line in found["parameters"])
    assert compared(store, "mlp", "cnn")["members"] == []


def test_two_ensembles_are_compared_by_their_members_and_weights(store: Counting) -> None:
    one = with_ensemble(store, "one", seed=1)
    other = with_ensemble(store, "other", accuracies={"mlp": 0.9, "bow": 0.8}, seed=1)
    found = compared(store, "one ensemble", "other ensemble")
    assert one.models["mlp"] == other.models["mlp"]
    assert [(row["set"], row["left"], row["right"]) for row in found["members"]] == [
        ("bow", None, 0.5), ("cnn", 0.5, None), ("mlp", 0.5, 0.5),
    ]  # fmt: skip
    names = [line["name"] for line in found["parameters"]]
    assert "ensemble.inverse_temperatures.mlp" in names
    assert not [name for name in names if "weights" in name]


def test_a_champion_that_is_a_member_of_the_ensemble_is_one_line(store: Counting) -> None:
    run = PastRun(store)
    ensemble = run.ensemble()
    evaluate(run, **{"mlp (champion)": (run.models["mlp"], 0.9), "ensemble": (ensemble.key, 0.96)})
    found = compared(store, "mlp (champion)", "ensemble")
    assert [(row["set"], row["left"], row["right"]) for row in found["members"]] == [
        ("mlp", 1.0, 0.5),
        ("cnn", None, 0.5),
    ]
