"""Several workers run the trials of one search, through a study of Optuna in the store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from meli_tasks.artifacts.manifest import find
from meli_tasks.core.hyperparameters import Train
from meli_tasks.execution.runner import Runner
from meli_tasks.search import Search, SearchOptions, Trial
from meli_tasks.search.shared_study import SearchEnded, StoredStudy
from meli_tasks.settings import Settings
from meli_tasks.store import FileStore
from tests.search.searching import RecordingReporter, request

NAME = "searches/key/run-1.json"
WORKERS, LINES = 4, 12


def search_of(settings: Settings, worker: int, reporter: RecordingReporter | None = None, **options: Any) -> Search:
    chosen = SearchOptions(**{"minutes": 60, "start": "quick_mlp", "max_trials": 6, **options})
    runner = Runner(settings, run_id="run")
    return Search(chosen, request(settings), runner, reporter or RecordingReporter(), worker=worker)


def test_operations_of_several_workers_are_kept_once_each_in_one_order(file_store: FileStore) -> None:
    def append(worker: int) -> None:
        study = StoredStudy(file_store, NAME)
        for line in range(LINES):
            study.append_logs([{"worker": worker, "line": line}])

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(append, range(WORKERS)))
    found = list(StoredStudy(file_store, NAME).read_logs(0))
    assert sorted((each["worker"], each["line"]) for each in found) == [
        (worker, line) for worker in range(WORKERS) for line in range(LINES)
    ]
    for worker in range(WORKERS):
        assert [each["line"] for each in found if each["worker"] == worker] == list(range(LINES))
    assert list(StoredStudy(file_store, NAME).read_logs(40)) == found[40:]


def test_what_another_worker_did_is_read_after_a_moment_and_an_ended_search_is_noticed(file_store: FileStore) -> None:
    now = [0.0]
    first, second = (StoredStudy(file_store, NAME, clock=lambda: now[0]) for _ in range(2))
    first.append_logs([{"line": 1}])
    assert list(second.read_logs(0)) == [{"line": 1}]
    first.append_logs([{"line": 2}])
    assert len(list(second.read_logs(0))) == 1
    now[0] += 3
    assert list(second.read_logs(1)) == [{"line": 2}]
    first.delete()
    now[0] += 3
    with pytest.raises(SearchEnded):
        second.read_logs(0)
    with pytest.raises(SearchEnded):
        second.append_logs([{"line": 3}])


def test_workers_share_their_trials_and_the_best_of_another_is_not_trained_again(settings: Settings, fake: Any) -> None:
    def better_elsewhere(params: Train) -> float:
        return 0.9 - params.dropout / 10 if helping else 0.5 - params.dropout / 10

    training = fake(better_elsewhere)
    helping: list[bool] = []

    def stop_after_two(_: Trial) -> None:
        if len(helper.trials) == 2:
            raise KeyboardInterrupt

    def help_after_the_first(trial: Trial) -> None:
        if trial.number == 1:
            helping.append(True)
            with pytest.raises(KeyboardInterrupt):
                search_of(settings, 1, helper).take_part()
            helping.clear()

    helper, leader = RecordingReporter(stop_after_two), RecordingReporter(help_after_the_first)
    outcome = search_of(settings, 0, leader).run()
    assert [trial.number for trial in leader.trials + helper.trials] == [1, 4, 5, 6, 2, 3]
    assert [trial.number for trial in outcome.trials] == [1, 2, 3, 4, 5, 6]
    assert len(training.trained) == 6  # none twice: the winner is the artifact of the other worker
    assert outcome.accuracy == max(trial.accuracy or 0 for trial in helper.trials)
    assert find(settings.open_store(), "train", outcome.manifest.key)
    assert list(settings.open_store().names("studies/")) == []


def test_a_worker_that_comes_late_does_nothing(settings: Settings, fake: Any) -> None:
    training = fake(lambda params: 0.5)
    found = search_of(settings, 0, max_trials=2).run()
    assert (search_of(settings, 1, max_trials=2).take_part(), len(training.trained)) == (0, 2)
    assert list(settings.open_store().names("studies/")) == []
    assert search_of(settings, 0, max_trials=2).run().name == found.name


def test_a_worker_that_comes_first_begins_the_search_and_its_minutes_count(settings: Settings, fake: Any) -> None:
    training = fake(lambda params: 0.5)
    now = [1_000.0]

    def clocked(worker: int, reporter: RecordingReporter) -> Search:
        search = search_of(settings, worker, reporter, max_trials=0, minutes=1)
        search._wall_clock = search._clock = lambda: now[0]
        search._started_at = now[0]
        return search

    def half_a_minute_later(_: Trial) -> None:
        now[0] += 30

    helper = RecordingReporter(half_a_minute_later)
    assert clocked(1, helper).take_part() == 2
    assert training.trained[0].model_dump() == Train.model_validate(helper.trials[0].params).model_dump()
    leader = RecordingReporter(half_a_minute_later)
    outcome = clocked(0, leader).run()
    assert (leader.trials, len(outcome.trials)) == ([], 2)


def test_a_worker_stops_when_the_search_has_ended(settings: Settings, fake: Any) -> None:
    training = fake(lambda params: 0.5)

    def ended() -> None:
        if len(training.trained) == 2:
            for name in list(settings.open_store().names("studies/")):
                settings.open_store().delete(name)

    training.before_each_epoch = ended
    helper = search_of(settings, 1, max_trials=0)
    assert helper.take_part() <= 2
