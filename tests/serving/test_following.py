"""The service follows the champion, and keeps what it has when the next one cannot be loaded."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from meli_tasks.core.errors import BadData, MeliError, Unreachable
from meli_tasks.prediction.models import Model
from meli_tasks.serving.batching import Batcher
from meli_tasks.serving.following import LONGEST_PAUSE_SECONDS, Follower
from meli_tasks.serving.metrics import Metrics
from meli_tasks.serving.served import Served, Wanted
from tests.scoring.toy import ByLength, model_named


def wanted(name: str, decision: int) -> Wanted:
    return Wanted(Model(f"champion {name}", model_named(name)), name, decision)


@dataclass
class World:
    """A ledger whose champion a test chooses, and loading that fails as it says."""

    batcher: Batcher
    champion: Wanted | MeliError = field(default_factory=lambda: wanted("a", 1))
    failure: Exception | None = None
    now: float = 0.0
    loaded: list[str] = field(default_factory=list)
    metrics: Metrics = field(default_factory=Metrics)

    def find(self) -> Wanted:
        if isinstance(self.champion, MeliError):
            raise self.champion
        return self.champion

    def load(self, wanted: Wanted) -> Served:
        self.loaded.append(wanted.set_name)
        if self.failure:
            raise self.failure
        return Served(wanted, ByLength())

    def follower(self) -> Follower:
        return Follower(self.find, self.load, self.batcher, self.metrics, seconds=5.0, clock=lambda: self.now)

    def value(self, name: str) -> Any:
        return self.metrics.registry.get_sample_value(name)

    @property
    def serving(self) -> tuple[str, int | None]:
        served = self.batcher.served
        assert served is not None
        return served.wanted.set_name, served.wanted.decision


@pytest.fixture
def world() -> Iterator[World]:
    batcher = Batcher(10)
    yield World(batcher)
    batcher.stop()


def test_a_new_champion_is_loaded_once_and_replaces_the_former_one(world: World) -> None:
    follower = world.follower()
    for _ in range(3):
        follower.look()
    world.champion = wanted("b", 2)
    for _ in range(3):
        follower.look()
    assert world.loaded == ["a", "b"]
    assert world.serving == ("b", 2)
    assert (world.value("meli_serving_swaps_total"), world.value("meli_serving_ready")) == (1, 1)


def test_the_same_model_after_another_decision_is_not_loaded_again(world: World) -> None:
    follower = world.follower()
    follower.look()
    world.champion = wanted("a", 3)
    follower.look()
    assert (world.loaded, world.serving) == (["a"], ("a", 3))
    assert world.value("meli_serving_swaps_total") == 0


@pytest.mark.parametrize(
    ("failure", "problem"),
    [
        (BadData("model.safetensors is damaged."), "model.safetensors is damaged."),
        (KeyError("layers"), "Loading champion b failed: KeyError."),
    ],
)
def test_a_model_that_cannot_be_loaded_is_tried_again_after_growing_pauses(
    world: World, failure: Exception, problem: str
) -> None:
    follower = world.follower()
    follower.look()
    world.champion, world.failure = wanted("b", 2), failure
    tries = []
    for second in range(1_600):
        world.now = float(second)
        before = len(world.loaded)
        follower.look()
        if len(world.loaded) > before:
            tries.append(second)
    pauses = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert pauses == [5, 10, 20, 40, 80, 160, *4 * [LONGEST_PAUSE_SECONDS]]
    assert (world.serving, follower.problem) == (("a", 1), problem)
    assert world.value("meli_serving_problem") == 1
    assert world.value("meli_serving_failed_loads_total") == len(tries)
    world.failure = None
    world.now += LONGEST_PAUSE_SECONDS
    follower.look()
    assert (world.serving, follower.problem, world.value("meli_serving_problem")) == (("b", 2), "", 0)


def test_a_store_that_does_not_answer_changes_nothing_but_what_is_said(world: World) -> None:
    follower = world.follower()
    follower.look()
    world.champion = Unreachable("The store did not answer.")
    follower.look()
    assert (world.serving, follower.problem) == (("a", 1), "The store did not answer.")
    world.champion = wanted("a", 1)
    follower.look()
    assert (follower.problem, world.loaded) == ("", ["a"])


def test_the_reason_of_a_failed_load_comes_back_after_a_store_that_did_not_answer(world: World) -> None:
    follower = world.follower()
    follower.look()
    world.champion, world.failure = wanted("b", 2), BadData("model.safetensors is damaged.")
    follower.look()
    world.champion = Unreachable("The store did not answer.")
    follower.look()
    world.champion = wanted("b", 2)
    follower.look()  # too early to load it again
    assert (follower.problem, world.loaded) == ("model.safetensors is damaged.", ["a", "b"])
