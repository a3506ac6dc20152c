"""Rows a second that ingest reads, in processor time, beside a baseline; and its peak memory.

The source is the project's sample, written as gzipped CSV, JSON Lines and Parquet. The baseline reads the CSV with
Python's csv module and does nothing with it. Ratios travel between machines, rates do not.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from meli_tasks.core.sample import COLUMNS, sample
from meli_tasks.stages import ingest
from meli_tasks.stages.log import SilentLog
from meli_tasks.stages.sample_file import write_sample


def write_sources(folder: Path, rows: int) -> dict[str, Path]:
    """The sample in three formats, by name."""
    files = {name: folder / name for name in ("titles.csv.gz", "titles.jsonl.gz", "titles.parquet")}
    write_sample(files["titles.parquet"], rows, 1, 0.01)
    with (
        gzip.open(files["titles.csv.gz"], "wt", compresslevel=3, newline="", encoding="utf-8") as csv_file,
        gzip.open(files["titles.jsonl.gz"], "wt", compresslevel=3, encoding="utf-8") as json_file,
    ):
        writer = csv.writer(csv_file)
        writer.writerow(COLUMNS)
        for chunk in sample(rows):
            for row in zip(*chunk.values(), strict=True):
                writer.writerow(row)
                json_file.write(json.dumps(dict(zip(COLUMNS, row, strict=True)), ensure_ascii=False) + "\n")
    return files


def baseline(path: Path) -> None:
    """The rows of a CSV, read and dropped."""
    with gzip.open(path, "rt", newline="", encoding="utf-8") as file:
        for _ in csv.reader(file):
            pass


def ingested(path: Path) -> None:
    """The stage, whole."""
    with tempfile.TemporaryDirectory() as out:
        ingest.run({"source": path}, Path(out), {}, SilentLog())


def rate(work: Callable[[Path], None], path: Path, rows: int) -> dict[str, int]:
    """Rows a second of processor time and by the clock, the best of three."""
    processor, clock = [], []
    for _ in range(3):
        start_processor, start_clock = time.process_time(), time.perf_counter()
        work(path)
        processor.append(time.process_time() - start_processor)
        clock.append(time.perf_counter() - start_clock)
    return {"rows_per_processor_second": round(rows / min(processor)), "rows_per_second": round(rows / min(clock))}


def main() -> None:
    """Measures and prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        files = write_sources(Path(folder), rows)
        found: dict[str, object] = {"rows": rows, "csv module alone": rate(baseline, files["titles.csv.gz"], rows)}
        found |= {name: rate(ingested, path, rows) for name, path in files.items()}
    found["peak_megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
