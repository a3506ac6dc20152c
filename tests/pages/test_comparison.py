"""Two models side by side."""

from __future__ import annotations

import pytest

from meli_tasks.core.errors import NotFound
from meli_tasks.execution.runner import Step
from meli_tasks.pages import RunFilter
from meli_tasks.sets import catalog as named_sets
from tests.pages.published import Counting, evaluate, promote
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
    with pytest.raises(NotFound, match="choose two models"):
        ServedPages(store).comparison(model, f"{base}/mlp")
    with pytest.raises(NotFound, match="no model 'rnn'; it has mlp, cnn"):
        ServedPages(store).comparison(f"{base}/mlp", f"{base}/rnn")
