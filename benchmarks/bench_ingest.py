"""Part `ingest`: rows a second of processor time that ingest reads, checks and deals, beside a plain reader.

The source is the sample, written as gzipped CSV, JSON Lines and Parquet. The baseline reads the same file with
Python's own modules (Parquet: pyarrow, into Python's values) and does nothing with the rows.
"""

from __future__ import annotations

import csv
import gzip
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.apart import Clock
from benchmarks.figures import Figure, Options
from meli_tasks.core.hyperparameters import Ingest
from meli_tasks.core.sample.generator import COLUMNS, sample
from meli_tasks.stages import ingest
from meli_tasks.stages.files.sample_file import write_sample
from meli_tasks.stages.hooks import Hooks

ROWS = 300_000
SMALL_ROWS = 5_000
ROUNDS = 3


def write_sources(folder: Path, rows: int) -> list[Path]:
    """The sample in three formats."""
    csv_path, json_path, parquet_path = (folder / f"titles.{kind}" for kind in ("csv.gz", "jsonl.gz", "parquet"))
    write_sample(parquet_path, rows, 1, 0.01)
    with (
        gzip.open(csv_path, "wt", compresslevel=3, newline="", encoding="utf-8") as csv_file,
        gzip.open(json_path, "wt", compresslevel=3, encoding="utf-8") as json_file,
    ):
        writer = csv.writer(csv_file)
        writer.writerow(COLUMNS)
        for chunk in sample(rows):
            for row in zip(*chunk.values(), strict=True):
                writer.writerow(row)
                json_file.write(json.dumps(dict(zip(COLUMNS, row, strict=True)), ensure_ascii=False) + "\n")
    return [csv_path, json_path, parquet_path]


def plainly(path: Path) -> None:
    """The rows of a file, read and dropped."""
    if path.suffix == ".parquet":
        for batch in pq.ParquetFile(path).iter_batches():
            batch.to_pylist()
        return
    with gzip.open(path, "rt", newline="", encoding="utf-8") as file:
        for _ in csv.reader(file) if ".csv" in path.suffixes else map(json.loads, file):
            pass


def ingested(path: Path) -> None:
    """The stage, whole."""
    with tempfile.TemporaryDirectory(dir=path.parent) as out:
        ingest.run({"source": path}, Path(out), Ingest(), Hooks())


def rate(work: Callable[[Path], None], path: Path, rows: int) -> tuple[float, float]:
    """Rows a second by the clock and of processor time, the best of some rounds."""
    seen = []
    for _ in range(ROUNDS):
        clock = Clock()
        work(path)
        seen.append(clock.read())
    return rows / min(seconds for seconds, _ in seen), rows / min(cpu_seconds for _, cpu_seconds in seen)


def run(options: Options) -> list[Figure]:
    """One figure for each size and format."""
    figures = []
    for rows in options.rows or (SMALL_ROWS if options.small else ROWS,):
        folder = options.work / str(rows)
        folder.mkdir(parents=True)
        for path in write_sources(folder, rows):
            (by_clock, ours), (_, theirs) = rate(ingested, path, rows), rate(plainly, path, rows)
            name, note = f"{rows:,} rows, {path.name.partition('.')[2]}", f"{by_clock:,.0f} rows/s by the clock"
            figures.append(Figure(name, ours, "rows/CPU-s", baseline=theirs, note=note))
    return figures
