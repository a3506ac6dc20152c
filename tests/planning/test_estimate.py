from __future__ import annotations

import pytest

from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.execution.runner import Step
from meli_tasks.planning.estimate import Estimate, seconds_with_slots


def trained(seconds: float, epochs: int) -> Manifest:
    return Manifest("train", "k" * 32, {"epochs": epochs}, {}, {}, {}, "attempt", {"seconds": seconds})


def training(epochs: int) -> Step:
    return Step("train", "mlp", {"epochs": epochs}, {})


def test_an_estimate_is_the_median_of_steps_with_the_same_parameters() -> None:
    estimate = Estimate([trained(seconds, epochs=5) for seconds in (10.0, 90.0, 20.0)] + [trained(1_000.0, epochs=9)])
    assert estimate.seconds(training(epochs=5)) == 20.0


def test_without_such_a_step_it_is_the_median_of_the_stage() -> None:
    estimate = Estimate([trained(seconds, epochs) for epochs, seconds in enumerate((10.0, 30.0, 20.0, 400.0))])
    assert estimate.seconds(training(epochs=99)) == 25.0
    assert estimate.seconds(Step("embed", "vectors", {}, {})) is None


@pytest.mark.parametrize(
    ("slots", "seconds"),
    [
        (1, 5.0 + 7.0 + 60.0),  # one after another
        (2, 5.0 + 7.0 + 30.0),  # an even split over two slots
        (4, 5.0 + 7.0 + 28.0),  # no less than the longest training
    ],
)
def test_trainings_share_the_slots_and_other_steps_run_one_after_another(slots: int, seconds: float) -> None:
    steps = [("ingest", 5.0), ("embed", 7.0), ("train", 28.0), ("train", 20.0), ("train", 12.0)]
    assert seconds_with_slots(steps, slots) == pytest.approx(seconds)


def test_a_step_that_takes_no_time_adds_none() -> None:
    assert seconds_with_slots([("ingest", 0.0), ("train", 0.0), ("train", 8.0)], 1) == 8.0


def test_a_run_without_trainings_takes_as_long_as_its_other_steps() -> None:
    assert seconds_with_slots([("ingest", 0.25), ("embed", 0.5)], 2) == 0.75


def test_a_run_has_no_estimate_if_one_of_its_steps_has_none() -> None:
    assert seconds_with_slots([("ingest", 5.0), ("train", None)], 1) is None
