"""Requests of the commands that list: as many in a store of many runs as in one of few."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.nightly_store import Nights
from meli_tasks.artifacts import paths
from meli_tasks.ledger import Ledger
from meli_tasks.pages import Pages, RunFilter
from meli_tasks.pipeline import Pipeline
from meli_tasks.settings import Settings
from meli_tasks.store import Store, open_store
from tests.cli.program import document, here
from tests.counted import counted

MOST = 20
RUNS = 60


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store whose listings have more than one page, with a decision for each run."""
    store = open_store((tmp_path_factory.mktemp("nights") / "store").as_uri())
    Nights(RUNS, 2).write(store)
    ledger = Ledger(store)
    for number in range(1, RUNS):
        ledger.append(number, action="keep", reason="nobody is better", by="night")
    return store


@pytest.fixture(autouse=True)
def large(nights: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MELI_STORE", nights.url)
    monkeypatch.setattr("meli_tasks.store.file.PAGE", 25)
    monkeypatch.setattr("tests.counted.PAGE", 25)
    monkeypatch.setattr("meli_tasks.planning.run_index.LISTED", 10)
    monkeypatch.setattr("meli_tasks.index.segments.BLOCK", 32)
    monkeypatch.setattr("meli_tasks.decision_index.BLOCK", 16)


@pytest.mark.parametrize("command", ["runs", "champion"])
def test_the_requests_do_not_grow_with_the_runs(nights: Store, command: str) -> None:
    here(command)  # builds what is missing, a single time
    with counted() as calls:
        assert here(command).exit_code == 0
    assert calls.total() <= MOST, calls


def test_both_list_what_an_index_knows(nights: Store) -> None:
    found = document("runs", "--limit", "40")
    assert len(found["runs"]) == 40
    assert [one["number"] for one in found["decisions"]] == list(range(RUNS, RUNS - 40, -1))
    assert found["skipped"] == []
    assert found["runs"][0]["scores"]["mlp_00"]["balanced_accuracy"] > 0
    assert document("champion")["decision"]["number"] == 1
    assert list(nights.names(paths.CHANGES)) == []


def test_the_requests_of_a_plan_do_not_grow_with_the_runs(nights: Store) -> None:
    pipeline = Pipeline(Settings.from_environment(), run_id="tonight")
    params = {"source": "sample:rows=500,seed=1", "sets": ["mlp", "cnn"], "ensemble": False}
    with counted() as calls:
        _, found = pipeline.plan(params, None)
    assert calls.total() <= MOST, calls
    assert found.computed > 3


@pytest.mark.parametrize("again", [False, True])
def test_the_requests_of_the_page_models_do_not_grow_with_the_runs(nights: Store, again: bool) -> None:
    wanted = RunFilter(limit=20)
    Pages(nights).models(wanted)  # builds what is missing, a single time
    pages = Pages(nights)
    if again:
        pages.models(wanted)
    with counted() as calls:
        page = pages.models(wanted)
    assert calls.total() <= (MOST // 2 if again else MOST), calls
    assert (page.runs.all, page.runs.shown) == (RUNS + 1, 20)
    assert page.champion is not None
    assert page.champion.current is not None
