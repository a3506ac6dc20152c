"""The counts of lost and doubled rows in `bench_batch` depend on how it reads the results."""

from __future__ import annotations

import gzip
from pathlib import Path

from benchmarks.bench_batch import Sizes, lost_and_doubled, write_titles
from meli_tasks.scoring.records import BatchRecord, ScoredPart


def test_every_generated_row_has_its_number(tmp_path: Path) -> None:
    write_titles(tmp_path / "titles", Sizes(10, 4, "quick_mlp", 0))
    files = sorted((tmp_path / "titles").iterdir())
    lines = [gzip.decompress(path.read_bytes()).decode().splitlines() for path in files]
    assert [line[0] for line in lines] == ["id,title"] * 4
    assert [row.split(",")[0] for file in lines for row in file[1:]] == [str(number) for number in range(10)]


def test_rows_that_are_lost_or_doubled_are_counted(tmp_path: Path) -> None:
    parts = []
    for name, numbers in (("a", [0, 1, 1]), ("b", [3, 4, 0])):
        path = tmp_path / f"{name}.csv.gz"
        path.write_bytes(gzip.compress("\n".join(["id,title", *(f"{number},x" for number in numbers)]).encode()))
        parts.append(ScoredPart(key=name, file=name, address=path.as_uri()))
    record = BatchRecord(id="b", day="2026-11-20", created_at="", source="", model="k@s", parts=tuple(parts))
    assert lost_and_doubled(record, 6) == (2, 2)
