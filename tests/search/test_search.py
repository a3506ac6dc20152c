"""A search from its start to the set it keeps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from meli_tasks.artifacts.manifest import find
from meli_tasks.core.errors import BadData, BadHyperparameters, Diverged, OutOfMemory, Unreachable
from meli_tasks.core.hyperparameters import Train
from meli_tasks.execution.runner import Runner
from meli_tasks.pages import RunFilter
from meli_tasks.pipeline import Pipeline
from meli_tasks.planning.form import form_fields
from meli_tasks.planning.plan import Plan, make_plan
from meli_tasks.search.space import SPACE
from meli_tasks.sets import catalog as named_sets
from meli_tasks.sets import stored as stored_sets
from meli_tasks.settings import Settings
from tests import waiting
from tests.pages.served import ServedPages
from tests.search.searching import SMALL, SOURCE, RecordingReporter, good, request, searched


def test_the_best_trial_becomes_a_set_whose_model_is_stored(settings: Settings, fake: Any) -> None:
    training = fake(good)
    outcome = searched(settings, name="found")
    best = max(training.trained, key=good)
    resolved = named_sets.resolve("found", {}, settings)
    assert resolved.train == best
    assert (outcome.name, outcome.accuracy, outcome.start_accuracy) == ("found", good(best), good(training.trained[0]))
    assert training.trained[0] == named_sets.load("quick_mlp").train
    assert outcome.changed == {
        name: [before, after]
        for name, before in training.trained[0].model_dump(mode="json").items()
        if (after := best.model_dump(mode="json")[name]) != before
    }
    made_by = named_sets.made_by("found", settings)
    assert (made_by["run_id"], made_by["trials"], made_by["start"]) == ("run", 6, "quick_mlp")
    assert f"{good(best):.4f}" in resolved.description and SOURCE in resolved.description

    plan = make_plan(request(settings, sets=["found", "quick_mlp"]), settings, "", None)
    standing = find(settings.open_store(), "train", plan.sets["found"].key)
    assert standing and standing.key == outcome.manifest.key
    assert find(settings.open_store(), "train", plan.sets["quick_mlp"].key)
    folder = Runner(settings).folder(standing)
    assert Train.model_validate(json.loads((folder / "model.json").read_text())) == best


def test_a_set_says_if_nothing_better_was_found(settings: Settings, fake: Any) -> None:
    start = named_sets.load("quick_mlp").train
    fake(lambda params: 0.8 if params == start else 0.5)
    outcome = searched(settings)
    assert outcome.changed == {}
    assert named_sets.resolve(outcome.name, {}, settings).train == start
    assert "nothing better" in named_sets.resolve(outcome.name, {}, settings).title
    assert "nothing better" in outcome.lines()[0]


def test_names_are_numbered_and_taken_ones_are_refused_before_any_trial(settings: Settings, fake: Any) -> None:
    training = fake(good)
    first, second = (searched(settings, run_id=f"run{number}", max_trials=1).name for number in (1, 2))
    assert second == f"{first}_2"
    training.trained.clear()
    for name in (first, "mlp", "a name", "row", "my_probability", "ensemble"):
        with pytest.raises(BadHyperparameters, match=name):
            searched(settings, name=name)
    assert training.trained == []


def test_a_failed_trial_is_named_and_the_others_continue(settings: Settings, fake: Any) -> None:
    start = named_sets.load("quick_mlp").train

    def odd(params: Train) -> float:
        if params.dropout > start.dropout:
            raise Diverged("the loss is not finite at step 3 of 9")
        if params.class_weights == "balanced":
            raise RuntimeError("CUDA out of memory\nand more")
        return good(params)

    fake(odd)
    outcome = searched(settings, max_trials=15)
    failed = [trial for trial in outcome.trials if trial.state == "failed"]
    assert 0 < len(failed) < 15
    assert {trial.reason for trial in failed} <= {"the loss is not finite at step 3 of 9", "CUDA out of memory"}
    assert f"trial {failed[0].number} failed: {failed[0].reason}" in outcome.lines()


def test_a_trial_too_large_for_the_gpu_fails_alone_and_an_unavailable_store_ends_the_search(
    settings: Settings, fake: Any
) -> None:
    def full(params: Train) -> float:
        if len(training.trained) == 2:
            raise OutOfMemory("The memory of cuda:0 is full even with batches of 16")
        return good(params)

    training = fake(full)
    outcome = searched(settings, max_trials=4)
    assert [trial.state for trial in outcome.trials if trial.number != 2].count("failed") == 0
    assert (outcome.trials[1].state, outcome.trials[1].reason[:32]) == ("failed", "The memory of cuda:0 is full eve")
    assert len(outcome.trials) == 4

    def unavailable(params: Train) -> float:
        raise Unreachable("unavailable")

    fake(unavailable)
    with pytest.raises(Unreachable):
        searched(settings, run_id="two", params={"overrides": {"train.seed": 5}})


def test_all_devices_train_each_trial(settings: Settings, fake: Any) -> None:
    training = fake(good)
    outcome = searched(settings.model_copy(update={"devices": 2}), max_trials=8)
    assert set(training.devices) == {2}
    assert outcome.count("failed") == 0
    assert len({train.batch_size for train in training.trained}) > 1


def test_a_search_with_nothing_to_vary_ends_after_its_start(settings: Settings, fake: Any) -> None:
    training = fake(good)
    start = named_sets.load("quick_mlp").train.model_dump(mode="json")
    held = {f"train.{name}": start[name] for name in SPACE}
    outcome = searched(settings, max_trials=200, params={"overrides": held})
    assert (len(training.trained), len(outcome.trials)) == (1, 1)
    assert any("every parameter that a search varies is fixed" in line for line in outcome.lines())


def test_a_search_that_only_repeats_known_trials_ends(settings: Settings, fake: Any) -> None:
    fake(lambda params: 0.9 if params.class_weights == "none" else 0.5)
    start = named_sets.load("quick_mlp").train.model_dump(mode="json")
    held = {f"train.{name}": start[name] for name in SPACE if name != "class_weights"}
    outcome = searched(settings, max_trials=200, params={"overrides": held})
    assert len(outcome.trials) < 60
    assert outcome.to_json()["ended"] == "20 trials in a row were repeats"
    assert searched(settings, run_id="two").ended == ""


def test_an_invalid_set_in_the_store_breaks_no_search(settings: Settings, fake: Any) -> None:
    fake(good)
    store = settings.open_store()
    store.write("sets/ensemble.yaml", b"extends: mlp\ntitle: hand-made\n")
    store.write("sets/row.yaml", b"extends: mlp\ntitle: hand-made\n")
    store.write("sets/number.yaml", b"extends: mlp\ntitle: odd\ntrain: 5\n")
    store.write("sets/empty.yaml", b"title: odd\ntrain:\n")
    outcome = searched(settings, start="", max_trials=1, params={"overrides": {**SMALL, "train.epochs": 2}})
    assert outcome.start == "mlp"


def test_a_search_whose_trials_all_fail_ends_soon_and_says_why(settings: Settings, fake: Any) -> None:
    def diverges(params: Train) -> float:
        raise Diverged("the loss is not finite at step 1 of 9")

    training = fake(diverges)
    with pytest.raises(
        BadHyperparameters, match="None of 10 trials finished, 10 failed: the loss is not finite at step 1"
    ):
        searched(settings, max_trials=0)
    assert len(training.trained) == 10
    assert stored_sets.names(settings.open_store()) == []


def test_poor_trials_are_ended_early(settings: Settings, fake: Any) -> None:
    def only_dropout(params: Train) -> float:
        return 0.9 - params.dropout

    fake(only_dropout)
    outcome = searched(settings, max_trials=20)
    assert outcome.count("pruned") > 0
    pruned = next(trial for trial in outcome.trials if trial.state == "pruned")
    assert pruned.accuracy is None and 0 < pruned.epochs_run < pruned.params["epochs"]
    assert outcome.trials[0].state == "finished"


def test_it_starts_from_the_best_set_that_was_trained_on_these_titles(settings: Settings, fake: Any) -> None:
    training = fake(lambda params: 0.5 + params.dropout / 10)
    assert searched(settings, name="found").changed
    # The default is trained nowhere, the set that was found is: that is the best there is.
    assert searched(settings, run_id="two", start="", max_trials=1).start == "found"
    stored_sets.remove(settings.open_store(), "found")
    training.trained.clear()
    third = searched(settings, run_id="three", start="", max_trials=1, params={"overrides": SMALL})
    assert (third.start, training.trained[0].architecture) == ("mlp", "mlp")


def test_overridden_parameters_are_fixed(settings: Settings, fake: Any) -> None:
    training = fake(good)
    outcome = searched(settings, params={"overrides": {"train.epochs": 3, "train.dropout": 0.3}})
    assert {(train.epochs, train.dropout) for train in training.trained} == {(3, 0.3)}
    assert not {"epochs", "dropout"} & set(outcome.changed)
    assert named_sets.resolve(outcome.name, {}, settings).train.epochs == 3


def test_a_start_of_the_other_family_is_refused(settings: Settings, fake: Any) -> None:
    fake(good)
    with pytest.raises(BadHyperparameters, match="quick_cnn belongs to the family cnn"):
        searched(settings, start="quick_cnn")


def test_progress_has_the_trial_the_best_accuracy_and_the_time_left(settings: Settings, fake: Any) -> None:
    fake(good)
    reporter = RecordingReporter()
    searched(settings, reporter, max_trials=2)
    assert set(reporter.progressed[-1]) == {"trial", "epoch", "epochs", "best", "seconds_left"}
    assert reporter.progressed[-1]["trial"] == 2
    assert reporter.hits == [True, True, True]


def test_the_model_is_the_one_that_the_runner_would_train_and_the_test_titles_are_not_needed(tmp_path: Path) -> None:
    """For real: titles without a test split, and a winner that is the same to the bit when trained again."""
    source = tmp_path / "titles.csv"
    words = ("funda", "silicona", "iphone", "mesa", "silla", "roja", "azul", "grande")
    rows = [
        f"{words[(n * 7 + k) % 4 + 4 * (n % 2)]} {words[n % 8]} modelo {n},{'CASES' if n % 2 else 'CHAIRS'},{split}"
        for n in range(120)
        for k, split in [(n % 3, "validation" if n % 5 == 0 else "train")]
    ]
    source.write_text("title,category,split\n" + "\n".join(rows) + "\n")
    settings = Settings(store=f"file://{tmp_path}/store", cache=tmp_path / "cache")
    params = {"source": str(source), "overrides": {"train.epochs": 2, **SMALL}}
    outcome = searched(settings, params=params, max_trials=3)
    assert outcome.count("finished") >= 1

    runner = Runner(settings)
    plan = make_plan(request(settings, source=str(source), sets=[outcome.name]), settings, "", None)
    found = runner.run(plan.sets[outcome.name])
    assert found.hit
    again = runner.run(plan.sets[outcome.name], force=True)
    weights = {name: output for name, output in found.manifest.outputs.items() if name.startswith("model.")}
    assert weights == {name: again.manifest.outputs[name] for name in weights}


def test_the_plan_of_a_run_gains_the_set_that_its_search_found(settings: Settings, fake: Any) -> None:
    def ends_after_three(params: Train) -> float:
        if len(training.trained) > 3:
            raise KeyboardInterrupt
        return 0.5 + params.dropout / 10

    training = fake(ends_after_three)
    pipeline = Pipeline(settings, "manual__1")
    fields = {"source": SOURCE, "sets": ["quick_cnn"], "overrides": SMALL, "search_minutes": 60}
    plan, _ = pipeline.plan(fields, None)
    pages = ServedPages(pipeline.store)
    assert {row["set"] for row in pages.models(RunFilter())["rows"]} == {"quick_cnn"}

    found, _ = pipeline.search(plan)
    whole = Plan.load(pipeline.store, plan.name)
    assert list(whole.sets) == ["quick_cnn", found.name]
    assert whole.sets[found.name].key == found.manifest.key
    assert whole.family("mlp") == [found.name]
    assert (whole.name, whole.request) == (plan.name, plan.request)
    assert whole.resolved[found.name] == named_sets.resolve(found.name, {}, settings)
    rows = ServedPages(pipeline.store).models(RunFilter())["rows"]
    assert {(row["set"], row["architecture"], row["external"]) for row in rows} == {
        ("quick_cnn", "cnn", False),
        (found.name, "mlp", False),
    }
    again, _ = Pipeline.of(plan.name, settings)[0].search(plan)  # its task is cleared: it finds what it found
    assert (again.name, len(training.trained)) == (found.name, 4)


def test_pages_that_cached_the_plan_show_the_set_that_was_found(settings: Settings) -> None:
    pipeline = Pipeline(settings, "manual__1")
    plan, _ = pipeline.plan({"source": SOURCE, "sets": ["quick_cnn"], "search_minutes": 60}, None)
    pages = ServedPages(pipeline.store)
    pages.models(RunFilter())
    values = named_sets.load("quick_mlp")
    other = make_plan(request(settings), settings, "", None).sets["quick_mlp"]
    plan.add_searched("found", other, values, pipeline.store)

    def found() -> bool:
        return {row["set"] for row in pages.models(RunFilter())["rows"]} == {"quick_cnn", "found"}

    waiting.until(found)  # what was read less than three seconds ago is not read again


def test_a_search_within_a_run_ends_before_the_run_must(settings: Settings) -> None:
    """The DAG gives a run 23 hours; what comes after the search needs some of them."""
    assert request(settings, search_minutes=1_200).search_minutes == 1_200
    with pytest.raises(BadHyperparameters, match="search_minutes = 1201"):
        request(settings, search_minutes=1_201)
    assert form_fields(settings)["search_minutes"]["maximum"] == 1_200


def test_a_source_that_changed_since_the_plan_is_refused(settings: Settings, fake: Any) -> None:
    fake(good)
    with pytest.raises(BadData, match="changed after this run was planned"):
        searched(settings, titles="0" * 32)
