"""Models compared with one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from meli_tasks.artifacts import paths
from meli_tasks.core.errors import NotFound
from meli_tasks.execution.runner import Step
from meli_tasks.pages import RunFilter
from meli_tasks.planning.evaluation import EnsembleResult, EvaluationReport
from meli_tasks.sets import catalog as named_sets
from tests.pages.published import Counting, add_file, evaluate, predict, promote
from tests.pages.served import ServedPages
from tests.past_run import PastRun


def test_two_models_side_by_side(store: Counting) -> None:
    run = PastRun(store, accuracies={"mlp": 0.90, "cnn": 0.94})
    evaluate(run)
    pages = ServedPages(store)
    by_set = {row["set"]: row["id"] for row in pages.models(RunFilter())["rows"]}
    found = pages.comparison([by_set["mlp"], by_set["cnn"]])
    assert [model["row"]["set"] for model in found["models"]] == ["mlp", "cnn"]
    assert [model["baseline"] for model in found["models"]] == [True, False]
    assert found["titles"]["kind"] == "same"
    lines = parameters(found)
    assert lines["train.architecture"] == {"name": "train.architecture", "values": ["mlp", "cnn"], "differs": True}
    assert not lines["preprocess.tokenizer"]["differs"]
    assert lines["data.source"]["values"] == ["s3://titles/{ds}.csv.gz"] * 2
    assert [epoch["epoch"] for epoch in found["models"][0]["curve"]["epochs"]] == [1, 2, 3]
    assert {row["category"]: row["titles"] for row in found["categories"]} == {
        "CELLPHONES": 10, "PERFUMES": 11, "SNEAKERS": 12,
    }  # fmt: skip
    for row in found["categories"]:
        assert row["recalls"][1] - row["recalls"][0] == pytest.approx(0.04)
        assert row["changes"] == [None, None]  # nothing is stored that could be tested


def parameters(found: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The parameters of a comparison by name."""
    return {line["name"]: line for table in found["parameters"] for line in table["rows"]}


def test_an_external_model_has_the_parameters_of_the_run_that_promoted_it(store: Counting) -> None:
    old = PastRun(store, run_id="old", accuracies={"mlp": 0.9})
    champion = promote(old, "mlp")
    new = PastRun(store, run_id="new", accuracies={"cnn": 0.92}, seed=2)
    evaluate(new, **{"mlp (champion)": (champion.train, 0.89)})
    base = new.plan.name.removeprefix("plans/").removesuffix(".json")
    found = ServedPages(store).comparison([f"{base}/mlp (champion)", f"{base}/cnn"])
    assert parameters(found)["train.architecture"]["values"][0] == "mlp"


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
    found = ServedPages(store).comparison([f"{base}/found", f"{base}/mlp"])
    lines = {name: line["values"][0] for name, line in parameters(found).items()}
    assert (lines["preprocess.tokenizer"], lines["train.epochs"]) == (values.preprocess.tokenizer, values.train.epochs)
    champion = promote(run, "found")
    later = PastRun(store, run_id="later", accuracies={"cnn": 0.92}, seed=2)
    evaluate(later, **{"found (champion)": (champion.train, 0.94)})
    base = later.plan.name.removeprefix("plans/").removesuffix(".json")
    external = ServedPages(store).comparison([f"{base}/found (champion)", f"{base}/cnn"])
    assert parameters(external)["train.epochs"]["values"][0] == values.train.epochs


@pytest.mark.parametrize("model", ["", "no", "no/such/model", "../../etc/passwd"])
def test_comparing_what_is_not_there_says_so(model: str, store: Counting) -> None:
    run = PastRun(store)
    base = run.plan.name.removeprefix("plans/").removesuffix(".json")
    with pytest.raises(NotFound, match="choose a model of the leaderboard"):
        ServedPages(store).comparison([model, f"{base}/mlp"])
    with pytest.raises(NotFound, match="no model 'rnn'; it has mlp, cnn"):
        ServedPages(store).comparison([f"{base}/mlp", f"{base}/rnn"])


