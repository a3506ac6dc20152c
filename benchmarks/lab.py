"""The lab's experiments on titles of yours: writes the tables of docs/lab.md.

    python -m benchmarks.lab                      # ../shared/data or $MELI_REAL_DATA, else say so
    python -m benchmarks.lab --source FILE --only cnn_1 --dry

Runs the stages one after the other, on word vectors trained from the titles (embed.method=word2vec). A finished step is
kept in the work folder and not run again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from meli_tasks import named_sets
from meli_tasks.core.hyperparameters import Evaluate, Ingest, Section
from meli_tasks.stages import VERSIONS, embed, evaluate, ingest, preprocess, train
from meli_tasks.stages.log import SilentLog

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "lab.md"
STAGES: dict[str, Any] = {
    "ingest": ingest,
    "preprocess": preprocess,
    "embed": embed,
    "train": train,
    "evaluate": evaluate,
}
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

MISTAKES = {  # what switches one of the lab's mistakes off
    "dropout off at evaluation": {"train.dropout_at_evaluation": False},
    "no sigmoid before the loss": {"train.sigmoid_before_loss": False},
    "mean over the words only": {"train.mean_over_padding": False},
    "zeros for unknown words": {"embed.unknown": "zeros"},
}
NOT_OF = {"mlp": "no sigmoid before the loss", "cnn": "mean over the words only"}


class Bench:
    """Runs steps into folders named by what they are made from."""

    def __init__(self, work: Path, source: Path) -> None:
        self.work = work
        self.ingest = self.run("ingest", {"source": source}, Ingest())

    def run(self, stage: str, inputs: Mapping[str, Path], params: Section) -> Path:
        """The step's folder, computed unless it is there."""
        made_from = {name: path.name if path.parent == self.work else str(path) for name, path in inputs.items()}
        described = [VERSIONS[stage], params.model_dump(mode="json"), made_from]
        folder = self.work / f"{stage}-{hashlib.sha256(json.dumps(described).encode()).hexdigest()[:16]}"
        if not (folder / "summary.json").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            summary = STAGES[stage].run(inputs, folder, params, SilentLog())
            (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
        return folder

    def measure(self, name: str, overrides: Mapping[str, Any]) -> dict[str, float]:
        """Losses and balanced accuracies of one set with overrides, trained and tested."""
        began = time.monotonic()
        values = named_sets.resolve(name, {**ON_TITLES, **overrides})
        prepared = self.run("preprocess", {"ingest": self.ingest}, values.preprocess)
        vectors = self.run("embed", {"preprocess": prepared}, values.embed)
        model = self.run("train", {"preprocess": prepared, "embed": vectors}, values.train)
        tested = self.run("evaluate", {"ingest": self.ingest, f"model:{name}": model}, Evaluate())
        last = json.loads((model / "history.json").read_text(encoding="utf-8"))[-1]
        scores = json.loads((tested / "scores.json").read_text(encoding="utf-8"))
        measured = {key: last[key] for key in ("train_loss", "validation_loss", "validation_balanced_accuracy")}
        measured["test_balanced_accuracy"] = scores[name]["balanced_accuracy"]
        print(f"{name} {dict(overrides) or ''}: {measured}, {time.monotonic() - began:.0f} s", flush=True)
        return measured


def cells(measured: Mapping[str, float]) -> list[str]:
    """The figures with three decimals."""
    return [f"{value:.3f}" for value in measured.values()]


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table, numbers to the right."""
    lines = [header, ["---"] + ["--:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def side_by_side(bench: Bench, names: list[str]) -> str:
    """Every set, what was recorded, faithful and corrected."""
    header = ["set", "recorded: train loss", "val. loss", "val. bacc"]
    for variant in ("faithful", "corrected"):
        header += [f"{variant}: train loss", "val. loss", "val. bacc", "test bacc"]
    rows = []
    for name in names:
        measured = [*cells(bench.measure(name, {})), *cells(bench.measure(f"{name}_corrected", {}))]
        rows.append([f"`{name}`", *RECORDED.get(name, IN_PICTURES), *measured])
    return table(header, rows)


def one_at_a_time(bench: Bench, name: str, epochs: int) -> str:
    """The faithful set, each mistake alone switched off, then all of them."""
    longer = {"train.epochs": epochs}
    architecture = named_sets.load(name).train.architecture
    tries: dict[str, dict[str, Any]] = {"as the lab ran it": {}}
    tries |= {what: off for what, off in MISTAKES.items() if what != NOT_OF[architecture]}
    rows = [[what, *cells(bench.measure(name, {**longer, **off}))] for what, off in tries.items()]
    rows.append(["all of these (corrected)", *cells(bench.measure(f"{name}_corrected", longer))])
    return table([f"`{name}`, {epochs} epochs", "train loss", "val. loss", "val. bacc", "test bacc"], rows)


def write_between(page: Path, marker: str, text: str) -> None:
    """Replaces what stands between the marker's two comments."""
    begin, end = f"<!-- {marker}:begin -->", f"<!-- {marker}:end -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        sys.exit(f"{page} has no {begin} ... {end} to write between")
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def described(bench: Bench) -> str:
    """What the figures were measured on, in a sentence."""
    splits = json.loads((bench.ingest / "summary.json").read_text(encoding="utf-8"))
    counts = splits["splits"]
    return (
        f"{counts['train']:,} training, {counts['validation']:,} validation and {counts['test']:,} test titles, "
        f"{splits['categories']:,} categories; word vectors of 300 dimensions, trained on the training titles."
    )


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
    names = options.only or [name for name in named_sets.names() if named_sets.load(name).variant == "faithful"]
    bench = Bench(options.work, options.source)
    tables = {"lab-data": described(bench), "lab-sets": side_by_side(bench, names)}
    if not options.only:
        tables |= {f"lab-{name}": one_at_a_time(bench, name, options.epochs) for name in ("mlp_2", "cnn_1")}
    for marker, text in tables.items():
        print(f"\n{text}")
        if not options.dry:
            write_between(PAGE, marker, text)


if __name__ == "__main__":
    main()
