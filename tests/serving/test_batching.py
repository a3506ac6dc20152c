"""Requests in the queue: each gets its own titles' predictions, from one model, and none waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from meli_tasks.serving.batching import BATCH_TITLES, Batcher, Busy, NoModel
from meli_tasks.serving.served import Served
from tests import waiting
from tests.scoring.toy import ByLength


class Gated(ByLength):
    """Classifies one batch for each permit; its answers have the categories of its name."""

    def __init__(self, name: str) -> None:
        self.categories = [f"{name}_{length}" for length in range(7)]
        self.permits = threading.Semaphore(0)
        self.batches: list[int] = []

    def known(self, titles: Sequence[str]) -> Any:
        self.permits.acquire()
        self.batches.append(len(titles))
        if "fail" in titles:
            raise RuntimeError("the model failed")
        return np.ones(len(titles), dtype=bool)


def served(classifier: Gated) -> Served:
    return Served(SimpleNamespace(), classifier)  # type: ignore[arg-type]


@pytest.fixture
def model() -> Gated:
    return Gated("OLD")


@pytest.fixture
def batcher(model: Gated) -> Iterator[Batcher]:
    made = Batcher(most_waiting=3 * BATCH_TITLES)
    made.swap(served(model))
    yield made
    model.permits.release(1_000)
    made.stop()


def ask(batcher: Batcher, titles: Sequence[str], top: int = 2) -> Any:
    return batcher.submit(titles, [""] * len(titles), top)


def begun(batcher: Batcher, model: Gated, titles: Sequence[str]) -> Any:
    """A request that the thread has taken."""
    found = ask(batcher, titles)
    model.permits.release()
    waiting.until(lambda: model.batches, lambda: len(model.batches), poll_seconds=0.005)
    return found


def test_what_waits_is_classified_together_and_everybody_gets_their_own(batcher: Batcher, model: Gated) -> None:
    first = begun(batcher, model, ["a"])
    first.result()
    requests = [ask(batcher, ["b" * length for length in range(1, count + 1)], top=count) for count in (1, 2, 3)]
    model.permits.release(3)
    answers = [request.result().predictions for request in requests]
    assert [answer.category for answer in answers] == [["OLD_1"], ["OLD_1", "OLD_2"], ["OLD_1", "OLD_2", "OLD_3"]]
    assert [len(answer.categories[0]) for answer in answers] == [1, 2, 3]
    assert sum(model.batches) == 7
    assert len(model.batches) <= 3  # the thread may have taken the first of the three before the others came


def test_a_large_request_lets_others_in_between_and_a_swap_waits_for_it(batcher: Batcher, model: Gated) -> None:
    large = begun(batcher, model, ["x"] * (2 * BATCH_TITLES + 5))
    waiting.until(lambda: batcher.waiting == BATCH_TITLES + 5, lambda: batcher.waiting, poll_seconds=0.005)
    new = Gated("NEW")
    new.permits.release(1_000)
    batcher.swap(served(new))
    small = ask(batcher, ["yy"])
    assert not small.done()  # the new model answers once the former one has finished what it began
    model.permits.release(5)
    found = large.result().predictions
    assert set(found.category) == {"OLD_1"}
    assert len(found.category) == len(found.known) == 2 * BATCH_TITLES + 5
    assert small.result().predictions.category == ["NEW_2"]
    assert max(model.batches) == BATCH_TITLES


def test_a_full_queue_refuses_and_takes_again(batcher: Batcher, model: Gated) -> None:
    large = ask(batcher, ["x"] * (3 * BATCH_TITLES))
    with pytest.raises(Busy, match=r"768 titles are waiting, and at most 768 may"):
        ask(batcher, ["y"])
    model.permits.release(3)
    large.result()
    model.permits.release()
    assert ask(batcher, ["y"]).result().predictions.category == ["OLD_1"]
    assert batcher.waiting == 0


def test_a_model_that_fails_is_told_to_who_asked_and_the_next_are_answered(batcher: Batcher, model: Gated) -> None:
    model.permits.release(2)
    with pytest.raises(RuntimeError, match="the model failed"):
        ask(batcher, ["fail"]).result()
    assert ask(batcher, ["aa"]).result().predictions.category == ["OLD_2"]
    assert batcher.waiting == 0


def test_who_has_gone_is_not_answered(batcher: Batcher, model: Gated) -> None:
    begun(batcher, model, ["a"]).result()
    taken = ask(batcher, ["b"])  # occupies the thread until it has a permit
    gone = ask(batcher, ["x"] * 100)
    gone.cancel()
    model.permits.release()
    taken.result()
    waiting.until(lambda: batcher.waiting == 0, lambda: batcher.waiting, poll_seconds=0.005)
    assert sum(model.batches) in {2, 102}  # 102 if both were in one batch before it left


def test_what_waits_is_answered_before_the_end_and_nothing_after_it(model: Gated) -> None:
    batcher = Batcher(10)
    with pytest.raises(NoModel):
        ask(batcher, ["a"])
    batcher.swap(served(model))
    last = ask(batcher, ["a"])
    model.permits.release(5)
    batcher.stop()
    assert last.result().predictions.category == ["OLD_1"]
    with pytest.raises(NoModel, match="stopping"):
        ask(batcher, ["b"])


def test_what_counts_batches_may_fail(model: Gated, caplog: pytest.LogCaptureFixture) -> None:
    def counted(titles: int) -> None:
        raise RuntimeError(f"{titles} titles cannot be counted")

    batcher = Batcher(most_waiting=BATCH_TITLES, on_batch=counted)
    batcher.swap(served(model))
    model.permits.release(3)
    assert [ask(batcher, ["ab"]).result(60).predictions.category for _ in range(2)] == [["OLD_2"], ["OLD_2"]]
    batcher.stop()
    assert "1 titles cannot be counted" in caplog.text


def test_an_answer_that_cannot_be_joined_becomes_an_error_and_the_next_one_is_made(
    batcher: Batcher, model: Gated, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(pieces: object) -> None:
        raise RuntimeError("cannot be joined")

    monkeypatch.setattr("meli_tasks.serving.batching.Predictions.joined", fails)
    model.permits.release(2)
    with pytest.raises(RuntimeError, match="cannot be joined"):
        ask(batcher, ["ab"]).result(60)
    monkeypatch.undo()
    assert ask(batcher, ["ab"]).result(60).predictions.category == ["OLD_2"]
    assert batcher.waiting == 0


def test_requests_that_are_cancelled_make_room_at_once(batcher: Batcher, model: Gated) -> None:
    held = begun(batcher, model, ["a"])
    held.result(60)
    first = ask(batcher, ["x"])
    others = [ask(batcher, ["y"]) for _ in range(200)]
    waiting.until(lambda: batcher.waiting == 201, lambda: batcher.waiting, poll_seconds=0.005)
    assert [other.cancel() for other in others] == [True] * 200
    assert batcher.waiting == 1
    model.permits.release(1)
    assert first.result(60).predictions.category == ["OLD_1"]
