"""Part `predict`: categories for raw titles, many at once and one at a time.

Three ways: a CSV to a CSV as `meli predict --input` does it, titles in memory, and a single title, each by one process
that has read the model. The models see few epochs: their size decides the speed, their accuracy does not. The ensemble
is measured where the ensemble stage offers one of them.
"""

from __future__ import annotations

import csv
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.apart import Clock, run_apart
from benchmarks.bench_default import overrides
from benchmarks.figures import Figure, Options, at_least, at_most
from benchmarks.listings import read
from benchmarks.steps import Steps, titles_file, told
from meli_tasks.core.hyperparameters import Ensemble
from meli_tasks.prediction.files import predict_file
from meli_tasks.sets import catalog as named_sets
from meli_tasks.stages.files.model_files import load_model

SETS = ("mlp", "cnn")
QUICK = {"embed.epochs": 1, "train.epochs": 3}
TITLES_A_SECOND = 30_000.0
MILLISECONDS = 5.0
SINGLE_TITLES = 1_000
UNTIMED_TITLES = 20
ROUNDS = 3


def trained(work: str, source: str, small: bool) -> dict[str, Any]:
    """The models' folders by label, with their ensemble where it is better than they are; and the listings'."""
    steps = Steps(Path(work), Path(source))
    models = {name: steps.train(named_sets.resolve(name, {**overrides(small), **QUICK})) for name in SETS}
    members = {f"model:{label}": folder for label, folder in models.items()}
    mixed = steps.run("ensemble", {"ingest": steps.listings, **members}, Ensemble(max_worse=1.0))
    if (mixed / "model.json").exists():
        models["ensemble"] = mixed
    return {"models": {label: str(folder) for label, folder in models.items()}, "listings": str(steps.listings)}


def write_titles(listings: str, path: str) -> int:
    """All titles as a CSV of one column; how many there are."""
    titles = [title for split in ("train", "validation", "test") for title in read(Path(listings), split).titles]
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["title"])
        writer.writerows([title] for title in titles)
    return len(titles)


def rates(model: str, path: str, threads: int) -> dict[str, float]:
    """Titles a second from a CSV and in memory: the first time, when every word is new, and the best of some more."""
    classifier = load_model(Path(model), threads=threads)
    with Path(path).open(newline="", encoding="utf-8") as file:
        titles = [row["title"] for row in csv.DictReader(file)]
    found: dict[str, float] = {}
    for turn in range(ROUNDS):
        clock = Clock()
        predict_file(classifier, Path(path), Path(path).with_suffix(".answered.csv"))
        _best(found, "file", turn, len(titles), clock)
    for turn in range(ROUNDS):
        clock = Clock()
        classifier.rank(titles, top=5)
        _best(found, "memory", turn, len(titles), clock)
    return found


def _best(found: dict[str, float], way: str, turn: int, titles: int, clock: Clock) -> None:
    seconds, cpu = clock.read()
    if turn == 0:
        found[f"{way}, first"] = titles / seconds
    found[way] = max(found.get(way, 0.0), titles / seconds)
    found[f"{way}, CPU"] = max(found.get(f"{way}, CPU", 0.0), titles / cpu)


def single(model: str, listings: str, threads: int) -> dict[str, float]:
    """Milliseconds of one title at a time, titles never trained on: the quietest round's 50th and 95th percentile."""
    classifier = load_model(Path(model), threads=threads)
    titles = read(Path(listings), "test").titles[:SINGLE_TITLES]
    for title in titles[:UNTIMED_TITLES]:
        classifier.rank([title], top=5)
    rounds = []
    for turn in range(ROUNDS):
        taken = []
        for title in titles[turn::ROUNDS]:
            began = time.perf_counter()
            classifier.rank([title], top=5)
            taken.append((time.perf_counter() - began) * 1e3)
        rounds.append((float(np.quantile(taken, 0.5)), float(np.quantile(taken, 0.95))))
    return {"p50": min(p50 for p50, _ in rounds), "p95": min(p95 for _, p95 in rounds)}


def run(options: Options) -> list[Figure]:
    """Titles a second and milliseconds of each default set and of their ensemble."""
    asked = {"work": str(options.work), "source": str(titles_file(options)), "small": options.small}
    made, _ = run_apart("benchmarks.bench_predict:trained", asked, options.threads)
    path = options.work / "titles.csv"
    count = write_titles(made["listings"], str(path))
    threads = f"{options.threads} thread{'s' if options.threads > 1 else ''}"
    said, figures = f"{count:,} titles, {told(options)}, {threads}", []
    for name, model in made["models"].items():
        asked = {"model": model, "threads": options.threads}
        seen, cost = run_apart("benchmarks.bench_predict:rates", {**asked, "path": str(path)}, options.threads)
        alone, _ = run_apart(
            "benchmarks.bench_predict:single", {**asked, "listings": made["listings"]}, options.threads
        )
        figures += [
            Figure(
                f"`{name}`: CSV to CSV", seen["file"], "titles/s", target=at_least(TITLES_A_SECOND),
                note=f"{said}; {seen['file, first']:,.0f} titles/s the first time, {seen['file, CPU']:,.0f} a "
                "processor second",
            ),
            Figure(
                f"`{name}`: in memory", seen["memory"], "titles/s", target=at_least(TITLES_A_SECOND),
                note=f"{seen['memory, CPU']:,.0f} a processor second",
            ),
            Figure(f"`{name}`: peak memory", cost.peak_megabytes, "MB"),
            Figure(f"`{name}`: a single title, p50", alone["p50"], "ms"),
            Figure(f"`{name}`: a single title, p95", alone["p95"], "ms", target=at_most(MILLISECONDS)),
        ]  # fmt: skip
    return figures
