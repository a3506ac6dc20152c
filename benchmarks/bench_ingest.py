"""Part `ingest`: rows per CPU second that ingest reads, checks and splits, compared with a plain reader.

The source is the generated sample, written as gzipped CSV, JSON Lines and Parquet. The baseline reads the same file
with Python's own modules (Parquet: pyarrow, into Python values) and discards the rows.
"""

from __future__ import annotations

import csv
import gzip
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.figures import Figure, Options
from benchmarks.isolated import Clock
from meli_tasks.core.sample.generator import COLUMNS, sample
from meli_tasks.core.stage_parameters import Ingest
from meli_tasks.stages import ingest
from meli_tasks.stages.files.sample_file import write_sample
from meli_tasks.stages.hooks import Hooks

ROWS = 300_000
SMALL_ROWS = 5_000
ROUNDS = 3


def write_sources(folder: Path, rows: int) -> list[Path]:
    """Writes the sample in three formats."""
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


def read_plainly(path: Path) -> None:
    """Reads the rows of a file and discards them."""
    if path.suffix == ".parquet":
        for batch in pq.ParquetFile(path).iter_batches():
            batch.to_pylist()
        return
    with gzip.open(path, "rt", newline="", encoding="utf-8") as file:
        for _ in csv.reader(file) if ".csv" in path.suffixes else map(json.loads, file):
            pass


def run_ingest(path: Path) -> None:
    """Runs the whole stage."""
    with tempfile.TemporaryDirectory(dir=path.parent) as out:
        ingest.run({"source": path}, Path(out), Ingest(), Hooks())


def rate(work: Callable[[Path], None], path: Path, rows: int) -> tuple[float, float]:
    """Rows per second of wall time and of CPU time, each the best of several rounds."""
    times = []
    for _ in range(ROUNDS):
        clock = Clock()
        work(path)
        times.append(clock.read())
    return rows / min(seconds for seconds, _ in times), rows / min(cpu_seconds for _, cpu_seconds in times)


def run(options: Options) -> list[Figure]:
    """One figure per size and format."""
    figures = []
    for rows in options.rows or (SMALL_ROWS if options.small else ROWS,):
        folder = options.work / str(rows)
        folder.mkdir(parents=True)
        for path in write_sources(folder, rows):
            (wall_rate, ours), (_, theirs) = rate(run_ingest, path, rows), rate(read_plainly, path, rows)
            name, note = f"{rows:,} rows, {path.name.partition('.')[2]}", f"{wall_rate:,.0f} rows/s of wall time"
            figures.append(Figure(name, ours, "rows/CPU-s", baseline=theirs, note=note))
    return figures
