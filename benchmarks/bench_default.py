"""Part `default`: CPU time from a CSV to a model, stage by stage, of the default set and of the fast one.

One process runs all stages of a set; its total includes Python's start and every import. Scoring the model on the test
titles is not included and runs in another process.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, Options, at_least, at_most
from benchmarks.isolated import run_isolated
from benchmarks.steps import Overrides, Steps, titles_file, titles_note
from meli_tasks.sets import catalog

SETS = ("mlp", "mlp_fast")
CPU_SECONDS = 60.0
ACCURACY = 0.945


def overrides(small: bool) -> Overrides:
    """Overrides with which the stages of a default set end in seconds; none unless `small`."""
    return {"preprocess.max_ngrams": 2_000, "embed.epochs": 1, "train.epochs": 1} if small else {}


def from_csv(work: str, source: str, name: str, small: bool) -> dict[str, Any]:
    """Runs all stages of a set; returns their costs by name and the model's folder, as JSON."""
    steps = Steps(Path(work), Path(source))
    model = steps.train(catalog.resolve(name, overrides(small)))
    return {"costs": steps.costs, "model": str(model)}


def score(work: str, source: str, model: str) -> float:
    """Balanced accuracy of a model on the test titles."""
    return Steps(Path(work), Path(source)).test_accuracies({"model": Path(model)})["model"]


def run(options: Options) -> list[Figure]:
    """CPU time of each stage and of the whole, peak memory, and balanced accuracy, for each set."""
    return [figure for name in SETS for figure in _figures(name, options)]


def _figures(name: str, options: Options) -> list[Figure]:
    where = {"work": str(options.work / name), "source": str(titles_file(options))}
    arguments = {**where, "name": name, "small": options.small}
    made, cost = run_isolated("benchmarks.bench_default:from_csv", arguments, options.threads)
    accuracy, _ = run_isolated("benchmarks.bench_default:score", {**where, "model": made["model"]}, options.threads)
    of_stages = sum(cpu for _, cpu in made["costs"].values())
    stages = [
        Figure(f"`{name}`: {stage}", cpu, "CPU-s", note=f"wall time {seconds:.1f} s")
        for stage, (seconds, cpu) in made["costs"].items()
    ]
    starting = cost.cpu_seconds - of_stages
    note = f"{titles_note(options)}; includes {starting:.1f} CPU-s for Python's start and imports"
    return [
        *stages,
        Figure(f"`{name}` from CSV to model", cost.cpu_seconds, "CPU-s", target=at_most(CPU_SECONDS), note=note),
        Figure(f"`{name}` on the test titles", accuracy, "balanced accuracy", target=at_least(ACCURACY)),
        Figure(f"`{name}` from CSV to model: peak memory", cost.peak_megabytes, "MB"),
    ]
