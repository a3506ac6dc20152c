"""Part `serving`: the latency and throughput of `meli serve`, swaps of the champion under load, and memory over time.

    python -m benchmarks serving                 # the soak sends 200,000 requests
    python -m benchmarks serving --rows 20000    # or fewer

Two models are trained in a store, and the service is started on it. The load generator is a process of its own beside
it. Its first figures have what the same model takes in memory, without HTTP, as their baseline.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figures import Figure, Options, at_least, at_most
from benchmarks.isolated import run_isolated
from benchmarks.load_generator import Load
from benchmarks.stack_memory import megabytes
from benchmarks.steps import titles_file, titles_note
from meli_tasks.http import Client
from meli_tasks.ledger import Ledger
from meli_tasks.prediction.models import find_model, load
from meli_tasks.prediction.ranking import predict_titles
from meli_tasks.rowfiles.titles import cleaned
from meli_tasks.settings import Settings
from meli_tasks.stack.servers import HOST, Server, answers, free_port
from meli_tasks.store import open_store
from meli_tasks.wording import count

RATE = 200
BATCH = 256
CONNECTIONS = 8
REFRESH_SECONDS = 0.25
SWAPS = "meli_serving_swaps_total"
LOAD_SECONDS = 300.0


@dataclass(frozen=True)
class Sizes:
    """How much is sent: single titles at `RATE`, batches, swaps, seconds between them, and requests of the soak."""

    sets: tuple[str, str]
    singles: int
    batches: int
    swaps: int
    seconds_a_swap: float
    soak: int
    titles: int = 5_120


FULL = Sizes(("mlp", "mlp_fast"), 6_000, 600, 20, 4.0, 200_000)
SMALL = Sizes(("quick_mlp", "quick_cnn"), 40, 4, 2, 0.6, 100, 512)


@dataclass(frozen=True)
class Place:
    """Where the store is, and the files that the load generator reads."""

    store: str
    sets: tuple[str, str]
    titles: str
    expected: str
    p50: float
    titles_per_second: float

    @property
    def environment(self) -> dict[str, str]:
        """The settings of the service."""
        work = Path(self.titles).parent
        own = {"MELI_STORE": self.store, "MELI_CACHE": str(work / "cache"), "MELI_HOME": str(work)}
        return own | {"MLFLOW_TRACKING_URI": "none", "MELI_SERVING_REFRESH_SECONDS": str(REFRESH_SECONDS)}


def train(work: str, source: str, sets: tuple[str, str], small: bool) -> None:
    """Trains two models in a store, of which one becomes the champion."""
    epochs = ["--override", "train.epochs=4"] if small else ["--override", "train.epochs=2"]
    command = [
        *(sys.executable, "-m", "meli_tasks.cli", "run", "all", "--source", source, "--sets", ",".join(sets)),
        *("--no-ensemble", *epochs),
    ]
    environment = {"MELI_STORE": (Path(work) / "store").as_uri(), "MELI_CACHE": str(Path(work) / "cache")}
    done = subprocess.run(
        command, env=os.environ | environment | {"MELI_HOME": work, "MLFLOW_TRACKING_URI": "none"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"The models could not be trained:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")


def prepare(work: str, sets: list[str], titles: list[str], threads: int) -> dict[str, Any]:
    """Writes the titles and what each model answers to them, and times the first model without HTTP."""
    folder, store = Path(work), open_store((Path(work) / "store").as_uri())
    settings = Settings.from_environment({"MELI_CACHE": str(folder / "cache"), "MELI_THREADS": str(threads)})
    expected, figures = {}, {}
    texts = cleaned(titles)
    for name in reversed(sets):  # the first one is timed last, when everything is imported
        model = find_model(store, "", name)
        classifier = load(settings, store, model)
        expected[model.manifest.ref.sha256] = predict_titles(classifier, texts, [""] * len(texts), 5).category
        milliseconds = []
        for text in texts[:500]:
            start = time.perf_counter()
            predict_titles(classifier, [text], [""], 5)
            milliseconds.append((time.perf_counter() - start) * 1e3)
        start = time.perf_counter()
        for place in range(0, len(texts), BATCH):
            part = texts[place : place + BATCH]
            predict_titles(classifier, part, [""] * len(part), 5)
        rate = len(texts) / (time.perf_counter() - start)
        figures = {"p50": float(np.quantile(milliseconds, 0.5)), "titles_per_second": rate}
    for name, value in (("titles", titles), ("expected", expected)):
        (folder / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")
    files = {name: str(folder / f"{name}.json") for name in ("titles", "expected")}
    return {"store": store.url, "sets": sets, **files, **figures}


def some_titles(source: Path, most: int) -> list[str]:
    """The first titles of a source."""
    import polars

    read = polars.read_parquet if source.suffix == ".parquet" else polars.read_csv
    return list(map(str, read(source, columns=["title"], n_rows=most)["title"].drop_nulls()))


@contextmanager
def serving(place: Place, threads: int, log: Path) -> Iterator[tuple[int, int]]:
    """`meli serve` with a model, on a free port: (pid, port)."""
    port = free_port()
    command = [sys.executable, "-m", "meli_tasks.cli", "serve", "--host", HOST, "--port", str(port)]
    server = Server("meli serve", command, log, place.environment | {"MELI_THREADS": str(threads)})
    try:
        server.start().wait_until(lambda: answers(port, "/health/ready"), seconds=LOAD_SECONDS)
        yield server.pid, port
    finally:
        server.stop(seconds=10)


def swap(place: Place, number: int) -> None:
    """Makes the other model the champion: of the first set if `number` is odd."""
    store = open_store(place.store)
    ledger, name = Ledger(store), place.sets[number % 2 == 0]
    last, model = ledger.last(), find_model(store, "", name).manifest.ref
    assert last is not None and last.champion is not None
    changed = {"train": model.key, "set_name": name, "sha256": model.sha256, "run_id": f"swap_{number}"}
    champion = last.champion.model_copy(update=changed)
    ledger.append(last.number, action="promote", champion=champion, reason="a swap under load", by="benchmark")


def swapped_under_load(place: Place, port: int, sizes: Sizes, threads: int) -> tuple[dict[str, Any], int]:
    """Single titles at `RATE` while the champion changes; also how many swaps the service made."""
    requests = int(RATE * sizes.seconds_a_swap * (sizes.swaps * 1.2 + 2))
    load_ = {**asdict(Load(port, place.titles, requests)), "expected": place.expected}
    before = metric(port, SWAPS)
    ended = threading.Event()

    def swap_all() -> None:
        for number in range(sizes.swaps):
            swap(place, number)
            while metric(port, SWAPS) < before + number + 1 and not ended.is_set():
                time.sleep(REFRESH_SECONDS / 5)
            ended.wait(sizes.seconds_a_swap - REFRESH_SECONDS)

    with ThreadPoolExecutor(1) as other:  # processes are started from the main thread
        swaps = other.submit(swap_all)
        given = {"load": load_, "rate": RATE}
        try:
            result, _ = run_isolated("benchmarks.load_generator:open_loop", given, threads)
        finally:
            ended.set()
        swaps.result()
    return result, int(metric(port, SWAPS) - before)


def metric(port: int, name: str) -> float:
    """A counter of the service; 0 if it has not counted yet."""
    with Client(5.0, 5.0) as client:
        text = client.request("GET", f"http://{HOST}:{port}/metrics").text
    return next((float(line.split()[-1]) for line in text.splitlines() if line.split()[0] == name), 0.0)


def run(options: Options) -> list[Figure]:
    """Latency, throughput, swaps and memory."""
    sizes, source = SMALL if options.small else FULL, titles_file(options)
    if options.rows:
        sizes = replace(sizes, soak=options.rows[0])
    train(str(options.work), str(source), sizes.sets, options.small)
    given = {"work": str(options.work), "sets": sizes.sets, "titles": some_titles(source, sizes.titles)}
    made, _ = run_isolated("benchmarks.bench_serving:prepare", {**given, "threads": options.threads}, options.threads)
    place = Place(**{**made, "sets": tuple(made["sets"])})
    swap(place, 1)  # the first set is what the baseline was measured with
    with serving(place, options.threads, options.out / "serve.log") as (pid, port):
        found = measure(place, pid, port, sizes, options.threads)
    (options.out / "serving.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    return figures_of(found, place, sizes, titles_note(options))


def measure(place: Place, pid: int, port: int, sizes: Sizes, threads: int) -> dict[str, Any]:
    """What the load generator found, phase by phase; the memory is that of the service."""

    def closed(requests: int, each: int, connections: int) -> dict[str, Any]:
        given = {"load": asdict(Load(port, place.titles, requests, each)), "connections": connections}
        result: dict[str, Any] = run_isolated("benchmarks.load_generator:closed_loop", given, threads)[0]
        return result

    closed(max(sizes.singles // 10, 10), 1, CONNECTIONS)  # the first requests are slower
    open_load = {"load": asdict(Load(port, place.titles, sizes.singles)), "rate": RATE}
    singles, _ = run_isolated("benchmarks.load_generator:open_loop", open_load, threads)
    batches = closed(sizes.batches, BATCH, 2)
    swaps, made = swapped_under_load(place, port, sizes, threads)
    closed(max(sizes.soak // 10, 10), 1, CONNECTIONS)
    before = megabytes(pid)
    soak = closed(sizes.soak, 1, CONNECTIONS)
    memory = {"before": before, "after": megabytes(pid)}
    return {"singles": singles, "batches": batches, "swaps": {**swaps, "made": made}, "soak": soak, "memory": memory}


def figures_of(found: dict[str, Any], place: Place, sizes: Sizes, titles: str) -> list[Figure]:
    """The figures of what was measured."""
    singles, batches, swaps, soak = (found[name] for name in ("singles", "batches", "swaps", "soak"))
    before, after = found["memory"]["before"], found["memory"]["after"]
    open_note = f"{count(sizes.singles, 'request')} at {RATE}/s (open loop), {titles}; the baseline is in memory"
    open_note += f"; the generator itself was up to {singles['late_p99']:.1f} ms late (p99)"
    batch_note = f"{count(sizes.batches, 'request')} over 2 connections; the baseline is in memory"
    one_version = f"{count(len(swaps['decisions']), 'decision')} answered {sum(swaps['decisions'].values()):,} requests"
    return [
        Figure("one title: p50", singles["p50"], "ms", baseline=place.p50, target=at_most(3), note=open_note),
        Figure("one title: p99", singles["p99"], "ms", target=at_most(20), note=open_note),
        Figure("one title: errors", singles["errors"], "requests", target=at_most(0)),
        Figure(
            f"batches of {BATCH}", batches["titles_per_second"], "titles/s", baseline=place.titles_per_second,
            target=at_least(15_000), note=batch_note,
        ),
        Figure(f"batches of {BATCH}: errors", batches["errors"], "requests", target=at_most(0)),
        Figure("swaps under load", swaps["made"], "swaps", target=at_least(sizes.swaps), note=one_version),
        Figure("swaps under load: failed", swaps["errors"], "requests", target=at_most(0), note=f"at {RATE}/s"),
        Figure(
            "swaps under load: not of the version they name", swaps["wrong"], "answers", target=at_most(0),
            note="each compared with what that model answers in memory",
        ),
        Figure(
            "soak: memory at the end", after, "MB", baseline=before, target=at_most(1.05, "ratio"),
            note=f"{count(sizes.soak, 'request')} at {soak['titles_per_second']:,.0f}/s over {CONNECTIONS} connections",
        ),
        Figure("soak: errors", soak["errors"], "requests", target=at_most(0)),
    ]  # fmt: skip
