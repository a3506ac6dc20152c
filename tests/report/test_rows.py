"""Example titles of a report: those of the rows that the predictions name, whatever rows ingest left out."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from meli_tasks.artifacts.manifest import need
from meli_tasks.report import rows
from meli_tasks.store import open_store
from tests.pages.published import add_file
from tests.past_run import PastRun
from tests.stages.listings.listing_files import LENIENT, csv_of, run, some_rows, write


@pytest.mark.parametrize("rows_in_a_group", [3, 1_000])
def test_a_row_is_found_by_its_number_and_not_by_its_place(tmp_path: Path, rows_in_a_group: int) -> None:
    source = some_rows(20)
    for bad in (0, 5, 6):
        source[bad]["title"] = ""
    out = tmp_path / "out"
    out.mkdir()
    run(write(tmp_path, "titles.csv", csv_of(source)), out, LENIENT)
    pq.write_table(pq.read_table(out / "listings.parquet"), tmp_path / "grouped", row_group_size=rows_in_a_group)
    past = PastRun(open_store((tmp_path / "store").as_uri()))
    key = past.plan.ingest.key
    add_file(past, "ingest", key, "listings.parquet", (tmp_path / "grouped").read_bytes())
    found = rows.titles_of(past.store, need(past.store, "ingest", key), {1, 4, 5, 7, 19, 40})
    assert found == {row: source[row]["title"] for row in (1, 4, 7, 19)}
