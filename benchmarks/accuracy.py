"""Part `accuracy`: balanced accuracy of the default sets and their ensemble on the test titles, over several seeds.

Listings and words are computed a single time. A seed changes the word vectors, the initial weights, the order of titles
and the dropout. The test split is read only to report these figures; it takes part in no choice.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path

from benchmarks.bench_default import overrides
from benchmarks.figures import Figure, Options, at_least
from benchmarks.isolated import run_isolated
from benchmarks.steps import Overrides, Steps, titles_file, titles_note
from meli_tasks.core.hyperparameters import Ensemble
from meli_tasks.sets import catalog

SETS = ("mlp", "cnn")
ENSEMBLE = "ensemble"
TARGETS = {"mlp": 0.955, "cnn": 0.950, ENSEMBLE: 0.960}


def test_accuracies(work: str, source: str, seed: int, small: bool) -> dict[str, float]:
    """Trains the sets and their ensemble with one seed; balanced accuracy on the test titles by label."""
    steps = Steps(Path(work), Path(source))
    models: dict[str, Path] = {}
    for name in SETS:
        values: Overrides = {**overrides(small), "embed.seed": seed, "train.seed": seed}
        models[name] = steps.train(catalog.resolve(name, values))
    members = {f"model:{label}": folder for label, folder in models.items()}
    ensemble = steps.run("ensemble", {"ingest": steps.listings, **members}, Ensemble())
    if (ensemble / "model.json").exists():  # otherwise there is no candidate, and choice.json says why
        models[ENSEMBLE] = ensemble
    return steps.test_accuracies(models)


def run(options: Options) -> list[Figure]:
    """One figure per set and one for the ensemble: the mean over the seeds, with each seed and the spread as a note."""
    where = {"work": str(options.work), "source": str(titles_file(options)), "small": options.small}
    by_seed: dict[int, dict[str, float]] = {}
    for seed in options.seeds:
        arguments = {**where, "seed": seed}
        by_seed[seed], _ = run_isolated("benchmarks.accuracy:test_accuracies", arguments, options.threads)
    (options.out / "accuracy.json").write_text(json.dumps(by_seed, indent=1), encoding="utf-8")
    figures = []
    for label, target in TARGETS.items():
        scores = {seed: accuracies[label] for seed, accuracies in by_seed.items() if label in accuracies}
        if not scores:
            continue
        spread = f", standard deviation {statistics.stdev(scores.values()):.4f}" if len(scores) > 1 else ""
        seeds = ", ".join(f"seed {seed} {value:.4f}" for seed, value in scores.items())
        note = f"{titles_note(options)}; {seeds}{spread}"
        mean = statistics.mean(scores.values())
        figures.append(Figure(f"`{label}`: test", mean, "balanced accuracy", target=at_least(target), note=note))
    return figures
