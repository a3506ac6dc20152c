"""Runs the lab's experiments on your titles and writes the tables of docs/lab.md; also the part `lab` of `make bench`.

    python -m benchmarks.lab                      # on the titles in $MELI_REAL_DATA or ../shared/data
    python -m benchmarks.lab --source FILE --only cnn_1 --dry

Runs the stages one after the other, on word vectors trained from the titles (embed.method=word2vec). The work folder
keeps finished steps, which do not run again.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import astuple, dataclass
from pathlib import Path

import torch

from benchmarks.figures import Figure, Options
from benchmarks.page import markdown_table, write_between
from benchmarks.steps import Overrides, Step, Steps, titles_file, titles_note
from meli_tasks.sets import catalog
from meli_tasks.stages.evaluation import EPOCHS
from meli_tasks.stages.summaries import IngestSummary
from meli_tasks.wording import duration

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "lab.md"
ON_TITLES: Overrides = {"embed.method": "word2vec"}

RECORDED = {  # train loss, validation loss, validation balanced accuracy
    "mlp_1": ("2.004", "1.976", "0.576"),
    "mlp_1a": ("2.011", "1.981", "0.574"),
    "mlp_2": ("3.201", "3.182", "0.330"),
    "mlp_2a": ("3.196", "3.171", "0.329 to 0.331"),
    "cnn_1": ("5.619", "5.616", "0.346"),
    "cnn_1_killed": ("5.702", "5.642", "0.299"),
    "cnn_semi_freeze": ("never run", "", ""),
}
IN_PICTURES = ("only in plots", "", "")

MISTAKES: dict[str, Overrides] = {  # the override that corrects each of the lab's mistakes
    "dropout off at evaluation": {"train.dropout_at_evaluation": False},
    "no sigmoid before the loss": {"train.sigmoid_before_loss": False},
    "mean over the words only": {"train.mean_over_padding": False},
    "maximum over the words only": {"train.max_over_padding": False},
    "zeros for unknown words": {"embed.unknown": "zeros"},
}
NOT_OF = {
    "mlp": ("no sigmoid before the loss", "maximum over the words only"),
    "cnn": ("mean over the words only",),
}


@dataclass(frozen=True)
class Scores:
    """What one training run reached, at its last epoch and on the test titles."""

    train_loss: float | None
    validation_loss: float | None
    validation_balanced_accuracy: float | None
    test_balanced_accuracy: float

    def cells(self) -> list[str]:
        """The figures with three decimals."""
        return ["" if value is None else f"{value:.3f}" for value in astuple(self)]


def measure(steps: Steps, name: str, overrides: Overrides) -> Scores:
    """Trains and tests one set with overrides."""
    start = time.monotonic()
    model = steps.train(catalog.resolve(name, {**ON_TITLES, **overrides}))
    last = EPOCHS.validate_json((model / "history.json").read_text(encoding="utf-8"))[-1]
    scores = Scores(
        last.train_loss,
        last.validation_loss,
        last.validation_balanced_accuracy,
        steps.test_accuracies({name: model})[name],
    )
    print(f"{name} {overrides or ''}: {scores}, {duration(time.monotonic() - start)}", flush=True)
    return scores


def side_by_side(steps: Steps, names: list[str]) -> str:
    """A table of every set: what the lab recorded, faithful, and corrected."""
    header = ["set", "recorded: train loss", "val. loss", "val. bacc"]
    for variant in ("faithful", "corrected"):
        header += [f"{variant}: train loss", "val. loss", "val. bacc", "test bacc"]
    rows = []
    for name in names:
        both = [*measure(steps, name, {}).cells(), *measure(steps, f"{name}_corrected", {}).cells()]
        rows.append([f"`{name}`", *RECORDED.get(name, IN_PICTURES), *both])
    return markdown_table(header, rows)


def one_at_a_time(steps: Steps, name: str, epochs: int) -> str:
    """A table of the faithful set with each mistake corrected alone, then with all of them corrected."""
    longer: Overrides = {"train.epochs": epochs}
    architecture = catalog.load(name).train.architecture
    tries: dict[str, Overrides] = {"as the lab ran it": {}}
    tries |= {what: off for what, off in MISTAKES.items() if what not in NOT_OF[architecture]}
    rows = [[what, *measure(steps, name, {**longer, **off}).cells()] for what, off in tries.items()]
    rows.append(["all of these (corrected)", *measure(steps, f"{name}_corrected", longer).cells()])
    return markdown_table([f"`{name}`, {epochs} epochs", "train loss", "val. loss", "val. bacc", "test bacc"], rows)


def data_sentence(steps: Steps) -> str:
    """A sentence on the titles and vectors behind the figures."""
    summary = IngestSummary.model_validate(Step.read(steps.listings).summary)
    counts = summary.splits
    return (
        f"{counts['train']:,} training, {counts['validation']:,} validation and {counts['test']:,} test titles, "
        f"{summary.categories:,} categories; word vectors of 300 dimensions, trained on the training titles."
    )


def run(options: Options) -> list[Figure]:
    """Test balanced accuracy of each of the lab's sets as it was run, beside the corrected set."""
    steps, figures = Steps(options.work, titles_file(options)), []
    short: Overrides = {"train.epochs": 1, "embed.epochs": 1} if options.small else {}
    for name in faithful_sets()[: 1 if options.small else None]:
        faithful, corrected = (measure(steps, variant, short) for variant in (name, f"{name}_corrected"))
        note = f"{titles_note(options)}; the baseline is `{name}_corrected`"
        figures.append(
            Figure(
                f"`{name}`: test",
                faithful.test_balanced_accuracy,
                "balanced accuracy",
                corrected.test_balanced_accuracy,
                note=note,
            )
        )
    return figures


def faithful_sets() -> list[str]:
    """The names of the lab's experiments as they were run."""
    return [name for name in catalog.names() if catalog.load(name).variant == "faithful"]


def parse() -> argparse.Namespace:
    """Parses the command line; exits if there are no titles."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = Path(os.environ.get("MELI_REAL_DATA") or ROOT.parent / "shared" / "data")
    parser.add_argument("--source", type=Path, default=data / "meli_spanish.csv.gz", help="CSV of titles")
    parser.add_argument("--work", type=Path, default=ROOT / ".meli" / "lab", help="folder that keeps finished steps")
    parser.add_argument("--only", nargs="*", help="names of faithful sets (default: all)")
    parser.add_argument("--epochs", type=int, default=10, help="epochs when one mistake at a time is corrected")
    parser.add_argument("--threads", type=int, default=0, help="torch's threads (default: its own choice)")
    parser.add_argument("--dry", action="store_true", help="print the tables without writing the page")
    given = parser.parse_args()
    if not given.source.exists():
        sys.exit(
            f"there are no titles at {given.source}: pass --source, or set MELI_REAL_DATA to the folder that contains "
            "meli_spanish.csv.gz"
        )
    return given


def main() -> None:
    """Measures, prints the tables and writes them to the page."""
    given = parse()
    if given.threads:
        torch.set_num_threads(given.threads)
    names = given.only or faithful_sets()
    steps = Steps(given.work, given.source)
    tables = {"lab-data": data_sentence(steps), "lab-sets": side_by_side(steps, names)}
    if not given.only:
        tables |= {f"lab-{name}": one_at_a_time(steps, name, given.epochs) for name in ("mlp_2", "cnn_1")}
    for marker, text in tables.items():
        print(f"\n{text}")
        if not given.dry:
            write_between(PAGE, marker, text)


if __name__ == "__main__":
    main()