def compared(store: Counting, *models: str, baseline: str = "") -> dict[str, Any]:
    """The comparison of models by their sets, or by "run set"; the first is the baseline unless another is named."""
    pages = ServedPages(store)
    plans = [name for name in store.names(paths.PLANS) if paths.is_plan(name)]
    rows = [row for plan in plans for row in pages.run(plan)["rows"]]
    ids = {row["set"]: row["id"] for row in rows} | {f"{row['run_id']} {row['set']}": row["id"] for row in rows}
    return dict(pages.comparison([ids[model] for model in models], ids[baseline or models[0]]))


def difference(found: Mapping[str, Any], position: int = 1, score: str = "balanced_accuracy") -> dict[str, Any]:
    """The difference of a model to the baseline."""
    return dict(found["models"][position]["scores"][score]["difference"])


def test_a_difference_has_the_interval_of_its_paired_comparison(store: Counting) -> None:
    run = PastRun(store, accuracies={"mlp": 0.90, "cnn": 0.94, "bow": 0.5})
    predict(run, evaluate(run), {"mlp": {1, 2, 3, 4}, "cnn": {1, 2, 3, 5, 6}, "bow": set(range(0, 200, 3))})
    close = difference(compared(store, "mlp", "cnn"))
    assert close["value"] == pytest.approx(-0.005)
    assert close["interval"][0] < 0 < close["interval"][1]
    assert close["verdict"] == "unclear"
    clear = difference(compared(store, "bow", "mlp"))
    assert clear["value"] == pytest.approx(67 / 200 - 4 / 200)
    assert 0 < clear["interval"][0] < clear["value"] < clear["interval"][1]
    assert clear["probability"] == pytest.approx(1)
    assert clear["verdict"] == "better"
    assert difference(compared(store, "mlp", "bow"))["verdict"] == "worse"


def test_many_models_are_compared_with_the_chosen_one(store: Counting) -> None:
    run = PastRun(store, accuracies={"mlp": 0.90, "cnn": 0.94, "bow": 0.5})
    predict(run, evaluate(run), {"mlp": {1, 2, 3, 4}, "cnn": {1, 2, 3, 5, 6}, "bow": set(range(0, 200, 3))})
    found = compared(store, "mlp", "cnn", "bow", baseline="cnn")
    assert [model["baseline"] for model in found["models"]] == [False, True, False]
    assert found["models"][1]["scores"]["balanced_accuracy"]["difference"] is None
    assert difference(found, 0)["value"] == pytest.approx(0.005)
    assert difference(found, 2)["verdict"] == "worse"
    assert any("compared with the baseline alone" in note for note in found["notes"])


def test_the_champion_is_the_baseline_unless_another_model_is_chosen(store: Counting) -> None:
    run = PastRun(store, accuracies={"mlp": 0.90, "cnn": 0.94})
    evaluate(run)
    promote(run, "cnn")
    pages = ServedPages(store)
    ids = {row["set"]: row["id"] for row in pages.models(RunFilter())["rows"]}
    found = pages.comparison([ids["mlp"], ids["cnn"]])
    assert [(model["baseline"], model["champion"]) for model in found["models"]] == [(False, False), (True, True)]
    assert pages.comparison([ids["mlp"], ids["cnn"]], ids["mlp"])["models"][0]["baseline"]


def test_every_figure_is_the_stored_one(store: Counting) -> None:
    run = PastRun(store, accuracies={"mlp": 0.90, "cnn": 0.94})
    predict(run, evaluate(run), {"mlp": {1, 2}, "cnn": {1}})
    for model in compared(store, "mlp", "cnn")["models"]:
        row = model["row"]
        assert {name: score["value"] for name, score in model["scores"].items()} == {
            name: row[name] for name in model["scores"]
        }
        assert model["scores"]["balanced_accuracy"]["interval"] == row["interval"]


