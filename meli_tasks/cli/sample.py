"""`meli sample`: generated titles, in a file."""

from __future__ import annotations

import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from meli_tasks.cli.console import Json, echo, print_json
from meli_tasks.cli.options import file_to_write
from meli_tasks.wording import count, duration

EXAMPLES = (
    "meli sample --output titles.csv.gz",
    "meli sample --rows 5000000 --seed 7 --output titles.parquet",
    "meli sample --day 2026-11-21 --output titles-2026-11-21.csv",
)


def sample(
    output: Annotated[Path, file_to_write("File to write: .csv, .jsonl or .parquet; the first two may end in .gz.")],
    rows: Annotated[
        int, typer.Option("--rows", "-n", min=1, max=1_000_000_000, metavar="NUMBER", help="Number of titles.")
    ] = 20_000,
    seed: Annotated[
        int, typer.Option(min=0, metavar="NUMBER", help="Random seed; the same seed gives the same titles.")
    ] = 1,
    day: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], metavar="DATE", help="Date to generate titles for; each date gives different titles."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Generate Spanish and Portuguese listing titles with their categories, for demos and benchmarks.

    The columns are those of a source: title, category, language and label_quality. With the same seed, a larger
    sample begins with the rows of a smaller one.
    """
    from meli_tasks.core.sample.generator import category_names
    from meli_tasks.core.sample.generator import sample as chunks_of
    from meli_tasks.rowfiles.rows import TextRows
    from meli_tasks.rowfiles.writing import RowTarget

    started, written = time.monotonic(), 0
    with RowTarget(output) as target:
        for columns in chunks_of(rows, seed, day=day.date() if day else None):
            chunk = TextRows(list(columns), list(columns.values()))
            target.write(chunk)
            written += len(chunk)
            if sys.stderr.isatty() and not as_json:
                print(f"\r{written:,} of {rows:,} titles", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty() and not as_json:
        print("\r\033[K", end="", file=sys.stderr)
    seconds = time.monotonic() - started
    if as_json:
        about = {
            "output": str(output),
            "rows": written,
            "seed": seed,
            "day": str(day.date()) if day else None,
            "categories": len(category_names()),
        }
        print_json({**about, "bytes": output.stat().st_size, "seconds": round(seconds, 3)})
    else:
        echo(
            f"{output}: {count(written, 'title')} of {count(len(category_names()), 'category')}, seed {seed}, "
            f"in {duration(seconds)}, {written / seconds:,.0f} rows/s"
        )
