"""Part `default`: everything from a CSV to a model of the default set, in processor seconds, stage by stage; and all
of it for the fast one.

One process runs a set's stages one after the other; its total counts Python's start and every import. Scoring the model
on the test titles is not part of it and runs apart.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.apart import run_apart
from benchmarks.figures import Figure, Options, at_least, at_most
from benchmarks.steps import Steps, titles_file, told
from meli_tasks.sets import catalog as named_sets

SETS = ("mlp", "mlp_fast")
CPU_SECONDS = 60.0
ACCURACY = 0.945


def overrides(small: bool) -> dict[str, Any]:
    """What makes a default set's stages end in seconds."""
    return {"preprocess.max_ngrams": 2_000, "embed.epochs": 1, "train.epochs": 1} if small else {}


def from_csv(work: str, source: str, name: str, small: bool) -> dict[str, Any]:
    """The stages' costs by name, and the model's folder."""
    steps = Steps(Path(work), Path(source))
    model = steps.train(named_sets.resolve(name, overrides(small)))
    return {"costs": steps.costs, "model": str(model)}


def score(work: str, source: str, model: str) -> float:
    """Balanced accuracy on the test titles."""
    found: float = Steps(Path(work), Path(source)).scores({"model": Path(model)})["model"]["balanced_accuracy"]
    return found


def run(options: Options) -> list[Figure]:
    """Processor seconds of each set's stages and of all, peak memory, and the model's balanced accuracy."""
    return [figure for name in SETS for figure in _measured(name, options)]


def _measured(name: str, options: Options) -> list[Figure]:
    source = titles_file(options)
    where = {"work": str(options.work / name), "source": str(source)}
    asked = {**where, "name": name, "small": options.small}
    found, cost = run_apart("benchmarks.bench_default:from_csv", asked, options.threads)
    accuracy, _ = run_apart("benchmarks.bench_default:score", {**where, "model": found["model"]}, options.threads)
    of_stages = sum(cpu for _, cpu in found["costs"].values())
    stages = [
        Figure(f"`{name}`: {stage}", cpu, "CPU-s", note=f"{seconds:.1f} s by the clock")
        for stage, (seconds, cpu) in found["costs"].items()
    ]
    note = f"{told(options)}; {cost.cpu_seconds - of_stages:.1f} CPU-s of it are Python's start and imports"
    return [
        *stages,
        Figure(f"`{name}` from CSV to model", cost.cpu_seconds, "CPU-s", target=at_most(CPU_SECONDS), note=note),
        Figure(f"`{name}` on the test titles", accuracy, "balanced accuracy", target=at_least(ACCURACY)),
        Figure(f"`{name}` from CSV to model: peak memory", cost.peak_megabytes, "MB"),
    ]
