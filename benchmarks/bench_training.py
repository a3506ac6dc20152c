"""Part `training`: titles per second of the lab's MLP and CNN, in this project's loop and in one like the lab's.

    python -m benchmarks.bench_training --architecture mlp --rows 200000 --threads 2

Both loops train the lab's own set (mlp_1, cnn_1: frozen vectors of 300 dimensions, batches of 128, Adam) on the same
generated rows, alternately, in one process; ours also in bfloat16 and in larger batches. The rows have the word
statistics of real titles: 5.6 words per title; the fraction of distinct words is 0.87 in 128 titles and 0.57 in 1,024.
Neither side evaluates a validation split. In the same rounds it runs only the unavoidable kernels of a step
(training_ceiling.py), of which our loop in the lab's own settings takes the stated fraction.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch

from benchmarks.figures import Figure, Options, at_least
from benchmarks.generated_rows import CATEGORIES, WORDS, Rows, generated_rows
from benchmarks.lab_loop import LabCNN, LabMLP, lab_epoch
from benchmarks.training_ceiling import Ceiling
from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.models.networks import build
from meli_tasks.core.training.memory import keep_freed_memory
from meli_tasks.core.training.trainer import Training
from meli_tasks.sets import catalog
from meli_tasks.wording import count

Architecture = Literal["mlp", "cnn"]

ROWS = {"mlp": 200_000, "cnn": 40_000}
SMALL_ROWS = 1_000
ROUNDS = 3
SETS = {"mlp": "mlp_1", "cnn": "cnn_1"}
TARGET_RATIOS = {"mlp": 4.0, "cnn": 5.0}
CEILING_TARGET = 0.8
CEILING = "unavoidable kernels"
VARIANTS: dict[str, dict[str, str | int]] = {
    "as the set is": {"precision": "float32"},
    "bfloat16": {"precision": "bfloat16"},
    "bfloat16, batches of 1,024": {"precision": "bfloat16", "batch_size": 1_024},
    "bfloat16, batches of 4,096": {"precision": "bfloat16", "batch_size": 4_096},
}
"""The lab's loop uses float32 and batches of 128; larger batches spread the fixed cost of a step over more titles."""


@dataclass(frozen=True)
class Rate:
    """Titles per second of wall time and of CPU time."""

    wall: float
    cpu: float


def write_lines(rows: Rows, path: Path) -> None:
    """Writes the rows in the format that the lab's loader reads."""
    with gzip.open(path, "wt", compresslevel=3, encoding="utf-8") as file:
        for row, target in enumerate(rows.labels.tolist()):
            ids = rows.tokens[rows.offsets[row] : rows.offsets[row + 1]].tolist()
            file.write(json.dumps({"data": ids, "target": target}) + "\n")


def lab_work(path: Path, params: Train, vectors: torch.Tensor) -> Callable[[], None]:
    """A function that trains the baseline for one epoch."""
    torch.manual_seed(params.seed)
    network = {"mlp": LabMLP, "cnn": LabCNN}[params.architecture](params, vectors, CATEGORIES)
    shortest = max(params.filter_lengths) if params.architecture == "cnn" else 1

    def work() -> None:
        lab_epoch(path, network, params, shortest)

    return work


def our_work(rows: Rows, params: Train, vectors: torch.Tensor) -> Callable[[], None]:
    """A function that trains the set's epochs in this project's loop, including its preparations."""
    titles, few = rows.titles(), generated_rows(32, seed=2).titles()

    def work() -> None:
        network = build(params, (len(vectors), vectors.shape[1]), 0, CATEGORIES)
        network.words.weight.data.copy_(vectors)
        for _ in Training(network, titles, few, params).run():
            pass

    return work


def rate_of(work: Callable[[], None], titles: int) -> Rate:
    """Runs `work` and returns its rate."""
    start, cpu_start = time.perf_counter(), time.process_time()
    work()
    return Rate(titles / (time.perf_counter() - start), titles / (time.process_time() - cpu_start))


def median(rates: Sequence[Rate]) -> Rate:
    """The median of either rate."""
    return Rate(statistics.median(rate.wall for rate in rates), statistics.median(rate.cpu for rate in rates))


def measure(architecture: Architecture, number: int, rounds: int, folder: Path) -> list[Figure]:
    """Runs the lab's loop and the variants of ours alternately, `rounds` times."""
    params = catalog.load(SETS[architecture]).train
    vectors = torch.randn(WORDS + 2, 300, generator=torch.Generator().manual_seed(1))
    vectors[0] = 0
    rows = generated_rows(number)
    path = folder / f"{architecture}.jsonl.gz"
    write_lines(rows, path)
    works = {"lab": (lab_work(path, params, vectors), number)}
    ceiling, steps = Ceiling(params, vectors), math.ceil(number / params.batch_size)
    works[CEILING] = (lambda: ceiling.run(steps), number)
    for variant, values in VARIANTS.items():
        works[variant] = (our_work(rows, params.model_copy(update=values), vectors), number * params.epochs)
    rates: dict[str, list[Rate]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, (work, titles) in works.items():
            rates[name].append(rate_of(work, titles))
    lab, best = median(rates.pop("lab")), median(rates.pop(CEILING))
    target = at_least(TARGET_RATIOS[architecture], "ratio")
    note = f"{count(torch.get_num_threads(), 'thread')}, {count(number, 'generated row')}"
    figures = []
    for variant, of_variant in rates.items():
        name, ours = f"lab's {architecture.upper()}, training, {variant}", median(of_variant)
        figures.append(Figure(name, ours.wall, "titles/s", lab.wall, target=target, note=note))
        figures.append(Figure(f"{name}, per CPU second", ours.cpu, "titles/CPU-s", lab.cpu, note=note))
    own = median(rates["as the set is"])
    note += (
        f"; the baseline is the unavoidable kernels of a step: {ceiling.operations / 1e6:,.0f} MFLOP in products, "
        f"{ceiling.moved / 1e6:,.1f} MB moved by gathers and Adam"
    )
    figures.append(
        Figure(
            f"lab's {architecture.upper()}, training, share of the ceiling per CPU second",
            own.cpu,
            "titles/CPU-s",
            best.cpu,
            target=at_least(CEILING_TARGET, "ratio"),
            note=note,
        )
    )
    return figures


def run(options: Options, architectures: Sequence[Architecture] = ("mlp", "cnn")) -> list[Figure]:
    """Rates of both architectures."""
    torch.set_num_threads(options.threads)
    keep_freed_memory()  # as the stage does
    figures = []
    for architecture in architectures:
        number = SMALL_ROWS if options.small else next(iter(options.rows), ROWS[architecture])
        figures += measure(architecture, number, 1 if options.small else ROUNDS, options.work)
    return figures


def main() -> None:
    """Measures one architecture or both, prints one line per figure, and optionally writes them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architecture", choices=tuple(SETS), action="append", help="may be repeated (default: both)")
    parser.add_argument("--rows", type=int, default=0, help="generated rows (default: 200,000 for mlp, 40,000 for cnn)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="torch's threads")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        options = Options(Path(work), Path(work), rows=(given.rows,) if given.rows else (), threads=given.threads)
        figures = run(options, given.architecture or ("mlp", "cnn"))
    for figure in figures:
        ratio = figure.ratio if figure.ratio is not None else math.nan
        print(f"{figure.name}: {figure.value:,.0f} {figure.unit}, baseline {figure.baseline:,.0f}: {ratio:.2f} x")
    if given.json:
        given.json.write_text(json.dumps([asdict(figure) for figure in figures], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
