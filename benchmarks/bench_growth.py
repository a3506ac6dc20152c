"""Part `growth`: what a run costs as rows grow: CSV.gz to a model, generated rows, every stage in a process of its own.

    python -m benchmarks growth --rows 50000,500000,5000000,20000000

The default set, one epoch of word vectors and one of training: more epochs multiply, they do not change the growth.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv

from benchmarks.apart import Cost, run_apart
from benchmarks.bench_default import overrides
from benchmarks.curve_plot import draw_growth
from benchmarks.figures import Figure, Options
from benchmarks.steps import Steps
from meli_tasks.core.sample.generator import COLUMNS, sample
from meli_tasks.sets import catalog as named_sets

SET = "mlp"
ROWS = (50_000, 500_000)
SMALL_ROWS = (2_000, 4_000)
ONE_EPOCH = {"embed.epochs": 1, "train.epochs": 1}
STAGES = ("ingest", "preprocess", "embed", "train")


def write_titles(path: str, rows: int) -> int:
    """Generated titles as a gzipped CSV, a chunk at a time; the rows written."""
    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    with pa.CompressedOutputStream(path, "gzip") as file, csv.CSVWriter(file, schema) as writer:
        for chunk in sample(rows):
            columns = [pa.array([str(value) for value in chunk[name]], pa.string()) for name in COLUMNS]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
    return rows


def stage(work: str, source: str, until: str, changed: dict[str, Any]) -> dict[str, float]:
    """Runs the stages as far as this one; those before it are there already. Its seconds and processor seconds."""
    steps = Steps(Path(work), Path(source))
    values = named_sets.resolve(SET, changed)
    if until == "preprocess":
        steps.run("preprocess", {"ingest": steps.listings}, values.preprocess)
    elif until == "embed":
        steps.prepare(values)
    elif until == "train":
        steps.train(values)
    seconds, cpu_seconds = steps.costs[until]
    return {"seconds": seconds, "cpu_seconds": cpu_seconds}


def grown(options: Options, rows: int) -> dict[str, dict[str, float]]:
    """Seconds, processor seconds and peak megabytes by stage, for so many rows."""
    work = options.work / str(rows)
    work.mkdir()
    source = str(work / "titles.csv.gz")
    run_apart("benchmarks.bench_growth:write_titles", {"path": source, "rows": rows}, options.threads)
    asked = {"work": str(work), "source": source, "changed": {**overrides(options.small), **ONE_EPOCH}}
    found: dict[str, dict[str, float]] = {}
    for name in STAGES:
        took, cost = _stage_apart(options, {**asked, "until": name})
        found[name] = {**took, "peak_megabytes": cost.peak_megabytes}
    return found


def _stage_apart(options: Options, asked: dict[str, Any]) -> tuple[dict[str, float], Cost]:
    return run_apart("benchmarks.bench_growth:stage", asked, options.threads)


def figures_of(rows: int, stages: dict[str, dict[str, float]]) -> list[Figure]:
    """Processor seconds of all stages and the greatest peak at one size."""
    said = ", ".join(
        f"{name} {cost['cpu_seconds']:.1f} ({rows / cost['seconds']:,.0f} rows/s, {cost['peak_megabytes']:,.0f} MB)"
        for name, cost in stages.items()
    )
    total = sum(cost["cpu_seconds"] for cost in stages.values())
    peak = max(cost["peak_megabytes"] for cost in stages.values())
    return [
        Figure(f"{rows:,} rows, CSV.gz to model, one epoch", total, "CPU-s", note=said),
        Figure(f"{rows:,} rows: peak memory", peak, "MB"),
    ]


def run(options: Options) -> list[Figure]:
    """Each size, and what a row costs at the largest against the smallest; growth.png, memory.png, growth.json."""
    sizes = options.rows or (SMALL_ROWS if options.small else ROWS)
    seen = {rows: grown(options, rows) for rows in sorted(sizes)}
    (options.out / "growth.json").write_text(json.dumps(seen, indent=1), encoding="utf-8")
    for key, name, unit in (("cpu_seconds", "growth", "processor seconds"), ("peak_megabytes", "memory", "peak MB")):
        lines = {stage: [(rows, seen[rows][stage][key]) for rows in seen] for stage in STAGES}
        draw_growth(lines, options.out / f"{name}.png", unit)
    figures = [figure for rows, stages in seen.items() for figure in figures_of(rows, stages)]
    least, most = min(seen), max(seen)
    if most > least:
        each = {rows: sum(cost["cpu_seconds"] for cost in seen[rows].values()) / rows * 1e6 for rows in (least, most)}
        name = f"a million rows, at {most:,} against at {least:,}"
        figures.append(Figure(name, each[most], "CPU-s", baseline=each[least], note="a ratio of 1 is linear"))
    return figures
