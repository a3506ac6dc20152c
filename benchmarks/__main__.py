"""Measures the parts that are named and prints one table: `make bench`, `make bench PARTS="accuracy training"`.

    python -m benchmarks                                # the parts that take a quarter of an hour together
    python -m benchmarks growth --rows 5000000          # one part, on sizes of one's own
    python -m benchmarks --list

Real titles come from $MELI_REAL_DATA/meli_spanish.csv.gz, or ../shared/data; where there are none, the generated sample
takes their place and the figures say so. Everything goes into .meli/bench/<time>/: results.json and a folder a part.
"""

from __future__ import annotations

import argparse
import importlib
import os
import shutil
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import machine
from benchmarks.apart import Failed, run_apart, stop_once
from benchmarks.figures import Figure, Options
from benchmarks.report import Outcome, table, write_results

ROOT = Path(__file__).parents[1]
REAL_TITLES = "meli_spanish.csv.gz"
WIDTH_OF_A_FILE = 160

# name -> module, whether it is measured unless others are named, and what it measures.
PARTS: dict[str, tuple[str, bool, str]] = {
    "sample": ("bench_sample", True, "rows a second of the generated sample"),
    "ingest": ("bench_ingest", True, "rows a second of ingest, against the plain reader"),
    "preprocess": ("bench_preprocess", True, "titles to arrays, against the lab's functions"),
    "vectors": ("bench_vectors", True, "a large file of word vectors, against gensim"),
    "training": ("bench_training", True, "titles a second of the loop, against the lab's"),
    "default": ("bench_default", True, "the default set and the fast one from CSV to model, stage by stage"),
    "predict": ("bench_predict", True, "titles a second from raw titles, and a single title's milliseconds"),
    "peers": ("bench_peers", True, "accuracy, time and memory beside fastText and linear SVMs"),
    "growth": ("bench_growth", True, "seconds and memory as rows grow"),
    "accuracy": ("accuracy", False, "test balanced accuracy of the default sets and their ensemble over seeds"),
    "lab": ("lab", False, "the lab's sets as they were run and without their mistakes"),
    "stack": ("stack_memory", False, "peak memory of the demo's stack, started and ended for it"),
}


def measured(part: str, options: dict[str, Any]) -> list[dict[str, Any]]:
    """One part, in this process: its figures as JSON."""
    module = importlib.import_module(f"benchmarks.{PARTS[part][0]}")
    figures: list[Figure] = module.run(Options.from_json(options))
    return [figure.to_json() for figure in figures]


def outcome(part: str, options: Options, console: Console) -> Outcome:
    """Measures one part in a process of its own; what it left in its work folder goes."""
    console.print(f"[bold]{part}[/bold]: {PARTS[part][2]} ...")
    for folder in (options.out, options.work):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        arguments = {"part": part, "options": options.to_json()}
        found, cost = run_apart("benchmarks.__main__:measured", arguments, options.threads)
    except Failed as failed:
        console.print(str(failed), style="red", markup=False, highlight=False)
        return Outcome(part, options, failure=str(failed))
    finally:
        shutil.rmtree(options.work, ignore_errors=True)
    console.print(f"{part}: {cost.seconds:.0f} s")
    return Outcome(part, options, [Figure.from_json(figure) for figure in found], cost)


def real_titles() -> Path | None:
    """The file of real titles, where there is one."""
    folder = Path(os.environ.get("MELI_REAL_DATA") or ROOT.parent / "shared" / "data")
    return folder / REAL_TITLES if (folder / REAL_TITLES).exists() else None


def numbers(text: str) -> tuple[int, ...]:
    """ "50000,500000" as numbers."""
    return tuple(int(part) for part in text.replace("_", "").split(",") if part)


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """What was asked on the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--list", action="store_true", help="name the parts and end")
    parser.add_argument("--rows", type=numbers, default=(), help="sizes of generated data, e.g. 50000,5000000")
    parser.add_argument("--seeds", type=numbers, default=(1, 2), help="seeds of the trainings, e.g. 1,2,3")
    parser.add_argument("--threads", type=int, default=1, help="threads of the libraries")
    parser.add_argument("--source", type=Path, help="real titles, CSV; found by itself where the tests find it")
    parser.add_argument("--sample", action="store_true", help="the generated sample even where real titles are")
    parser.add_argument("--out", type=Path, help="folder of the results; .meli/bench/<time> unless given")
    parser.add_argument("--small", action="store_true", help="every part in seconds, to see that it runs")
    asked = parser.parse_args(given)
    unknown = [part for part in asked.parts if part not in PARTS]
    if unknown:
        parser.error(f"there is no part {', '.join(map(repr, unknown))}; there are {', '.join(PARTS)}")
    if asked.source is not None and not asked.source.exists():
        parser.error(f"there are no titles at {asked.source}")
    return asked


def main(given: list[str] | None = None) -> int:
    """Measures, prints and writes; 1 when a part failed. A target that is missed is no failure."""
    asked, console = arguments(given), Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_FILE)
    if asked.list:
        for part, (_, by_itself, what) in PARTS.items():
            console.print(f"{part:<12}{what}{'' if by_itself else ' (only when named)'}", highlight=False)
        return 0
    found = asked.source.absolute() if asked.source else real_titles()
    source = None if asked.sample else found
    out = (asked.out or ROOT / ".meli" / "bench" / datetime.now(UTC).strftime("%Y%m%d-%H%M%S")).absolute()
    facts, began, outcomes = machine.facts(), time.monotonic(), []
    console.print(f"{source or 'the generated sample, as there are no real titles'}; results in {out}")
    try:
        for part in asked.parts or [name for name, (_, by_itself, _) in PARTS.items() if by_itself]:
            options = Options(
                out / part, out / "work" / part, source, asked.rows, asked.seeds, asked.threads, asked.small
            )
            outcomes.append(outcome(part, options, console))
            write_results(out / "results.json", facts, outcomes)
    except KeyboardInterrupt:
        console.print("interrupted; what was measured until then:")
        return 130
    finally:
        shutil.rmtree(out / "work", ignore_errors=True)
        console.print(table(outcomes))
        console.print(f"{time.monotonic() - began:.0f} s; {out / 'results.json'}")
    return 1 if any(measured.failure for measured in outcomes) else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop_once)
    sys.exit(main())
