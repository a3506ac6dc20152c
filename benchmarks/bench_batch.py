"""Part `batch`: gzipped files of titles scored by two worker processes that are killed twice.

    python -m benchmarks batch --rows 1000000
    python -m benchmarks batch --rows 20000000    # in 40 files

The workers score parts as the tasks of `meli_batch_predict` do, from the store to the store. Both are killed with
SIGKILL in the middle of parts, twice, and new ones continue with the missing parts. Then all results are read, to
check that each row is there exactly once.
"""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

from benchmarks.figures import Figure, Options, at_least, at_most
from benchmarks.isolated import ROOT
from meli_tasks.core.sample.generator import sample
from meli_tasks.rowfiles.text_columns import csv_bytes
from meli_tasks.scoring.batch import score_parts
from meli_tasks.scoring.planning import plan_batch, remaining
from meli_tasks.scoring.records import BatchPlan, BatchRecord
from meli_tasks.scoring.request import BatchRequest
from meli_tasks.scoring.scoring import merge
from meli_tasks.settings import Settings
from meli_tasks.wording import count

WORKERS = 2
KILLS = 2
POLL_SECONDS = 0.05
DAY = date(2026, 11, 20)
TITLES_A_FILE = 500_000
MOST_MEGABYTES = 1_500.0
TITLES_PER_SECOND = 30_000.0


@dataclass(frozen=True)
class Sizes:
    """What is scored, and by which set, trained on how many generated titles."""

    titles: int
    files: int
    set_name: str
    trained_on: int

    @classmethod
    def of(cls, options: Options) -> Sizes:
        """The sizes that follow from the options."""
        titles = options.rows[0] if options.rows else 4_000 if options.small else 400_000
        files = max(4, titles // TITLES_A_FILE)
        return cls(titles, files, "quick_mlp" if options.small else "mlp", 2_000 if options.small else 50_000)


@dataclass
class Spent:
    """What the workers used, including those that were killed."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_megabytes: float = 0.0


def worker(batch: str, indices: Sequence[int]) -> None:
    """Scores parts, as a task of the DAG does; the environment has the settings."""
    settings = Settings.from_environment()
    problems = score_parts(settings, settings.open_store(), batch, indices)
    assert not problems, problems


def write_titles(folder: Path, sizes: Sizes) -> None:
    """Writes the files, with a number for every row."""
    folder.mkdir()
    number = 0
    for file in range(sizes.files):
        rows = sizes.titles // sizes.files + (file < sizes.titles % sizes.files)
        with gzip.open(folder / f"titles-{file:03}.csv.gz", "wb", compresslevel=1) as target:
            target.write(b"id,title\n")
            for chunk in sample(rows, file + 1, wrong_fraction=0.0):
                titles = chunk["title"]
                numbers = [str(at) for at in range(number, number + len(titles))]
                target.write(csv_bytes([numbers, titles]) or b"")
                number += len(titles)


def score_and_kill(plan: BatchPlan, settings: Settings, environment: Mapping[str, str]) -> Spent:
    """Scores all parts with workers that are killed KILLS times."""
    spent, store, total = Spent(), settings.open_store(), len(plan.parts)
    started = time.perf_counter()
    for turn in range(KILLS + 1):
        left = remaining(plan, settings, store)
        enough = total * (KILLS - turn) // (KILLS + 1)
        workers = [_start(plan.id, left[place::WORKERS], environment) for place in range(WORKERS)]
        alive = dict(enumerate(workers))
        while alive:
            if turn < KILLS and len(remaining(plan, settings, store)) <= enough:
                for process in alive.values():
                    os.kill(process.pid, signal.SIGKILL)  # not send_signal(), which reaps one that has just ended
            time.sleep(POLL_SECONDS)
            for place, process in list(alive.items()):
                pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                if pid:
                    process.returncode = os.waitstatus_to_exitcode(status)
                    spent.cpu_seconds += usage.ru_utime + usage.ru_stime
                    spent.peak_megabytes = max(spent.peak_megabytes, usage.ru_maxrss * 1024 / 1e6)
                    del alive[place]
        if turn == KILLS and any(process.returncode for process in workers):
            raise RuntimeError(f"a worker ended with {[process.returncode for process in workers]}")
    spent.seconds = time.perf_counter() - started
    return spent


def _start(batch: str, indices: Sequence[int], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    code = f"from benchmarks.bench_batch import worker; worker({batch!r}, {list(indices)!r})"
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=dict(environment))


def lost_and_doubled(record: BatchRecord, titles: int) -> tuple[int, int]:
    """How many rows are in no result, and how many are there more than once."""
    found = np.zeros(titles, np.int64)
    for part in record.parts:
        table = arrow_csv.read_csv(
            pa.CompressedInputStream(pa.OSFile(part.address.removeprefix("file://")), "gzip"),
            convert_options=arrow_csv.ConvertOptions(include_columns=["id"]),
        )
        found += np.bincount(table.column("id").to_numpy(), minlength=titles)
    return int((found == 0).sum()), int((found > 1).sum())


def run(options: Options) -> list[Figure]:
    """Titles per second and per CPU second, memory, and rows that were lost or scored twice."""
    sizes = Sizes.of(options)
    environment = {
        **os.environ,
        "MELI_STORE": f"file://{options.work}/store",
        "MELI_CACHE": str(options.work / "cache"),
        "MELI_HOME": str(options.work),
        "MLFLOW_TRACKING_URI": "none",
        "OMP_NUM_THREADS": "1",
        "MELI_THREADS": "1",
    }
    train = (
        "from meli_tasks.cli import main; import sys; sys.argv = ['meli', 'run', 'all', '--source', "
        f"'sample:rows={sizes.trained_on},seed=99', '--sets', '{sizes.set_name}', '--override', 'train.epochs=1', "
        "'--override', 'embed.epochs=1']; main()"
    )
    subprocess.run([sys.executable, "-c", train], cwd=ROOT, env=environment, check=True)
    write_titles(options.work / "titles", sizes)
    settings = Settings.from_environment(environment)
    request = BatchRequest.check({"source": str(options.work / "titles"), "set_name": sizes.set_name}, settings)
    plan = plan_batch(request, settings, settings.open_store(), DAY)
    spent = score_and_kill(plan, settings, environment)
    record = merge(plan, settings, settings.open_store(), {})
    lost, doubled = lost_and_doubled(record, sizes.titles)
    (options.out / "batch.json").write_text(json.dumps({**spent.__dict__, "rows": record.rows}), encoding="utf-8")
    note = (
        f"{count(sizes.titles, 'generated title')} in {count(sizes.files, 'gzipped CSV file')}, {sizes.set_name}, "
        f"{WORKERS} workers of one thread, killed {KILLS} times; "
        "including their start and the work lost when they were killed"
    )
    rate, per_worker = sizes.titles / spent.seconds, sizes.titles / spent.cpu_seconds
    return [
        Figure("two workers", rate, "titles/s", target=at_least(TITLES_PER_SECOND), note=note),
        Figure("a worker", per_worker, "titles per CPU-s", target=at_least(TITLES_PER_SECOND / 2)),
        Figure("peak memory of a worker", spent.peak_megabytes, "MB", target=at_most(MOST_MEGABYTES)),
        Figure("rows lost", float(lost), "rows", target=at_most(0)),
        Figure("rows twice", float(doubled), "rows", target=at_most(0)),
        Figure("rows counted in the record", float(record.rows), "rows", target=at_least(sizes.titles)),
    ]
