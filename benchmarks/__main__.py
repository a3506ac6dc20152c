"""Measures the project: `make bench`, or `make bench PARTS="accuracy training"`.

  python -m benchmarks                         # the default parts: 15 minutes
  python -m benchmarks growth --rows 5000000   # one part, at your own size
  python -m benchmarks --list                  # what the parts measure

Real titles come from meli_spanish.csv.gz in $MELI_REAL_DATA or ../shared/data.
Without them the generated sample is used, and the figures say so. Results go to
.meli/bench/<time>/: results.json, and a folder of plots and details per part.
"""

from __future__ import annotations

import argparse
import importlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import machine
from benchmarks.figures import Figure, Options
from benchmarks.isolated import ProcessFailed, interrupt, run_isolated
from benchmarks.report import Outcome, table, write_results
from meli_tasks.wording import duration

ROOT = Path(__file__).parents[1]
REAL_TITLES = "meli_spanish.csv.gz"
WIDTH_OF_A_FILE = 160


@dataclass(frozen=True)
class Part:
    """A part: its module, what it measures, and whether it runs without being named."""

    module: str
    what: str
    by_default: bool = True


PARTS = {
    "sample": Part("bench_sample", "rows per second of the sample generator"),
    "ingest": Part("bench_ingest", "rows per second of ingest, compared with a plain reader"),
    "preprocess": Part("bench_preprocess", "titles to arrays, compared with the lab's functions"),
    "vectors": Part("bench_vectors", "loading a large file of word vectors, compared with gensim"),
    "training": Part("bench_training", "titles per second of the training loop, compared with the lab's"),
    "default": Part("bench_default", "the default set and the fast one, CSV to model, stage by stage"),
    "predict": Part("bench_predict", "titles per second of prediction, and the latency of a single title"),
    "serving": Part("bench_serving", "latency, throughput, swaps and memory of `meli serve`", by_default=False),
    "batch": Part("bench_batch", "files of titles scored by two workers that are killed twice", by_default=False),
    "peers": Part("bench_peers", "accuracy, time and memory compared with fastText and linear SVMs"),
    "growth": Part("bench_growth", "time and memory as the number of rows grows"),
    "gate": Part("bench_gate", "how often the promotion gate is wrong, on simulated nights", by_default=False),
    "drift": Part("bench_drift", "false alarms of monitoring, and changes that it notices", by_default=False),
    "accuracy": Part("accuracy", "test accuracy of the default sets and their ensemble over seeds", by_default=False),
    "lab": Part("lab", "the lab's sets as they were run and without their mistakes", by_default=False),
    "pages": Part("bench_pages", "how long the page Models waits, with hundreds of runs", by_default=False),
    "prune": Part("bench_prune", "nights of new titles, pruned every week: what the store keeps", by_default=False),
    "requests": Part("bench_requests", "requests of lists, plans and pages with many past runs", by_default=False),
    "load": Part("bench_load", "a store of 100,000 artifacts, verified and pruned", by_default=False),
    "wide": Part("bench_wide", "a run of 2,000 categories, and one of 200 sets", by_default=False),
    "versions": Part("bench_versions", "a promotion with 1,000 registered versions in MLflow", by_default=False),
    "stack": Part("stack_memory", "peak memory of the demo's stack, started for the purpose", by_default=False),
}


