"""What about the champion's data needs attention; what does not is no warning."""

from __future__ import annotations

from typing import Any

import pytest

from meli_tasks.pages import Pages
from meli_tasks.pages.champion_warnings import ChampionData, data_warnings
from meli_tasks.pages.night_models import NightChange
from tests.pages.published import Counting, evaluate, promote
from tests.pages.test_nights import night, with_category

THEN = NightChange("2026-11-20", (), 0.02)


@pytest.mark.parametrize(
    ("newer", "then", "newest", "warnings"),
    [
        (6, THEN, None, []),
        (6, THEN, NightChange("2026-11-26", (), 0.025), []),
        (0, NightChange("2026-11-20", (), 0.001), NightChange("2026-11-26", (), 0.005), []),  # too few words
        (0, None, NightChange("2026-11-26", (), 0.5), []),
        (7, THEN, None, [
            "The champion's titles are of 2026-11-20. Since then 7 nights brought newer ones, and no model that was "
            "trained on them replaced it.",
        ]),
        (1, THEN, NightChange("2026-11-26", ("A", "B"), 0.04), [
            "The titles of 2026-11-26 have 2 new categories: A, B.",
            "Unknown words are rising: 4.0% of the words of the validation titles of 2026-11-26, against 2.0% on "
            "2026-11-20.",
        ]),
    ],
)  # fmt: skip
def test_old_data_new_categories_and_unknown_words_are_warnings(
    newer: int, then: NightChange | None, newest: Any, warnings: list[str]
) -> None:
    assert data_warnings(ChampionData("2026-11-20", newer, then, newest)) == warnings


def test_the_card_warns_of_what_newer_nights_of_its_source_brought(store: Counting) -> None:
    first = night(store, 20)
    evaluate(first)
    promote(first, "mlp")
    assert Pages(store).news([]).warnings == []
    for day in range(21, 28):
        evaluate(night(store, day, day))
    assert [one.split(".")[0] for one in Pages(store).news([]).warnings] == [
        "The champion's titles are of 2026-11-20",
    ]  # fmt: skip
    newest = night(store, 28, 28)
    evaluate(newest)
    with_category(newest, "SKATEBOARDS")
    found = Pages(store).news([])
    assert found.newer_nights == 8
    assert "The titles of 2026-11-28 have 1 new category: SKATEBOARDS." in found.warnings
