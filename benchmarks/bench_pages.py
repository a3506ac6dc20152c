"""Part `pages`: how long the page Models waits for its data, with the runs of hundreds of nights in the store.

    python -m benchmarks pages --rows 167,1000

`--rows` is the number of runs, of 30 sets each: 167 are 5,000 trainings. The store is a folder, so a listing and a
read take no time on a network. Each size is measured with test titles of its own for every run, and with the same for
all of them. The champion is a model of the oldest run, the worst case: all others are searched for it first.

Wall time is what a person waits; the CPU time in the note is what an idle machine would need.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from benchmarks.figures import Figure, Options, at_most
from benchmarks.isolated import run_isolated
from benchmarks.nightly_store import Nights
from meli_tasks.pages import Pages, RunFilter
from meli_tasks.pages.read_cache import LISTED_SECONDS
from meli_tasks.store import open_store

RUNS = (167, 1_000)
SMALL_RUNS = (2, 3)
SETS = 30
SMALL_SETS = 2
REPEATED = 5
WARM = at_most(1.0)


def answer(url: str, limit: int) -> dict[str, list[float]]:
    """Wall and CPU seconds and JSON bytes of the first answer, of the median later one, and of one that lists again."""
    pages = Pages(open_store(url))

    def serve() -> list[float]:
        wall, cpu = time.perf_counter(), time.process_time()
        size = len(json.dumps(pages.models(RunFilter(limit=limit)).model_dump(mode="json")))
        return [time.perf_counter() - wall, time.process_time() - cpu, size]

    first = serve()
    warm = sorted(serve() for _ in range(REPEATED))[REPEATED // 2]
    time.sleep(LISTED_SECONDS)
    return {"first answer": first, "listed again": serve(), "warm": warm}


def measure(options: Options, nights: Nights, folder: Path) -> list[Figure]:
    """The figures of a store."""
    store = open_store(folder.as_uri())
    nights.write(store)
    arguments = {"url": store.url, "limit": nights.runs}
    found, cost = run_isolated("benchmarks.bench_pages:answer", arguments, options.threads)
    titles = "the same test titles" if nights.on_same_titles > 1 else "a test set each"
    what = f"{nights.runs:,} runs of {nights.sets} sets, {titles}"
    return [
        Figure(
            f"{what}: {which}",
            wall,
            "s",
            target=None if which == "first answer" else WARM,
            note=f"{cpu:.2f} CPU-s, {size / 1_000:,.0f} kB of JSON, peak memory {cost.peak_megabytes:,.0f} MB",
        )
        for which, (wall, cpu, size) in found.items()
    ]


def run(options: Options) -> list[Figure]:
    """The figures at each size."""
    sets = SMALL_SETS if options.small else SETS
    figures: list[Figure] = []
    for runs in options.rows or (SMALL_RUNS if options.small else RUNS):
        for same in (1, runs):
            figures += measure(options, Nights(runs, sets, same), options.work / f"{runs}-{same}")
    return figures
