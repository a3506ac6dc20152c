from __future__ import annotations

import pytest

from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.run_outcome import unused_by


@pytest.mark.parametrize("name", ["rare", "set_aside"])  # as written by version 0.1.0
def test_the_rows_that_ingest_did_not_use_are_reported_with_the_file_that_lists_them(name: str) -> None:
    rare = {"rows": 9, "categories": 1}
    summary = {"rows": 90, "bad_by_reason": {"no title": 2}, "bad_rows": 2, name: rare}
    manifest = Manifest("ingest", "k" * 32, {"min_category_rows": 5}, {}, {}, summary, "attempt1")
    assert unused_by(manifest, "file:///store") == (
        "Not used: 2 bad rows (no title 2) and 9 rows of 1 category with fewer than 5 rows, "
        f"listed in file:///store/ingest/{'k' * 32}/attempt1/quarantine.jsonl.gz"
    )


def test_nothing_is_reported_when_ingest_used_every_row() -> None:
    manifest = Manifest(
        "ingest", "k" * 32, {"min_category_rows": 5}, {}, {}, {"rows": 99, "bad_by_reason": {}}, "attempt1"
    )
    assert unused_by(manifest, "file:///store") == ""
