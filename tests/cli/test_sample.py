"""`meli sample`: the same titles in every kind of file, and those of a day."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest

from tests.cli.program import document, here


@pytest.mark.parametrize("name", ["s.csv", "s.csv.gz", "s.jsonl.gz", "s.parquet"])
def test_sample_writes_the_same_titles_into_every_kind(tmp_path: Path, name: str) -> None:
    from meli_tasks.rowfiles.reading import RowFile

    assert document("sample", "--rows", "300", "--seed", "3", "--output", str(tmp_path / name))["rows"] == 300
    with RowFile(tmp_path / name) as written:
        rows = [row for chunk in written.chunks() for row in chunk.rows.objects()]
    here("sample", "--rows", "200", "--seed", "3", "--output", str(tmp_path / "plain.csv"))
    with (tmp_path / "plain.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.DictReader(file)) == rows[:200]


def test_a_sample_of_a_day_is_the_one_that_a_source_gives(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    from meli_tasks.stages.files.sample_file import write_sample

    written = document("sample", "--rows", "300", "--day", "2026-11-21", "--output", str(tmp_path / "day.parquet"))
    assert written["day"] == "2026-11-21"
    write_sample(tmp_path / "source.parquet", 300, 1, 0.01, date(2026, 11, 21))
    assert pq.read_table(tmp_path / "day.parquet").equals(pq.read_table(tmp_path / "source.parquet"))
    assert document("sample", "--rows", "300", "--output", str(tmp_path / "any.parquet"))["day"] is None
    assert (tmp_path / "any.parquet").read_bytes() != (tmp_path / "day.parquet").read_bytes()
