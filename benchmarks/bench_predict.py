"""Part `predict`: categories for raw titles, many at once and one at a time.

It measures three ways, each in a process that has loaded the model: CSV to CSV as `meli predict --input` does it,
titles in memory, and single titles; and one title in a new process, as `meli predict "title"`. The models are trained
for few epochs, because their size determines the speed and their accuracy does not. The ensemble is measured if the
ensemble stage makes one a candidate.
"""

from __future__ import annotations

import csv
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bench_default import overrides
from benchmarks.figures import Figure, Options, at_least, at_most
from benchmarks.isolated import Clock, run_isolated
from benchmarks.listings import read
from benchmarks.steps import Overrides, Steps, titles_file, titles_note
from meli_tasks.core.stage_parameters import Ensemble
from meli_tasks.prediction.files import predict_file
from meli_tasks.sets import catalog
from meli_tasks.stages.files.model_files import load_model
from meli_tasks.wording import count

SETS = ("mlp", "cnn")
QUICK: Overrides = {"embed.epochs": 1, "train.epochs": 3}
TITLES_PER_SECOND = 30_000.0
MILLISECONDS = 5.0
CPU_SECONDS = 1.5
SINGLE_TITLES = 1_000
UNTIMED_TITLES = 20
ROUNDS = 3


def train(work: str, source: str, small: bool) -> dict[str, Any]:
    """Trains the sets and, if possible, their ensemble; returns the models' folders by label, and the listings'."""
    steps = Steps(Path(work), Path(source))
    models = {name: steps.train(catalog.resolve(name, {**overrides(small), **QUICK})) for name in SETS}
    members = {f"model:{label}": folder for label, folder in models.items()}
    ensemble = steps.run("ensemble", {"ingest": steps.listings, **members}, Ensemble(max_probability_worse=1.0))
    if (ensemble / "model.json").exists():
        models["ensemble"] = ensemble
    return {"models": {label: str(folder) for label, folder in models.items()}, "listings": str(steps.listings)}


def write_titles(listings: str, path: str) -> int:
    """Writes all titles as a CSV with one column and returns their number."""
    titles = [title for split in ("train", "validation", "test") for title in read(Path(listings), split).titles]
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["title"])
        writer.writerows([title] for title in titles)
    return len(titles)


def rates(model: str, path: str, threads: int) -> dict[str, float]:
    """Titles per second from a CSV and in memory: in the first pass, when every word is new, and in the best pass."""
    classifier = load_model(Path(model), threads=threads)
    with Path(path).open(newline="", encoding="utf-8") as file:
        titles = [row["title"] for row in csv.DictReader(file)]
    best: dict[str, float] = {}
    for turn in range(ROUNDS):
        clock = Clock()
        predict_file(classifier, Path(path), Path(path).with_suffix(".predicted.csv"))
        _update(best, "file", turn, len(titles), clock)
    for turn in range(ROUNDS):
        clock = Clock()
        classifier.rank(titles, top=5)
        _update(best, "memory", turn, len(titles), clock)
    return best


def _update(best: dict[str, float], way: str, turn: int, titles: int, clock: Clock) -> None:
    seconds, cpu = clock.read()
    if turn == 0:
        best[f"{way}, first"] = titles / seconds
    best[way] = max(best.get(way, 0.0), titles / seconds)
    best[f"{way}, CPU"] = max(best.get(f"{way}, CPU", 0.0), titles / cpu)


def latencies(model: str, listings: str, threads: int) -> dict[str, float]:
    """50th and 95th percentile of the milliseconds per test title, one at a time, each from its fastest round."""
    classifier = load_model(Path(model), threads=threads)
    titles = read(Path(listings), "test").titles[:SINGLE_TITLES]
    for title in titles[:UNTIMED_TITLES]:
        classifier.rank([title], top=5)
    rounds = []
    for turn in range(ROUNDS):
        milliseconds = []
        for title in titles[turn::ROUNDS]:
            start = time.perf_counter()
            classifier.rank([title], top=5)
            milliseconds.append((time.perf_counter() - start) * 1e3)
        rounds.append((float(np.quantile(milliseconds, 0.5)), float(np.quantile(milliseconds, 0.95))))
    return {"p50": min(p50 for p50, _ in rounds), "p95": min(p95 for _, p95 in rounds)}


def run(options: Options) -> list[Figure]:
    """Titles per second and latency of each default set and of their ensemble."""
    arguments: dict[str, Any] = {"work": str(options.work), "source": str(titles_file(options))}
    made, _ = run_isolated("benchmarks.bench_predict:train", {**arguments, "small": options.small}, options.threads)
    path = options.work / "titles.csv"
    titles = write_titles(made["listings"], str(path))
    note, figures = f"{count(titles, 'title')}, {titles_note(options)}, {count(options.threads, 'thread')}", []
    for name, model in made["models"].items():
        arguments = {"model": model, "threads": options.threads}
        rate, cost = run_isolated("benchmarks.bench_predict:rates", {**arguments, "path": str(path)}, options.threads)
        latency, _ = run_isolated(
            "benchmarks.bench_predict:latencies", {**arguments, "listings": made["listings"]}, options.threads
        )
        _, first = run_isolated("benchmarks.one_title:classify", {"model": model}, options.threads)
        figures += [
            Figure(
                f"`{name}`: CSV to CSV", rate["file"], "titles/s", target=at_least(TITLES_PER_SECOND),
                note=f"{note}; {rate['file, first']:,.0f} titles/s in the first pass, {rate['file, CPU']:,.0f} per "
                "CPU second",
            ),
            Figure(
                f"`{name}`: in memory", rate["memory"], "titles/s", target=at_least(TITLES_PER_SECOND),
                note=f"{rate['memory, CPU']:,.0f} per CPU second",
            ),
            Figure(f"`{name}`: peak memory", cost.peak_megabytes, "MB"),
            Figure(f"`{name}`: a single title, p50", latency["p50"], "ms"),
            Figure(f"`{name}`: a single title, p95", latency["p95"], "ms", target=at_most(MILLISECONDS)),
            Figure(
                f"`{name}`: a title in a new process", first.cpu_seconds, "CPU-s", target=at_most(CPU_SECONDS),
                note="without the command line's own start",
            ),
        ]  # fmt: skip
    return figures