def test_what_was_not_tested_says_so(store: Counting) -> None:
    run = PastRun(store, accuracies={"mlp": 0.90, "cnn": 0.94})
    evaluated = evaluate(run)
    found = compared(store, "mlp", "cnn")
    assert difference(found) == {
        "value": pytest.approx(0.04), "interval": None, "probability": None, "verdict": "untested",
    }  # fmt: skip
    assert any("The difference of cnn was not tested" in note for note in found["notes"])
    predict(run, evaluated, {"mlp": {1, 2}, "cnn": {1}})
    found = compared(store, "mlp", "cnn")
    assert difference(found)["verdict"] == "unclear"
    assert difference(found, score="top5")["verdict"] == "untested"


def test_models_with_the_same_answers_are_the_same(store: Counting) -> None:
    run = PastRun(store, accuracies={"mlp": 0.90, "cnn": 0.90})
    predict(run, evaluate(run), {"mlp": {1, 2}, "cnn": {1, 2}})
    assert difference(compared(store, "mlp", "cnn")) == {
        "value": 0.0, "interval": [0.0, 0.0], "probability": None, "verdict": "same",
    }  # fmt: skip


def test_models_of_two_runs_on_the_same_titles_are_paired_by_title(store: Counting) -> None:
    first, other = PastRun(store, run_id="a", accuracies={"mlp": 0.9}), PastRun(store, run_id="b")
    predict(first, evaluate(first), {"mlp": {1, 2}})
    predict(other, evaluate(other), {"cnn": {2, 3, 4}, "mlp": {0}})  # in another order
    assert difference(compared(store, "a mlp", "b cnn"))["value"] == pytest.approx(-1 / 200)


def test_a_category_is_marked_only_if_the_exact_test_finds_it(store: Counting) -> None:
    run = PastRun(store, accuracies={"mlp": 0.90, "cnn": 0.94})
    predict(run, evaluate(run), {"mlp": {0}, "cnn": set(range(0, 60, 2))})  # even rows are CELLPHONES
    rows = {row["category"]: row["changes"][1] for row in compared(store, "mlp", "cnn")["categories"]}
    assert (rows["CELLPHONES"]["verdict"], rows["PERFUMES"]["verdict"]) == ("worse", "same")
    other = PastRun(store, run_id="noise", accuracies={"mlp": 0.90, "cnn": 0.94}, seed=2)
    predict(other, evaluate(other), {"mlp": {0, 2, 5}, "cnn": {0, 4, 6, 7, 9}})
    changes = [row["changes"][1]["verdict"] for row in compared(store, "noise mlp", "noise cnn")["categories"][:2]]
    assert changes == ["unclear", "unclear"]


