"""Part `default`: everything from a CSV to a model of the default set, in processor seconds, stage by stage.

One process runs the stages one after the other; its total counts Python's start and every import. Scoring the model on
the test titles is not part of it and runs apart.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.apart import run_apart
from benchmarks.figures import Figure, Options, at_least, at_most
from benchmarks.steps import Steps, titles_file, told
from meli_tasks import named_sets

SET = "mlp"
CPU_SECONDS = 60.0
ACCURACY = 0.945


def overrides(small: bool) -> dict[str, Any]:
    """What makes a default set's stages end in seconds."""
    return {"preprocess.max_ngrams": 2_000, "embed.epochs": 1, "train.epochs": 1} if small else {}


def from_csv(work: str, source: str, small: bool) -> dict[str, Any]:
    """The stages' costs by name, and the model's folder."""
    steps = Steps(Path(work), Path(source))
    model = steps.train(named_sets.resolve(SET, overrides(small)))
    return {"costs": steps.costs, "model": str(model)}


def score(work: str, source: str, model: str) -> float:
    """Balanced accuracy on the test titles."""
    found: float = Steps(Path(work), Path(source)).scores({SET: Path(model)})[SET]["balanced_accuracy"]
    return found


def run(options: Options) -> list[Figure]:
    """Processor seconds of each stage and of all, peak memory, and the model's balanced accuracy."""
    source = titles_file(options)
    where = {"work": str(options.work), "source": str(source)}
    found, cost = run_apart("benchmarks.bench_default:from_csv", {**where, "small": options.small}, options.threads)
    accuracy, _ = run_apart("benchmarks.bench_default:score", {**where, "model": found["model"]}, options.threads)
    of_stages = sum(cpu for _, cpu in found["costs"].values())
    figures = [
        Figure(stage, cpu, "CPU-s", note=f"{seconds:.1f} s by the clock")
        for stage, (seconds, cpu) in found["costs"].items()
    ]
    note = f"{told(options)}; {cost.cpu_seconds - of_stages:.1f} CPU-s of it are Python's start and imports"
    return [
        *figures,
        Figure(f"`{SET}` from CSV to model", cost.cpu_seconds, "CPU-s", target=at_most(CPU_SECONDS), note=note),
        Figure(f"`{SET}` on the test titles", accuracy, "balanced accuracy", target=at_least(ACCURACY)),
        Figure(f"`{SET}` from CSV to model: peak memory", cost.peak_megabytes, "MB"),
    ]
