from __future__ import annotations

from typing import Any

import pytest

from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.wording import set_aside


@pytest.mark.parametrize(
    ("summary", "told"),
    [
        ({}, ""),
        ({"bad_by_reason": {}, "bad_rows": 0, "set_aside": {"rows": 0, "categories": 0}}, ""),
        ({"bad_by_reason": {"no title": 1}, "bad_rows": 1}, "1 bad row (no title 1)"),
        ({"set_aside": {"rows": 9, "categories": 1}}, "9 rows of 1 category with fewer than 5 rows"),
        ({"set_aside": {"rows": 1, "categories": 1}}, "1 row of 1 category with fewer than 5 rows"),
        (
            {
                "bad_by_reason": {"no category": 2, "no title": 1200},
                "bad_rows": 1202,
                "set_aside": {"rows": 9, "categories": 3},
            },
            "1,202 bad rows (no title 1,200, no category 2) and 9 rows of 3 categories with fewer than 5 rows",
        ),
    ],
)
def test_it_says_how_many_why_and_where(summary: dict[str, Any], told: str) -> None:
    manifest = Manifest("ingest", "k" * 32, {"min_category_rows": 5}, {}, {}, summary, "attempt1")
    place = f"file:///store/ingest/{'k' * 32}/attempt1/quarantine.jsonl.gz"
    assert set_aside(manifest, "file:///store") == (f"Set aside: {told}, listed in {place}" if told else "")
