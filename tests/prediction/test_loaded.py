"""Which models stay in memory, and that one is loaded a single time however many need it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from meli_tasks.core.errors import NotFound
from meli_tasks.prediction import loaded
from meli_tasks.prediction.loaded import LoadedModels
from meli_tasks.prediction.models import Model
from meli_tasks.settings import Settings
from meli_tasks.store.file import FileStore
from tests.past_run import PastRun

NAMES = ("a", "b", "c")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PastRun:
    monkeypatch.setenv("MELI_CACHE", str(tmp_path / "cache"))
    run = PastRun(FileStore(tmp_path / "store"), accuracies=dict.fromkeys(NAMES, 0.9))
    for name in NAMES:
        run.with_real_model(name, tmp_path / name)
    return run


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the models that were loaded."""
    names: list[str] = []
    load = loaded.load
    monkeypatch.setattr(loaded, "load", lambda *given: (names.append(given[2].name), load(*given))[1])
    return names


def use(models: LoadedModels, run: PastRun, name: str) -> None:
    with models.use(Model(name, run.trainings[name])) as classifier:
        assert classifier.known(["perfume"]).all()


def test_the_least_recently_used_model_makes_room(run: PastRun, loads: list[str]) -> None:
    models = LoadedModels(Settings.from_environment(), run.store, most=2)
    for name in ("a", "b", "a", "c", "a", "b"):
        use(models, run, name)
    assert loads == ["a", "b", "c", "b"]


def test_many_threads_load_a_model_a_single_time_and_use_it_in_turn(run: PastRun, loads: list[str]) -> None:
    models = LoadedModels(Settings.from_environment(), run.store)
    inside, most = threading.Semaphore(1), []

    def one(_: int) -> None:
        with models.use(Model("a", run.trainings["a"])):
            most.append(inside.acquire(blocking=False))
            inside.release()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(one, range(32)))
    assert loads == ["a"]
    assert all(most)


def test_requests_for_many_models_load_no_more_than_are_kept_at_a_time(run: PastRun, loads: list[str]) -> None:
    models = LoadedModels(Settings.from_environment(), run.store, most=2)
    third = threading.Thread(target=use, args=(models, run, "c"))
    with models.use(Model("a", run.trainings["a"])), models.use(Model("b", run.trainings["b"])):
        third.start()
        third.join(0.3)
        assert loads == ["a", "b"]
    third.join()
    assert loads == ["a", "b", "c"]


def test_a_model_that_cannot_be_loaded_is_tried_again(run: PastRun, loads: list[str]) -> None:
    models = LoadedModels(Settings.from_environment(), run.store)
    name = run.trainings["a"].file_name("model.safetensors")
    blob = run.store.read(name)
    assert blob is not None
    run.store.delete(name)
    with pytest.raises(NotFound):
        use(models, run, "a")
    run.store.write(name, blob.data)
    use(models, run, "a")
    assert loads == ["a", "a"]
