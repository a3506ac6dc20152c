"""What is proposed next, and which trials are poor."""

from __future__ import annotations

import math

import pytest

from meli_tasks.core.hyperparameters import Train
from meli_tasks.search.proposals import Proposals
from meli_tasks.search.space import Space
from meli_tasks.search.trial import Trial
from meli_tasks.sets import catalog as named_sets

START = named_sets.load("mlp").train
SPACE = Space.around(START, unreliable=False)


def accuracy(params: Train) -> float:
    """Highest at 3.3 times the learning rate of the set `mlp`, and with little dropout."""
    return 0.9 - 0.1 * abs(math.log10(params.learning_rate / START.learning_rate / 3.3)) - 0.1 * params.dropout


def finished(number: int, params: dict[str, object]) -> Trial:
    value = accuracy(Train.model_validate(params))
    return Trial(number, params, "finished", value, 1.0, 8, {1: value - 0.3, 2: value - 0.2, 3: value - 0.1})


def search(seed: int, count: int, known: tuple[Trial, ...] = ()) -> list[Trial]:
    proposals = Proposals(SPACE, seed, known)
    trials = []
    for number in range(count):
        trials.append(finished(number, SPACE.train(proposals.next())))
        proposals.record(trials[-1])
    return trials


def test_the_same_seed_proposes_the_same_and_another_seed_something_else() -> None:
    assert search(1, 6) == search(1, 6)
    assert search(1, 6)[1:] != search(2, 6)[1:]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_finds_better_than_where_it_started(seed: int) -> None:
    trials = search(seed, 25)
    assert max(trial.accuracy or 0 for trial in trials) > (trials[0].accuracy or 0) + 0.02


def test_known_trials_are_not_repeated_and_count() -> None:
    first = search(1, 8)
    again = search(1, 8, tuple(first))
    assert again[0].params != START.model_dump(mode="json")
    assert not {str(trial.params) for trial in first} & {str(trial.params) for trial in again}


def test_a_known_trial_that_this_space_cannot_hold_is_left_out() -> None:
    odd = Trial(1, START.model_copy(update={"epochs": 500}).model_dump(mode="json"), "finished", 0.9, 1.0, 8)
    other = Trial(2, START.model_copy(update={"seed": 5}).model_dump(mode="json"), "finished", 0.9, 1.0, 8)
    assert search(1, 3, (odd, other))[0].params == START.model_dump(mode="json")


def test_a_trial_is_poor_if_it_is_behind_half_of_the_others_at_the_same_quarter() -> None:
    proposals = Proposals(SPACE, 1)
    for number in range(5):
        SPACE.train(proposals.next())
        proposals.record(Trial(number, {}, "finished", 0.9, 1.0, 8, proposals.accuracy_by_quarter))
    proposals.next()
    assert not proposals.is_poor(2, 8, 0.1)  # no trial had an accuracy at that quarter

    proposals = Proposals(SPACE, 1)
    for number in range(5):
        proposals.next()
        for epoch in (1, 2, 3, 4):
            assert not proposals.is_poor(epoch, 4, 0.5 + epoch / 10) or number == 4
        proposals.record(Trial(number, {}, "finished", 0.9, 1.0, 4, proposals.accuracy_by_quarter))
    proposals.next()
    assert not proposals.is_poor(1, 20, 0.01)  # not yet a quarter of its epochs
    assert not proposals.is_poor(5, 20, 0.6)
    assert proposals.is_poor(10, 20, 0.5)
    assert proposals.accuracy_by_quarter == {1: 0.6, 2: 0.5}


def test_importance_ranks_the_parameters_that_mattered() -> None:
    proposals = Proposals(SPACE, 3)
    for number in range(60):
        assert proposals.importance() == {}  # what so few trials say is chance
        proposals_params = SPACE.train(proposals.next())
        proposals.record(finished(number, proposals_params))
    found = proposals.importance()
    assert set(found) <= set(SPACE.distributions)
    assert abs(sum(found.values()) - 1) < 1e-6
    assert next(iter(found)) == "learning_rate"
