from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from meli_tasks.wording import count, duration, unused_rows

CASES: dict[str, Any] = json.loads((Path(__file__).parent / "wording_cases.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("seconds", "text"), CASES["duration"])
def test_a_duration_is_rounded_before_it_is_split_into_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("number", "noun", "text"), CASES["count"])
def test_a_count_agrees_with_its_noun_and_separates_thousands(number: int, noun: str, text: str) -> None:
    assert count(number, noun) == text


@pytest.mark.parametrize(
    ("bad_by_reason", "rare_rows", "rare_categories", "text"),
    [
        ({}, 0, 0, ""),
        ({"no title": 1}, 0, 0, "1 bad row (no title 1)"),
        ({}, 9, 1, "9 rows of 1 category with fewer than 5 rows"),
        ({}, 1, 1, "1 row of 1 category with fewer than 5 rows"),
        (
            {"no category": 2, "no title": 1200},
            9,
            3,
            "1,202 bad rows (no title 1,200, no category 2) and 9 rows of 3 categories with fewer than 5 rows",
        ),
    ],
)
def test_unused_rows_are_counted_by_reason(
    bad_by_reason: dict[str, int], rare_rows: int, rare_categories: int, text: str
) -> None:
    assert unused_rows(bad_by_reason, rare_rows, rare_categories, min_category_rows=5) == text
