"""`meli run`: the pipeline on this machine, without Airflow."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from meli_tasks.cli.console import Json, complain, print_json
from meli_tasks.cli.options import (
    AsOf,
    DateColumn,
    Ensemble,
    KeptLanguage,
    Language,
    MaxBadShare,
    MinCategoryRows,
    Override,
    ReliableOnly,
    Sets,
    Source,
    Window,
    overrides,
)

EXAMPLES = (
    "meli run all",
    "meli run all --source titles.csv.gz --sets mlp,cnn --language spanish",
    "meli run train --sets quick_mlp --override train.epochs=5 --override 'train.hidden=[256, 128]'",
    "meli run ingest --source titles.csv --max-bad-share 0.2 --min-category-rows 5",
    "meli run all --source 's3://bucket/titles/{ds}.jsonl.gz' --as-of 2026-11-20 --no-promote --json",
    "meli run all --source listings.parquet --date-column created_at --window-days 90 --as-of 2026-11-20",
)


class Until(StrEnum):
    """The stages, and `all` for the last of them."""

    ingest = "ingest"
    preprocess = "preprocess"
    embed = "embed"
    train = "train"
    ensemble = "ensemble"
    evaluate = "evaluate"
    promote = "promote"
    all = "all"


Stage = Annotated[Until, typer.Argument(help="Run up to this stage, and those before it.", show_default=False)]
Promote = Annotated[
    bool, typer.Option("--promote/--no-promote", help="Let a better model become champion, or only measure.")
]
Force = Annotated[bool, typer.Option("--force", help="Compute everything again, also what is already there.")]


def run(  # noqa: PLR0917 options, all given by name
    stage: Stage,
    source: Source = "",
    sets: Sets = "",
    override: Override = None,
    window_days: Window = 1,
    date_column: DateColumn = "",
    language: KeptLanguage = Language.any,
    reliable_only: ReliableOnly = False,
    max_bad_share: MaxBadShare = None,
    min_category_rows: MinCategoryRows = None,
    as_of: AsOf = None,
    ensemble: Ensemble = True,
    promote: Promote = True,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Run the pipeline on this machine up to a stage: what is already there is not computed again.

    If the training of one set fails, the others go on and are evaluated; the command then names it, with exit code 1.
    """
    params: dict[str, Any] = {
        "source": source,
        "sets": sets,
        "overrides": overrides(override or []),
        "window_days": window_days,
        "date_column": date_column,
        "language": language.value,
        "reliable_only": reliable_only,
        "max_bad_share": max_bad_share,
        "min_category_rows": min_category_rows,
        "ensemble": ensemble,
        "promotion": "auto" if promote else "never",
        "force": force,
    }
    run_local(params, as_of, "promote" if stage is Until.all else stage.value, as_json)


def run_local(params: dict[str, Any], as_of: datetime | None, until: str, as_json: bool) -> None:
    """Run the stages up to `until`, tell how it went, and leave with exit code 1 if a set failed."""
    from meli_tasks.cli.run_report import Report
    from meli_tasks.local_run import LocalRun, new_run_id

    now = datetime.now(UTC)
    day: date = as_of.date() if as_of else now.date()
    started = time.monotonic()
    with Report(quiet=as_json) as report:
        local = LocalRun(report, run_id=new_run_id())
        local.go(params, day, until)
    outcome = local.outcome(time.monotonic() - started)
    if as_json:
        print_json(outcome)
    else:
        report.conclude(outcome)
    if outcome["failed"]:
        for name, reason in outcome["failed"].items():
            complain(f"the {'ensemble' if name == 'ensemble' else f'set {name}'} failed: {reason}")
        raise typer.Exit(1)
