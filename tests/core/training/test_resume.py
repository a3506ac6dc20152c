"""A run that was killed resumes from its state and ends as if nothing had happened."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import safetensors.torch
import torch

from meli_tasks.core.errors import BadData
from meli_tasks.core.training.progress import Progress
from meli_tasks.core.training.state import State
from meli_tasks.core.training.trainer import Training
from meli_tasks.core.training.validation import validate
from tests.core.training.small_trainings import network_for, params_of, titles_of


def saved(state: State) -> State:
    """A state as another process would read it."""
    tensors = {name: value.contiguous() for name, value in state.tensors.items()}  # as the stage writes them
    return State(state.metadata, safetensors.torch.load(safetensors.torch.save(tensors)))


@pytest.mark.parametrize(
    "values",
    [
        {"ngram_dimensions": 8, "ngram_dropout": 0.3, "dropout": 0.2, "word_vectors": "trained"},
        {"optimizer": "adam", "word_vectors": "trained", "weight_decay": 0.01},
        {"architecture": "cnn", "filters": 6, "dropout": 0.3, "word_vectors": "semi_frozen", "trained_words": 9}
        | {"unfreeze_epoch": 2},
        {"keep": "last", "patience": 2},
        {"ema_decay": 0.9, "ngram_dimensions": 8, "word_vectors": "trained", "logit_adjustment": 1.0},
        {"precision": "bfloat16", "ema_decay": 0.9, "keep": "last", "architecture": "cnn", "filters": 4},
    ],
)
@pytest.mark.parametrize("events", [1, 4, 9, 14])
def test_a_killed_run_resumes_to_the_weights_of_an_undisturbed_one(values: dict[str, Any], events: int) -> None:
    params = params_of(epochs=4, **values)
    titles, validation = titles_of(150, 1), titles_of(60, 2)

    def begun() -> Training:
        return Training(network_for(params), titles, validation, params)

    undisturbed = begun()
    events_in_all = list(undisturbed.run(progress_seconds=0))
    killed = begun()
    for _, _ in zip(range(events), killed.run(progress_seconds=0), strict=False):
        state = saved(killed.state())
    resumed = begun()
    resumed.resume(state)
    rest = list(resumed.run(progress_seconds=0))
    assert len(rest) == len(events_in_all) - events
    for name, value in undisturbed.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name
    without_clock = [replace(epoch, seconds=0.0) for epoch in resumed.epochs]
    assert without_clock == [replace(epoch, seconds=0.0) for epoch in undisturbed.epochs]


def test_an_epoch_begun_by_a_version_without_cross_entropy_says_so() -> None:
    params = params_of(epochs=2, margin=5.0)
    killed = Training(network_for(params), titles_of(150, 1), titles_of(60, 2), params)
    next(killed.run(progress_seconds=0))
    state = saved(killed.state())
    former = {
        name: value for name, value in state.tensors.items() if name not in ("cross_entropy_total", "title_total")
    }
    resumed = Training(network_for(params), titles_of(150, 1), titles_of(60, 2), params)
    resumed.resume(State(state.metadata, former))
    list(resumed.run())
    first, second = resumed.epochs
    assert first.train_cross_entropy is None and first.train_loss > 0
    assert second.train_cross_entropy is not None and second.train_cross_entropy < second.train_loss


def begun_with_dropout() -> Training:
    params = params_of(dropout=0.3)
    return Training(network_for(params), titles_of(150, 1), titles_of(60, 2), params)


def saved_in_the_first_epoch() -> State:
    killed = begun_with_dropout()
    next(killed.run(progress_seconds=0))
    return saved(killed.state())


def test_a_state_from_another_kind_of_device_resumes_with_its_own_dropout() -> None:
    state = saved_in_the_first_epoch()
    # There is no GPU here: the state of a GPU's generator has 16 bytes.
    elsewhere = State(
        replace(state.metadata, device="cuda"), {**state.tensors, "dropout": torch.zeros(16, dtype=torch.uint8)}
    )
    resumed = begun_with_dropout()
    resumed.resume(elsewhere)
    list(resumed.run())
    assert [epoch.epoch for epoch in resumed.epochs] == [1, 2, 3]


def test_gpus_that_resume_draw_different_dropout() -> None:
    state = saved_in_the_first_epoch()
    drawn = []
    for rank in range(2):
        resumed = begun_with_dropout()
        resumed.group = SimpleNamespace(rank=rank, world_size=2)  # type: ignore[assignment]
        resumed.resume(state)
        drawn.append(torch.rand(8, generator=resumed.network.generator))
    assert not torch.equal(drawn[0], drawn[1])


def test_a_state_of_other_titles_is_rejected() -> None:
    params = params_of()
    state = Training(network_for(params), titles_of(150, 1), titles_of(60, 2), params).state()
    with pytest.raises(BadData, match="150 training titles, but there are 90"):
        Training(network_for(params), titles_of(90, 1), titles_of(60, 2), params).resume(state)


@pytest.mark.parametrize("values", [{}, {"keep": "last"}, {"keep": "last", "ema_decay": 0.9}], ids=str)
def test_a_stopped_run_keeps_the_best_epoch_and_counts_the_current_one(values: dict[str, Any]) -> None:
    params = params_of(epochs=50, learning_rate=10, schedule="constant", **values)  # the third epoch is worse
    training = Training(network_for(params), titles_of(150, 1), titles_of(60, 2), params)
    for count, event in enumerate(training.run(progress_seconds=0)):
        if isinstance(event, Progress) and count == 14:  # in the third epoch, of 5 steps and an event of its own each
            training.stop()
    assert [epoch.epoch for epoch in training.epochs] == [1, 2, 3]
    assert training.step == 13
    best = max(training.epochs, key=lambda epoch: epoch.validation_balanced_accuracy)
    assert training.kept_epoch == best != training.epochs[-1]
    assert validate(training.network, titles_of(60, 2)) == (best.validation_loss, best.validation_balanced_accuracy)


def test_a_run_that_is_stopped_between_epochs_ends_there() -> None:
    params = params_of(epochs=50)
    training = Training(network_for(params), titles_of(150, 1), titles_of(60, 2), params)
    for _ in training.run(progress_seconds=1e9):
        training.stop()
    assert len(training.epochs) == 1


def test_a_stop_after_the_last_epoch_changes_nothing() -> None:
    params = params_of(epochs=3, learning_rate=10, schedule="constant", keep="last")
    training = Training(network_for(params), titles_of(150, 1), titles_of(60, 2), params)
    for _ in training.run(progress_seconds=1e9):
        if len(training.epochs) == 3:
            training.stop()
    assert not training.cut_short
    assert training.kept_epoch.epoch == 3


def test_a_run_that_was_stopped_and_then_killed_is_still_stopped() -> None:
    params = params_of(epochs=50, learning_rate=10, schedule="constant", keep="last")
    training = Training(network_for(params), titles_of(150, 1), titles_of(60, 2), params)
    states = []
    for count, event in enumerate(training.run(progress_seconds=0)):
        if isinstance(event, Progress) and count == 14:
            training.stop()
        states.append(saved(training.state()))
    again = Training(network_for(params), titles_of(150, 1), titles_of(60, 2), params)
    again.resume(states[-1])
    assert list(again.run()) == []
    assert again.kept_epoch == training.kept_epoch
    for name, value in training.network.state_dict().items():
        assert torch.equal(value, again.network.state_dict()[name]), name
