"""Part `accuracy`: balanced accuracy of the default sets and their ensemble on the test titles, over several seeds.

Listings and words are computed a single time. A seed changes the word vectors, the initial weights, the order of titles
and the dropout. The test split is read only to report these figures; it takes part in no choice.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.bench_default import overrides
from benchmarks.figures import Figure, Options, at_least
from benchmarks.isolated import run_isolated
from benchmarks.steps import Overrides, Steps, titles_file, titles_note
from meli_tasks.core.stage_parameters import Ensemble
from meli_tasks.sets import catalog
from meli_tasks.stages.evaluation import Choice
from meli_tasks.wording import count

SETS = ("mlp", "cnn")
ENSEMBLE = "ensemble"
TARGETS = {"mlp": 0.955, "cnn": 0.950, ENSEMBLE: 0.960}


def test_accuracies(work: str, source: str, seed: int, small: bool) -> dict[str, Any]:
    """Trains the sets and their ensemble with one seed.

    Returns:
        `scores`: balanced accuracy on the test titles by label. `no_ensemble`: why there is no ensemble; empty if there
        is one.
    """
    steps = Steps(Path(work), Path(source))
    models: dict[str, Path] = {}
    for name in SETS:
        values: Overrides = {**overrides(small), "embed.seed": seed, "train.seed": seed}
        models[name] = steps.train(catalog.resolve(name, values))
    members = {f"model:{label}": folder for label, folder in models.items()}
    ensemble = steps.run("ensemble", {"ingest": steps.listings, **members}, Ensemble())
    choice = Choice.model_validate_json((ensemble / "choice.json").read_text(encoding="utf-8"))
    if choice.offered:
        models[ENSEMBLE] = ensemble
    return {"scores": steps.test_accuracies(models), "no_ensemble": "" if choice.offered else choice.reason}


def run(options: Options) -> list[Figure]:
    """One figure per set and one for the ensemble: the mean over the seeds, with each seed and the spread as a note.

    If some seeds have no ensemble, a figure says how many have one, and the ensemble's is not held to its target: its
    mean is over other seeds than those of its members.
    """
    where = {"work": str(options.work), "source": str(titles_file(options)), "small": options.small}
    by_seed: dict[int, dict[str, Any]] = {}
    for seed in options.seeds:
        arguments = {**where, "seed": seed}
        by_seed[seed], _ = run_isolated("benchmarks.accuracy:test_accuracies", arguments, options.threads)
    (options.out / "accuracy.json").write_text(json.dumps(by_seed, indent=1), encoding="utf-8")
    return figures_of(by_seed, titles_note(options))


def figures_of(by_seed: Mapping[int, Mapping[str, Any]], titles: str) -> list[Figure]:
    """The figures of what `test_accuracies` returned for each seed."""
    figures = []
    for label, target in TARGETS.items():
        scores = {seed: result["scores"][label] for seed, result in by_seed.items() if label in result["scores"]}
        if not scores:
            continue
        spread = f", standard deviation {statistics.stdev(scores.values()):.4f}" if len(scores) > 1 else ""
        seeds = ", ".join(f"seed {seed} {value:.4f}" for seed, value in scores.items())
        note, complete = f"{titles}; {seeds}{spread}", len(scores) == len(by_seed)
        if not complete:
            others = ", ".join(
                f"`{name}` {statistics.mean(by_seed[seed]['scores'][name] for seed in scores):.4f}" for name in SETS
            )
            note += f"; {len(scores)} of {count(len(by_seed), 'seed')}, over which the members have {others}"
        goal = at_least(target) if complete else None
        mean = statistics.mean(scores.values())
        figures.append(Figure(f"`{label}`: test", mean, "balanced accuracy", target=goal, note=note))
    if missing := {seed: result["no_ensemble"] for seed, result in by_seed.items() if result["no_ensemble"]}:
        reasons = "; ".join(f"seed {seed}: {reason}" for seed, reason in missing.items())
        found = len(by_seed) - len(missing)
        figures.append(Figure("seeds with an ensemble", found, f"of {len(by_seed)}", note=reasons))
    return figures
