"""Part `accuracy`: balanced accuracy on the test titles of the default sets and of their ensemble, over several seeds.

Listings and words are computed once; a seed changes the word vectors, the weights' start, the order and the dropout.
The test split is only read here.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from benchmarks.apart import run_apart
from benchmarks.bench_default import overrides
from benchmarks.figures import Figure, Options, at_least
from benchmarks.steps import Steps, titles_file, told
from meli_tasks.core.hyperparameters import Ensemble
from meli_tasks.sets import catalog as named_sets

SETS = ("mlp", "cnn")
ENSEMBLE = "ensemble"
TARGETS = {"mlp": 0.955, "cnn": 0.950, ENSEMBLE: 0.960}


def measured(work: str, source: str, seed: int, small: bool) -> dict[str, float]:
    """Balanced accuracy on the test titles by label, of one seed."""
    steps = Steps(Path(work), Path(source))
    models: dict[str, Path] = {}
    for name in SETS:
        changed: dict[str, Any] = {**overrides(small), "embed.seed": seed, "train.seed": seed}
        models[name] = steps.train(named_sets.resolve(name, changed))
    members = {f"model:{label}": folder for label, folder in models.items()}
    mixed = steps.run("ensemble", {"ingest": steps.listings, **members}, Ensemble())
    if (mixed / "model.json").exists():  # else there is no candidate, and choice.json says why
        models[ENSEMBLE] = mixed
    return {label: score["balanced_accuracy"] for label, score in steps.scores(models).items()}


def run(options: Options) -> list[Figure]:
    """The mean over the seeds of each set and of the ensemble; the note has each and their spread."""
    where = {"work": str(options.work), "source": str(titles_file(options)), "small": options.small}
    found = {}
    for seed in options.seeds:
        found[seed], _ = run_apart("benchmarks.accuracy:measured", {**where, "seed": seed}, options.threads)
    (options.out / "accuracy.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    figures = []
    for label, target in TARGETS.items():
        each = {seed: scores[label] for seed, scores in found.items() if label in scores}
        if not each:
            continue
        spread = f", standard deviation {statistics.stdev(each.values()):.4f}" if len(each) > 1 else ""
        seeds = ", ".join(f"seed {seed} {value:.4f}" for seed, value in each.items())
        name, mean, note = f"`{label}`: test", statistics.mean(each.values()), f"{told(options)}; {seeds}{spread}"
        figures.append(Figure(name, mean, "balanced accuracy", target=at_least(target), note=note))
    return figures
