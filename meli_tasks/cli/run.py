"""`meli run`: the pipeline on this machine, without Airflow."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated

import typer

from meli_tasks.cli.console import Json, complain, print_json
from meli_tasks.cli.options import (
    AsOf,
    Ensemble,
    Folds,
    Override,
    Param,
    Sets,
    TitleOptions,
    joined,
    overrides,
    params,
    run_date,
    takes_titles,
)
from meli_tasks.planning import texts

EXAMPLES = (
    "meli run all",
    "meli run all --source titles.csv.gz --sets mlp,cnn --language spanish",
    "meli run train --sets quick_mlp --override train.epochs=5 --override 'train.hidden=[256, 128]'",
    "meli run ingest --source titles.csv --max-bad-fraction 0.2 --min-category-rows 5",
    "meli run all --source 's3://bucket/titles/{ds}.jsonl.gz' --as-of 2026-11-20 --no-promote --json",
    "meli run all --golden must_keep.csv --param min_gain=0.002 --param ensemble_members=3",
    "meli run all --promotion approval --sets mlp,cnn",
    "meli run all --source titles.csv.gz --sets mlp --folds 5",
    "meli run all --source listings.parquet --date-column created_at --window-days 90 --as-of 2026-11-20",
)


class Until(StrEnum):
    """The stages in their order, and `all` for every one of them."""

    ingest = "ingest"
    preprocess = "preprocess"
    embed = "embed"
    train = "train"
    ensemble = "ensemble"
    reference = "reference"
    evaluate = "evaluate"
    promote = "promote"
    all = "all"


class Mode(StrEnum):
    """Who decides whether a better model becomes champion."""

    auto = "auto"
    approval = "approval"
    never = "never"
    always = "always"


Stage = Annotated[
    Until,
    typer.Argument(
        metavar="STAGE",
        help="Last stage to run; the stages before it run first.",
        show_default=False,
    ),
]
Promote = Annotated[
    bool, typer.Option("--promote/--no-promote", help="Promote a better model to champion, or only evaluate it.")
]
Golden = Annotated[
    str,
    typer.Option(
        metavar="FILE",
        help=texts.GOLDEN,
        show_default=False,
    ),
]
Promotion = Annotated[
    Mode,
    typer.Option(help=f"{texts.PROMOTION} --no-promote is short for never."),
]
Approve = Annotated[bool, typer.Option("--yes", "-y", help="Approve the promotion, if this run leaves it to a person.")]
Force = Annotated[bool, typer.Option("--force", help=texts.FORCE)]


@takes_titles
def run(
    stage: Stage,
    *,
    titles: TitleOptions,
    sets: Sets = None,
    override: Override = None,
    as_of: AsOf = None,
    ensemble: Ensemble = True,
    folds: Folds = 0,
    promote: Promote = True,
    golden: Golden = "",
    param: Param = None,
    promotion: Promotion = Mode.auto,
    yes: Approve = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Run the pipeline on this machine, up to a stage. Results that already exist are reused.

    If a set fails to train, the other sets continue and are evaluated. The command then names the set that failed and
    exits with code 1.

    If the promotion is left to a person (`--promotion approval`, or evidence within `--param approval_band=` of its
    limit), the command displays the evidence and asks. `--yes` approves without a question; without a terminal the
    champion stays.
    """
    request = {
        **titles.fields(),
        "sets": joined(sets),
        "overrides": overrides(override),
        "ensemble": ensemble,
        "folds": folds,
        "golden": golden,
        "promotion": promotion.value if promote else "never",
        "force": force,
        **params(param),
    }
    _run(request, run_date(as_of), "promote" if stage is Until.all else stage.value, yes, as_json)


def _run(params: Mapping[str, object], as_of: date, until: str, yes: bool, as_json: bool) -> None:
    """Run the stages, report the outcome, and exit with code 1 if a set failed."""
    from meli_tasks.cli.approval import PromotionQuestion
    from meli_tasks.cli.run_report import Report
    from meli_tasks.local_run import LocalRun, new_run_id

    started = time.monotonic()
    with Report(quiet=as_json) as report:
        local = LocalRun(report, run_id=new_run_id(), ask=PromotionQuestion(yes, report.paused))
        local.go(params, as_of, until)
    outcome = local.outcome(time.monotonic() - started)
    if as_json:
        print_json(outcome.to_json())
    else:
        report.conclude(outcome)
    if outcome.failed:
        for name, reason in outcome.failed.items():
            complain(f"the {'ensemble' if name == 'ensemble' else f'set {name}'} failed: {reason}")
        raise typer.Exit(1)
