"""The lab's experiments on titles of yours: writes the tables of docs/lab.md. Also the part `lab` of `make bench`.

    python -m benchmarks.lab                      # ../shared/data or $MELI_REAL_DATA, else say so
    python -m benchmarks.lab --source FILE --only cnn_1 --dry

Runs the stages one after the other, on word vectors trained from the titles (embed.method=word2vec). A finished step is
kept in the work folder and not run again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from benchmarks.figures import Figure, Options
from benchmarks.page import markdown_table, write_between
from benchmarks.steps import RAN, Steps, titles_file, told
from meli_tasks.sets import catalog as named_sets

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "lab.md"
ON_TITLES = {"embed.method": "word2vec"}

RECORDED = {  # train loss, validation loss, validation balanced accuracy
    "mlp_1": ("2.004", "1.976", "0.576"),
    "mlp_1a": ("2.011", "1.981", "0.574"),
    "mlp_2": ("3.201", "3.182", "0.330"),
    "mlp_2a": ("3.196", "3.171", "0.329 to 0.331"),
    "cnn_1": ("5.619", "5.616", "0.346"),
    "cnn_1_killed": ("5.702", "5.642", "0.299"),
    "cnn_semi_freeze": ("never run", "", ""),
}
IN_PICTURES = ("in pictures", "", "")

MISTAKES: dict[str, dict[str, Any]] = {  # what switches one of the lab's mistakes off
    "dropout off at evaluation": {"train.dropout_at_evaluation": False},
    "no sigmoid before the loss": {"train.sigmoid_before_loss": False},
    "mean over the words only": {"train.mean_over_padding": False},
    "zeros for unknown words": {"embed.unknown": "zeros"},
}
NOT_OF = {"mlp": "no sigmoid before the loss", "cnn": "mean over the words only"}


def measure(steps: Steps, name: str, overrides: Mapping[str, Any]) -> dict[str, float]:
    """Losses and balanced accuracies of one set with overrides, trained and tested."""
    began = time.monotonic()
    model = steps.train(named_sets.resolve(name, {**ON_TITLES, **overrides}))
    last = json.loads((model / "history.json").read_text(encoding="utf-8"))[-1]
    measured = {key: last[key] for key in ("train_loss", "validation_loss", "validation_balanced_accuracy")}
    measured["test_balanced_accuracy"] = steps.scores({name: model})[name]["balanced_accuracy"]
    print(f"{name} {dict(overrides) or ''}: {measured}, {time.monotonic() - began:.0f} s", flush=True)
    return measured


def cells(measured: Mapping[str, float]) -> list[str]:
    """The figures with three decimals."""
    return [f"{value:.3f}" for value in measured.values()]


def side_by_side(steps: Steps, names: list[str]) -> str:
    """Every set, what was recorded, faithful and corrected."""
    header = ["set", "recorded: train loss", "val. loss", "val. bacc"]
    for variant in ("faithful", "corrected"):
        header += [f"{variant}: train loss", "val. loss", "val. bacc", "test bacc"]
    rows = []
    for name in names:
        measured = [*cells(measure(steps, name, {})), *cells(measure(steps, f"{name}_corrected", {}))]
        rows.append([f"`{name}`", *RECORDED.get(name, IN_PICTURES), *measured])
    return markdown_table(header, rows)


def one_at_a_time(steps: Steps, name: str, epochs: int) -> str:
    """The faithful set, each mistake alone switched off, then all of them."""
    longer = {"train.epochs": epochs}
    architecture = named_sets.load(name).train.architecture
    tries: dict[str, dict[str, Any]] = {"as the lab ran it": {}}
    tries |= {what: off for what, off in MISTAKES.items() if what != NOT_OF[architecture]}
    rows = [[what, *cells(measure(steps, name, {**longer, **off}))] for what, off in tries.items()]
    rows.append(["all of these (corrected)", *cells(measure(steps, f"{name}_corrected", longer))])
    return markdown_table([f"`{name}`, {epochs} epochs", "train loss", "val. loss", "val. bacc", "test bacc"], rows)


def described(steps: Steps) -> str:
    """What the figures were measured on, in a sentence."""
    splits = json.loads((steps.listings / RAN).read_text(encoding="utf-8"))["summary"]
    counts = splits["splits"]
    return (
        f"{counts['train']:,} training, {counts['validation']:,} validation and {counts['test']:,} test titles, "
        f"{splits['categories']:,} categories; word vectors of 300 dimensions, trained on the training titles."
    )


def run(options: Options) -> list[Figure]:
    """Test balanced accuracy of each lab's set as it was run, beside the same without its mistakes."""
    steps, figures = Steps(options.work, titles_file(options)), []
    short: dict[str, Any] = {"train.epochs": 1, "embed.epochs": 1} if options.small else {}
    for name in faithful_sets()[: 1 if options.small else None]:
        found = {set_name: measure(steps, set_name, short) for set_name in (name, f"{name}_corrected")}
        corrected = found[f"{name}_corrected"]["test_balanced_accuracy"]
        note = f"{told(options)}; the baseline is `{name}_corrected`"
        figures.append(
            Figure(f"`{name}`: test", found[name]["test_balanced_accuracy"], "balanced accuracy", corrected, note=note)
        )
    return figures


def faithful_sets() -> list[str]:
    """The lab's experiments as they were run, by name."""
    return [name for name in named_sets.names() if named_sets.load(name).variant == "faithful"]


def main() -> None:
    """Measures and writes."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = Path(os.environ.get("MELI_REAL_DATA", ROOT.parent / "shared" / "data"))
    given.add_argument("--source", type=Path, default=data / "meli_spanish.csv.gz")
    given.add_argument("--work", type=Path, default=ROOT / ".meli" / "lab", help="keeps finished steps")
    given.add_argument("--only", nargs="*", help="faithful sets, by name; all when left out")
    given.add_argument("--epochs", type=int, default=10, help="of the trainings that switch off one mistake at a time")
    given.add_argument("--threads", type=int, default=0, help="torch's threads; 0 leaves its choice")
    given.add_argument("--dry", action="store_true", help="print the tables, do not write the page")
    options = given.parse_args()
    if not options.source.exists():
        sys.exit(
            f"no titles at {options.source}: give --source, or set MELI_REAL_DATA to the folder of meli_spanish.csv.gz"
        )
    if options.threads:
        torch.set_num_threads(options.threads)
    names = options.only or faithful_sets()
    steps = Steps(options.work, options.source)
    tables = {"lab-data": described(steps), "lab-sets": side_by_side(steps, names)}
    if not options.only:
        tables |= {f"lab-{name}": one_at_a_time(steps, name, options.epochs) for name in ("mlp_2", "cnn_1")}
    for marker, text in tables.items():
        print(f"\n{text}")
        if not options.dry:
            write_between(PAGE, marker, text)


if __name__ == "__main__":
    main()
