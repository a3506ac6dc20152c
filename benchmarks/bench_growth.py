"""Part `growth`: what a run costs as the number of rows grows, from CSV.gz to a model, one process per stage.

    python -m benchmarks growth --rows 50000,500000,5000000,20000000

The rows are generated. The default set trains its word vectors and its network for one epoch each: more epochs multiply
the cost, they do not change how it grows.
"""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from benchmarks.bench_default import overrides
from benchmarks.curve_plot import draw_growth
from benchmarks.figures import Figure, Options
from benchmarks.isolated import Cost, run_isolated
from benchmarks.steps import Overrides, Steps
from meli_tasks.core.sample.generator import COLUMNS, sample
from meli_tasks.sets import catalog

SET = "mlp"
ROWS = (50_000, 500_000)
SMALL_ROWS = (2_000, 4_000)
ONE_EPOCH: Overrides = {"embed.epochs": 1, "train.epochs": 1}
STAGES = ("ingest", "preprocess", "embed", "train")


def write_titles(path: str, rows: int) -> int:
    """Writes generated titles as a gzipped CSV, chunk by chunk, and returns the number of rows."""
    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    with pa.CompressedOutputStream(path, "gzip") as file, csv.CSVWriter(file, schema) as writer:
        for chunk in sample(rows):
            columns = [pa.array([str(value) for value in chunk[name]], pa.string()) for name in COLUMNS]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
    return rows


def run_stage(work: str, source: str, stage: str, changed: Overrides) -> tuple[float, float]:
    """Runs one stage, whose predecessors have run before, and returns its seconds and CPU seconds."""
    steps = Steps(Path(work), Path(source))
    values = catalog.resolve(SET, changed)
    if stage == "preprocess":
        steps.run("preprocess", {"ingest": steps.listings}, values.preprocess)
    elif stage == "embed":
        steps.prepare(values)
    elif stage == "train":
        steps.train(values)
    return steps.costs[stage]


def measure(options: Options, rows: int) -> dict[str, Cost]:
    """The cost of each stage at one size: its own time, and the peak memory of its process."""
    work = options.work / str(rows)
    work.mkdir()
    source = str(work / "titles.csv.gz")
    run_isolated("benchmarks.bench_growth:write_titles", {"path": source, "rows": rows}, options.threads)
    arguments = {"work": str(work), "source": source, "changed": {**overrides(options.small), **ONE_EPOCH}}
    costs: dict[str, Cost] = {}
    for stage in STAGES:
        (seconds, cpu_seconds), process = run_isolated(
            "benchmarks.bench_growth:run_stage", {**arguments, "stage": stage}, options.threads
        )
        costs[stage] = Cost(seconds, cpu_seconds, process.peak_megabytes)
    return costs


def figures_of(rows: int, costs: dict[str, Cost]) -> list[Figure]:
    """CPU time of all stages and the highest peak memory at one size."""
    note = ", ".join(
        f"{name} {cost.cpu_seconds:.1f} ({rows / cost.seconds:,.0f} rows/s, {cost.peak_megabytes:,.0f} MB)"
        for name, cost in costs.items()
    )
    total = sum(cost.cpu_seconds for cost in costs.values())
    peak = max(cost.peak_megabytes for cost in costs.values())
    return [
        Figure(f"{rows:,} rows, CSV.gz to model, one epoch", total, "CPU-s", note=note),
        Figure(f"{rows:,} rows: peak memory", peak, "MB"),
    ]


def run(options: Options) -> list[Figure]:
    """Figures at each size, and the cost per row at the largest compared with the smallest.

    Writes growth.png, memory.png and growth.json.
    """
    sizes = options.rows or (SMALL_ROWS if options.small else ROWS)
    by_size = {rows: measure(options, rows) for rows in sorted(sizes)}
    stored = {rows: {stage: cost.to_json() for stage, cost in costs.items()} for rows, costs in by_size.items()}
    (options.out / "growth.json").write_text(json.dumps(stored, indent=1), encoding="utf-8")
    for key, name, unit in (("cpu_seconds", "growth", "CPU seconds"), ("peak_megabytes", "memory", "peak MB")):
        lines = {stage: [(rows, stored[rows][stage][key]) for rows in stored] for stage in STAGES}
        draw_growth(lines, options.out / f"{name}.png", unit)
    figures = [figure for rows, costs in by_size.items() for figure in figures_of(rows, costs)]
    least, most = min(by_size), max(by_size)
    if most > least:
        each = {rows: sum(cost.cpu_seconds for cost in by_size[rows].values()) / rows * 1e6 for rows in (least, most)}
        name = f"cost per million rows: {most:,} rows compared with {least:,}"
        figures.append(Figure(name, each[most], "CPU-s", baseline=each[least], note="a ratio of 1 is linear growth"))
    return figures