def run_part(part: str, options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Runs one part in this process and returns its figures as JSON."""
    module = importlib.import_module(f"benchmarks.{PARTS[part].module}")
    figures: list[Figure] = module.run(Options.from_json(options))
    return [figure.to_json() for figure in figures]


def measure(part: str, options: Options, console: Console) -> Outcome:
    """Runs one part in its own process and removes its work folder."""
    console.print(f"[bold]{part}[/bold]: {PARTS[part].what} ...")
    for folder in (options.out, options.work):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        arguments = {"part": part, "options": options.to_json()}
        figures, cost = run_isolated("benchmarks.__main__:run_part", arguments, options.threads)
    except ProcessFailed as failure:
        console.print(str(failure), style="red", markup=False, highlight=False)
        return Outcome(part, options, failure=str(failure))
    finally:
        shutil.rmtree(options.work, ignore_errors=True)
    console.print(f"{part}: {duration(cost.seconds)}")
    return Outcome(part, options, tuple(Figure.from_json(figure) for figure in figures), cost)


def real_titles() -> Path | None:
    """The file of real titles, if there is one."""
    folder = Path(os.environ.get("MELI_REAL_DATA") or ROOT.parent / "shared" / "data")
    return folder / REAL_TITLES if (folder / REAL_TITLES).exists() else None


def numbers(text: str) -> tuple[int, ...]:
    """Parses "50000,500000"."""
    return tuple(int(part) for part in text.replace("_", "").split(",") if part)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line; exits with status 2 on an unknown part or a missing source."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"one or more of {', '.join(PARTS)}")
    parser.add_argument("--list", action="store_true", help="list the parts and exit")
    parser.add_argument("--rows", type=numbers, default=(), help="sizes of generated data, such as 50000,5000000")
    parser.add_argument("--seeds", type=numbers, default=(1, 2), help="seeds of the training runs, such as 1,2,3")
    parser.add_argument("--threads", type=int, default=1, help="threads of the libraries (default: 1)")
    parser.add_argument("--source", type=Path, help="CSV of real titles (default: see above)")
    parser.add_argument("--sample", action="store_true", help="use the generated sample even if there are real titles")
    parser.add_argument("--out", type=Path, help="folder for the results (default: .meli/bench/<time>)")
    parser.add_argument("--json", action="store_true", help="print the results as JSON, and the progress on stderr")
    parser.add_argument("--small", action="store_true", help="run every part in seconds, only to see that it works")
    options = parser.parse_args(arguments)
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown:
        parser.error(f"there is no part {', '.join(map(repr, unknown))}; choose from {', '.join(PARTS)}")
    if options.source is not None and not options.source.exists():
        parser.error(f"there is no file {options.source}")
    return options


def list_parts(console: Console) -> None:
    """Prints the name of each part and what it measures."""
    for name, part in PARTS.items():
        console.print(f"{name:<12}{part.what}{'' if part.by_default else ' (only when named)'}", highlight=False)


def main(arguments: list[str] | None = None) -> int:
    """Measures, prints and stores. Returns 1 if a part failed; a missed target is not a failure."""
    given = parse(arguments)
    console = Console(stderr=given.json, width=None if sys.stdout.isatty() else WIDTH_OF_A_FILE)
    if given.list:
        list_parts(console)
        return 0
    source = None if given.sample else given.source.absolute() if given.source else real_titles()
    out = (given.out or ROOT / ".meli" / "bench" / datetime.now(UTC).strftime("%Y%m%d-%H%M%S")).absolute()
    measured_on, start = machine.describe(), time.monotonic()
    outcomes: list[Outcome] = []
    console.print(f"titles: {source or 'the generated sample'}; results: {out}")
    try:
        for part in given.parts or [name for name, part in PARTS.items() if part.by_default]:
            options = Options(
                out / part, out / "work" / part, source, given.rows, given.seeds, given.threads, given.small
            )
            outcomes.append(measure(part, options, console))
            write_results(out / "results.json", measured_on, outcomes)
    except KeyboardInterrupt:
        console.print("interrupted; the figures so far:")
        return 130
    finally:
        shutil.rmtree(out / "work", ignore_errors=True)
        console.print(table(outcomes))
        console.print(f"{duration(time.monotonic() - start)}; {out / 'results.json'}")
        if given.json and (out / "results.json").exists():
            print((out / "results.json").read_text(encoding="utf-8"))
    return 1 if any(outcome.failure for outcome in outcomes) else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupt)
    sys.exit(main())
