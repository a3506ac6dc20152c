"""A store that holds the words and vectors of the small sample, and a stage `train` that costs nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from meli_tasks.execution.runner import Runner
from meli_tasks.planning.plan import make_plan
from meli_tasks.settings import Settings
from tests.search.fake_training import Accuracy, FakeTraining
from tests.search.searching import request


@pytest.fixture(scope="package")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """What all tests here prepare alike, so that none computes it again."""
    folder = tmp_path_factory.mktemp("prepared")
    settings = Settings(store=f"file://{folder}/store", cache=folder / "cache")
    plan = make_plan(request(settings), settings, "", None)
    runner = Runner(settings)
    for step in (plan.ingest, plan.recipes[0].preprocess, *plan.recipes[0].embeds):
        runner.run(step)
    return settings


@pytest.fixture
def settings(prepared: Settings) -> Settings:
    """The same store, without what other tests' searches left in it."""
    store = prepared.open_store()
    for prefix in ("searches/", "studies/", "sets/", "train/", "plans/"):
        for name in list(store.names(prefix)):
            store.delete(name)
    return prepared


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Callable[[Accuracy], FakeTraining]:
    """Installs a stage `train` with a given accuracy."""

    def install(accuracy: Accuracy) -> FakeTraining:
        training = FakeTraining(accuracy)
        monkeypatch.setattr("meli_tasks.stages.train.run", training)
        return training

    return install
