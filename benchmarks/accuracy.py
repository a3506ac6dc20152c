"""Balanced accuracy of sets on the test titles, over several seeds: `make bench-accuracy`.

    python benchmarks/accuracy.py --source titles.csv.gz [--sets mlp,cnn] [--seeds 1,2,3] [--work FOLDER]

Listings, words and vectors are computed once; a seed changes the weights' start, the order and the dropout. The test
split is only read here. Finished steps stay in the work folder, so that an interrupted benchmark goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path

from meli_tasks.pipeline import Pipeline
from meli_tasks.plan import evaluate_step
from meli_tasks.settings import Settings


def measured(settings: Settings, source: str, name: str, seed: int) -> tuple[float, float]:
    """Train one set with one seed: (test balanced accuracy, seconds of its training)."""
    pipeline = Pipeline(settings, f"accuracy-{name}-{seed}")
    plan, _ = pipeline.plan({"source": source, "sets": [name], "overrides": {"train.seed": seed}}, None)
    pipeline.ingest(plan)
    for index in range(len(plan.recipes)):
        pipeline.preprocess(plan, index)
        pipeline.embed(plan, index)
    trained, _ = pipeline.train(plan, name)
    step = evaluate_step(plan, {name: plan.sets[name].key})
    pipeline.runner.run(step)
    return pipeline.scores(step.key)[name]["balanced_accuracy"], trained.manifest.seconds


def main() -> None:
    """Print a table and its JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True)
    parser.add_argument("--sets", default="mlp,cnn")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--work", type=Path, default=Path(".meli/accuracy"))
    options = parser.parse_args()
    work = options.work.absolute()
    settings = Settings.from_environment().model_copy(
        update={"store": f"file://{work}/store", "cache": work / "cache", "mlflow_uri": ""}
    )
    table = {}
    for name in options.sets.split(","):
        found = [measured(settings, options.source, name, int(seed)) for seed in options.seeds.split(",")]
        accuracies, seconds = zip(*found, strict=True)
        table[name] = {"test balanced accuracy": accuracies, "training seconds": seconds}
        spread = statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0
        print(
            f"{name:<12} {statistics.mean(accuracies):.4f} +- {spread:.4f} over seeds {options.seeds} "
            f"({', '.join(f'{a:.4f}' for a in accuracies)}), {statistics.median(seconds):.0f} s a training"
        )
    print(json.dumps(table))


if __name__ == "__main__":
    main()
