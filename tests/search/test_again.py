"""A run that searches again: its task was cleared, its date is processed again, its set was removed meanwhile."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meli_tasks.core.errors import BadHyperparameters, OutOfMemory, Unreachable
from meli_tasks.core.hyperparameters import Train
from meli_tasks.execution.runner import Runner
from meli_tasks.pipeline import Pipeline
from meli_tasks.sets import catalog as named_sets
from meli_tasks.sets import stored as stored_sets
from meli_tasks.settings import Settings
from meli_tasks.store.file import FileStore
from tests.search.searching import SMALL, SOURCE, good, searched


def test_a_run_returns_its_own_set_even_if_another_has_found_a_better_one(settings: Settings, fake: Any) -> None:
    fake(lambda params: 0.5 + params.dropout / 10)
    first = searched(settings, run_id="a", max_trials=2)
    second = searched(settings, run_id="b", max_trials=12)
    assert second.accuracy > first.accuracy
    again = searched(settings, run_id="a", max_trials=2)
    assert (again.name, again.accuracy, again.manifest) == (first.name, first.accuracy, first.manifest)
    model = json.loads((Runner(settings).folder(again.manifest) / "model.json").read_text())
    assert Train.model_validate(model) == named_sets.resolve(first.name, {}, settings).train == again.values.train


def test_a_search_of_failures_only_tries_again_when_it_is_cleared(settings: Settings, fake: Any) -> None:
    def full(params: Train) -> float:
        raise OutOfMemory("The memory of cuda:0 is full")

    fake(full)
    with pytest.raises(BadHyperparameters, match="10 failed: The memory of cuda:0 is full"):
        searched(settings, max_trials=12)
    fake(good)
    assert [trial.state for trial in searched(settings, max_trials=12).trials] == ["failed"] * 10 + ["finished"] * 2


@pytest.mark.parametrize("replaced", [False, True])
def test_a_winner_that_was_removed_is_stored_again(settings: Settings, fake: Any, replaced: bool) -> None:
    training = fake(good)
    first = searched(settings, max_trials=3)
    store = settings.open_store()
    stored_sets.remove(store, first.name)
    if replaced:
        stored_sets.write(store, first.name, named_sets.load("cnn").model_dump(mode="json"), {})
    again = searched(settings, max_trials=3)
    assert (again.name == first.name) is not replaced
    assert (again.manifest, len(training.trained)) == (first.manifest, 3)
    assert named_sets.resolve(again.name, {}, settings).train == first.values.train


def test_a_removed_starting_set_is_replaced(settings: Settings, fake: Any) -> None:
    fake(lambda params: 0.5 + params.dropout / 10)
    found = searched(settings, params={"overrides": SMALL}, name="found")
    options: dict[str, Any] = {"run_id": "two", "start": "", "max_trials": 1, "params": {"overrides": SMALL}}
    assert searched(settings, **options).start == found.name
    for name in stored_sets.names(settings.open_store()):
        stored_sets.remove(settings.open_store(), name)
    assert searched(settings, **options).start == "mlp"


def test_a_run_id_with_other_options_starts_a_new_search(settings: Settings, fake: Any) -> None:
    """Airflow's backfill processes a date again under the same run id, with another conf."""

    def three_a_search(params: Train) -> float:
        if len(training.trained) > before + 3:
            raise KeyboardInterrupt
        return good(params)

    training, before = fake(three_a_search), 0

    def search(**options: Any) -> Any:
        nonlocal before
        before = len(training.trained)
        overrides = {**SMALL, "train.epochs": 2, **options.pop("overrides", {})}
        params = {"source": SOURCE, "sets": ["quick_cnn"], "search_minutes": 60, "overrides": overrides, **options}
        plan, _ = Pipeline(settings, "backfill__1").plan(params, None)
        return Pipeline.of(plan.name, settings)[0].search(plan)[0]

    first = search()
    cnn = search(search_family="cnn")
    assert (first.family, cnn.family, cnn.values.train.architecture) == ("mlp", "cnn", "cnn")
    held = search(overrides={"train.dropout": 0.2})
    assert (held.values.train.dropout, len(held.trials)) == (0.2, 3)
    count = len(training.trained)
    assert (search().name, len(training.trained)) == (first.name, count)


def test_a_search_that_cannot_record_its_winner_fails(
    settings: Settings, fake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(good)
    write = FileStore.write
    unavailable = [True]

    def unreachable(self: FileStore, name: str, data: bytes, **options: Any) -> Any:
        if unavailable[0] and name.startswith("searches/"):
            raise Unreachable("the store is unavailable")
        return write(self, name, data, **options)

    monkeypatch.setattr(FileStore, "write", unreachable)
    with pytest.raises(Unreachable, match="the store is unavailable"):
        searched(settings, max_trials=2)
    unavailable[0] = False
    assert searched(settings, max_trials=2).count("finished") == 2