def listed(run: PastRun, titles: Sequence[str]) -> None:
    """The listings of a run hold these titles, at the rows of their positions."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "listings.parquet"
        pq.write_table(pa.table({"row": range(len(titles)), "title": titles}), path)
        add_file(run, "ingest", run.plan.ingest.key, path.name, path.read_bytes())


@pytest.mark.parametrize("shared", [120, 20, 0])
def test_models_tested_on_different_titles_are_compared_on_the_common_ones_or_not_at_all(
    store: Counting, shared: int
) -> None:
    one, other = (PastRun(store, run_id=name, accuracies={"mlp": 0.9}, seed=seed) for seed, name in enumerate("ab"))
    listed(one, [f"title {number}" for number in range(200)])
    moved = 200 - shared  # an even number, so the categories of the shared titles agree
    listed(other, [f"TITLE  {number + moved}" for number in range(200)])  # the same but for case and white space
    predict(one, evaluate(one), {"mlp": {199}})
    predict(other, evaluate(other), {"mlp": {*range(0, shared, 2), 150}})
    found = compared(store, "a mlp", "b mlp")
    titles = found["titles"]
    if shared < 50:
        assert titles["kind"] == "none"
        assert "cannot be compared" in titles["note"]
        assert all(model["scores"] == {} for model in found["models"])
        assert found["categories"] == []
        return
    assert (titles["kind"], titles["titles"]) == ("common", shared)
    first, second = (model["scores"]["balanced_accuracy"] for model in found["models"])
    assert (first["value"], second["value"]) == (pytest.approx(1 - 0.5 / 60), pytest.approx(0.5))
    assert second["difference"]["value"] == pytest.approx(0.5 / 60 - 0.5)
    assert second["difference"]["verdict"] == "worse"
    assert {row["category"]: row["titles"] for row in found["categories"]} == {"CELLPHONES": 60, "PERFUMES": 60}
    assert "different titles" in found["curves_note"]


def test_different_titles_whose_predictions_are_gone_are_not_compared(store: Counting) -> None:
    one, other = (PastRun(store, run_id=name, accuracies={"mlp": 0.9}, seed=seed) for seed, name in enumerate("ab"))
    evaluate(one)
    evaluate(other)
    found = compared(store, "a mlp", "b mlp")
    assert found["titles"]["kind"] == "none"
    assert found["models"][1]["scores"] == {}


def test_a_model_without_a_score_has_none_beside_those_that_have(store: Counting) -> None:
    early = PastRun(store, run_id="early", accuracies={"mlp": 0.9})
    evaluate(early)
    late = PastRun(store, run_id="late", seed=5)
    base = late.plan.name.removeprefix("plans/").removesuffix(".json")
    ids = {row["set"]: row["id"] for row in ServedPages(store).models(RunFilter())["rows"] if row["run_id"] == "early"}
    found = ServedPages(store).comparison([f"{base}/mlp", ids["mlp"]])
    assert (found["titles"]["kind"], found["models"][1]["baseline"]) == ("none", True)
    assert "mlp was not evaluated" in found["titles"]["note"]


def test_the_kept_epoch_is_marked_with_its_reason(store: Counting) -> None:
    run = PastRun(store)
    evaluate(run)
    curve = compared(store, "mlp", "cnn")["models"][0]["curve"]
    assert curve["kept_epoch"] in [epoch["epoch"] for epoch in curve["epochs"]]
    assert curve["kept"].startswith(f"epoch {curve['kept_epoch']} kept")


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
        {"set": "mlp", "train": run.models["mlp"], "weights": [1.0, 0.5]},
        {"set": "cnn", "train": run.models["cnn"], "weights": [None, 0.5]},
    ]
    assert {name.split(".")[0] for name in parameters(found)} == {"data"}
    assert not any(None in line["values"] and line["differs"] for line in parameters(found).values())
    three = compared(store, "mlp", "cnn", "ensemble")
    assert [(table["title"], table["models"]) for table in three["parameters"]] == [
        ("Parameters of the single models", [0, 1]), ("Parameters of the data", [0, 1, 2]),
    ]  # fmt: skip
    assert compared(store, "mlp", "cnn")["members"] == []


def test_two_ensembles_are_compared_by_their_members_and_weights(store: Counting) -> None:
    one = with_ensemble(store, "one", seed=1)
    other = with_ensemble(store, "other", accuracies={"mlp": 0.9, "bow": 0.8}, seed=1)
    found = compared(store, "one ensemble", "other ensemble")
    assert one.models["mlp"] == other.models["mlp"]
    assert [(row["set"], *row["weights"]) for row in found["members"]] == [
        ("bow", None, 0.5), ("cnn", 0.5, None), ("mlp", 0.5, 0.5),
    ]  # fmt: skip
    names = list(parameters(found))
    assert "ensemble.inverse_temperatures.mlp" in names
    assert not [name for name in names if "weights" in name]


def test_a_champion_that_is_a_member_of_the_ensemble_is_one_line(store: Counting) -> None:
    run = PastRun(store)
    ensemble = run.ensemble()
    evaluate(run, **{"mlp (champion)": (run.models["mlp"], 0.9), "ensemble": (ensemble.key, 0.96)})
    found = compared(store, "mlp (champion)", "ensemble")
    assert [(row["set"], *row["weights"]) for row in found["members"]] == [
        ("mlp", 1.0, 0.5),
        ("cnn", None, 0.5),
    ]
