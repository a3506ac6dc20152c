"""The minutes of a search, and what ends it sooner: a person, a crash, a search before it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meli_tasks.artifacts.manifest import find
from meli_tasks.core.errors import BadHyperparameters
from meli_tasks.core.hyperparameters import Train
from meli_tasks.execution.runner import Runner
from meli_tasks.planning.plan import make_plan
from meli_tasks.search import Trial
from meli_tasks.sets import catalog as named_sets
from meli_tasks.sets import stored as stored_sets
from meli_tasks.settings import Settings
from tests.search.searching import SMALL, RecordingReporter, good, request, searched

HELD = {"train.epochs": 6}


def test_the_time_budget_is_kept(settings: Settings, fake: Any) -> None:
    """By a clock of ours the start takes 60 s, each trial after it 12 s: of the fourth in 100 s, two epochs at most."""
    now = [0.0]
    training = fake(good)

    def an_epoch_later() -> None:
        now[0] += 10 if len(training.trained) == 1 else 2

    training.before_each_epoch = an_epoch_later
    outcome = searched(settings, minutes=100 / 60, max_trials=0, params={"overrides": HELD}, clock=lambda: now[0])
    assert [trial.state for trial in outcome.trials] == [*["finished"] * 4, "stopped"]
    assert (outcome.trials[-1].epochs_run, outcome.trials[-1].reason) == (1, "the time budget was used up")
    assert (outcome.seconds, outcome.beyond) == (100, 0)


def test_a_trial_that_cannot_finish_in_time_is_stopped_early(settings: Settings, fake: Any) -> None:
    now = [0.0]
    training = fake(good)

    def an_epoch_later() -> None:
        now[0] += 10

    training.before_each_epoch = an_epoch_later
    training.seconds = 10.0
    outcome = searched(settings, minutes=100 / 60, max_trials=2, params={"overrides": HELD}, clock=lambda: now[0])
    assert outcome.trials[1].state == "stopped"
    assert (outcome.trials[1].epochs_run, now) == (1, [70.0])


def test_a_trial_that_would_use_more_than_a_quarter_of_the_budget_is_stopped(settings: Settings, fake: Any) -> None:
    now = [0.0]
    training = fake(good)

    def an_epoch_later() -> None:
        now[0] += training.seconds
        training.seconds = 5.0 if len(training.trained) == 1 else 10.0

    training.before_each_epoch = an_epoch_later
    training.seconds = 5.0
    outcome = searched(settings, minutes=3, max_trials=2, params={"overrides": HELD}, clock=lambda: now[0])
    assert [(trial.state, trial.epochs_run) for trial in outcome.trials] == [("finished", 6), ("stopped", 1)]
    assert "too much of the time budget" in outcome.trials[1].reason


def test_no_trial_starts_that_could_not_finish_its_first_epoch(settings: Settings, fake: Any) -> None:
    now = [0.0]

    def takes_long(params: Train) -> float:
        now[0] += 40
        return good(params)

    training = fake(takes_long)
    outcome = searched(settings, minutes=1, max_trials=0, clock=lambda: now[0])
    assert [trial.state for trial in outcome.trials] == ["finished"]
    assert len(training.trained) == 1


def test_a_budget_used_up_by_the_preparation_is_reported(settings: Settings, fake: Any) -> None:
    training = fake(good)
    with pytest.raises(BadHyperparameters, match=r"Preparing the titles took .* The prepared titles are kept"):
        searched(settings, minutes=1e-9)
    assert training.trained == []


def test_an_interrupted_search_keeps_the_best_so_far(settings: Settings, fake: Any) -> None:
    training = fake(good)

    def interrupt(trial: Trial) -> None:
        if trial.number == 3:
            raise KeyboardInterrupt

    outcome = searched(settings, RecordingReporter(interrupt))
    assert outcome.interrupted
    assert named_sets.resolve(outcome.name, {}, settings).train == max(training.trained, key=good)
    assert find(settings.open_store(), "train", outcome.manifest.key)


def test_a_search_interrupted_before_anything_finished_keeps_nothing(settings: Settings, fake: Any) -> None:
    def interrupted(params: Train) -> float:
        raise KeyboardInterrupt

    fake(interrupted)
    with pytest.raises(KeyboardInterrupt):
        searched(settings)
    assert stored_sets.names(settings.open_store()) == []


def test_after_a_crash_the_same_run_continues_with_the_rest_of_its_budget(settings: Settings, fake: Any) -> None:
    now = [0.0]

    def takes_ten_seconds(params: Train) -> float:
        now[0] += 10
        return good(params)

    def crash(trial: Trial) -> None:
        if trial.number == 3:
            raise OSError("killed")

    training = fake(takes_ten_seconds)
    with pytest.raises(OSError, match="killed"):
        searched(settings, RecordingReporter(crash), minutes=1, max_trials=0, clock=lambda: now[0])
    before = list(training.trained)
    again = RecordingReporter()
    outcome = searched(settings, again, minutes=1, max_trials=0, clock=lambda: now[0])
    assert again.trials[0].number == 4
    assert outcome.seconds <= 70
    assert [Train.model_validate(trial.params) for trial in outcome.trials][:3] == before
    assert not set(map(repr, before)) & set(map(repr, training.trained[3:-1]))
    # The best may be a trial of the process that crashed: then its model is trained again.
    assert find(settings.open_store(), "train", outcome.manifest.key)


def test_a_crash_within_a_trial_gives_no_time_back_and_keeps_the_start(settings: Settings, fake: Any) -> None:
    now = [0.0]
    training = fake(lambda params: 0.95 if params.seed == 9 else 0.5)

    def an_epoch_later() -> None:
        now[0] += 10
        if len(training.trained) == 2 and now[0] >= 170:
            raise OSError("killed")

    training.before_each_epoch = an_epoch_later
    options: dict[str, Any] = {"minutes": 20, "start": "", "max_trials": 2, "clock": lambda: now[0]}
    held = {"overrides": {**SMALL, "train.epochs": 12}}
    with pytest.raises(OSError, match="killed"):
        searched(settings, params=held, **options)
    journal = next(iter(settings.open_store().names("searches/")))
    stored = json.loads(settings.open_store().read(journal).data)  # type: ignore[union-attr]
    assert (stored["start"], len(stored["trials"]), stored["spent"]) == ("mlp", 1, 160.0)
    training.before_each_epoch = lambda: None
    values = named_sets.load("mlp").model_dump(mode="json")
    values["train"]["seed"] = 9
    stored_sets.write(settings.open_store(), "better", values, {})  # trained meanwhile: others start from it
    plan = make_plan(request(settings, sets=["better"], **held), settings, "", None)
    Runner(settings).run(plan.sets["better"])
    assert searched(settings, params=held, **options).start == "mlp"
    assert searched(settings, params=held, **options, run_id="two").start == "better"


def test_the_same_run_returns_its_result_again_without_a_trial(settings: Settings, fake: Any) -> None:
    training = fake(good)
    first = searched(settings)
    count = len(training.trained)
    again = searched(settings)
    assert (again.name, again.manifest, len(training.trained)) == (first.name, first.manifest, count)


def test_another_search_on_the_same_titles_reuses_the_trials(settings: Settings, fake: Any) -> None:
    training = fake(good)
    first = searched(settings, run_id="one")
    tried = list(training.trained)
    second = searched(settings, run_id="two")
    assert second.known == 6
    assert second.accuracy >= first.accuracy
    assert not set(map(repr, tried)) & set(map(repr, training.trained[6:]))
