"""The champion's accuracy on titles whose labels arrived later, beside the promised figure."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from meli_tasks.decision import Champion
from meli_tasks.monitoring.accuracy import accuracy_of
from meli_tasks.monitoring.monitor import Monitor
from meli_tasks.monitoring.results import since
from meli_tasks.store import Store
from tests.monitoring.stores import category_of, night, settings_of, titles, with_champion

PROMISED = Champion(train="t", set_name="mlp", balanced_accuracy=0.9, interval=(0.88, 0.92))
KNOWN = ["A", "B", "C"]


def predictions(labels: list[str], accuracy: float, seed: int) -> list[str]:
    drawn = random.Random(seed)
    return [label if drawn.random() < accuracy else "" for label in labels]


def test_a_champion_as_good_as_promised_gives_no_alarm_in_sixty_nights() -> None:
    labels = KNOWN * 200
    for seed in range(60):
        found = accuracy_of(labels, predictions(labels, 0.9, seed), KNOWN, PROMISED, 3_650)
        assert not found.worse, (seed, found)
        assert found.interval[0] <= found.balanced_accuracy <= found.interval[1]


def test_a_champion_that_is_ten_points_worse_is_noticed() -> None:
    labels = KNOWN * 200
    found = accuracy_of(labels, predictions(labels, 0.8, 1), KNOWN, PROMISED, 3_650)
    assert found.worse
    assert (found.titles, found.categories, found.promised) == (600, 3, 0.9)


def test_every_category_counts_the_same() -> None:
    labels = ["A"] * 900 + ["B"] * 100
    predicted = ["A"] * 900 + [""] * 100
    assert accuracy_of(labels, predicted, KNOWN, PROMISED, 3_650).balanced_accuracy == pytest.approx(0.5)


def test_categories_that_the_champion_does_not_know_are_named_and_not_counted_as_its_errors() -> None:
    labels = ["A"] * 100 + ["NEW"] * 60
    found = accuracy_of(labels, ["A"] * 160, KNOWN, PROMISED, 3_650)
    assert (found.balanced_accuracy, found.titles, found.new_categories) == (1.0, 100, {"NEW": 60})
    assert "60 titles have categories that it does not know." in found.sentence


def test_too_few_labels_give_no_figure_and_no_alarm() -> None:
    found = accuracy_of(["A"] * 10, [""] * 10, KNOWN, PROMISED, 3_650)
    assert not found.worse
    assert found.sentence == "Accuracy: no figure (10 labelled titles: 50 are needed)."


def test_a_night_of_other_labels_is_an_alarm_since_its_day(file_store: Store, tmp_path: Path) -> None:
    run = with_champion(file_store, tmp_path / "model")
    for seed, day in ((1, "2026-11-21"), (2, "2026-11-22")):
        rows = titles(seed, 900)
        wrong = [category_of(row) for row in (rows[300:] + rows[:300])]
        night(run, day, rows, labels=wrong if seed == 2 else None)
    look = Monitor(settings_of(file_store, tmp_path / "cache"), file_store).look()
    right, wrong_night = look.new[-2:]
    assert right.accuracy and right.accuracy.balanced_accuracy == 1.0
    assert right.alarms == ()
    assert wrong_night.alarms == ("accuracy",)
    assert since(look.results, "accuracy", wrong_night) == "2026-11-22"
