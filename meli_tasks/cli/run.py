"""`meli run`: the pipeline on this machine, without Airflow."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from meli_tasks.cli.console import Json, complain, print_json
from meli_tasks.cli.options import DateColumn, Window
from meli_tasks.core.errors import BadHyperparameters

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


class Language(StrEnum):
    """Whose titles are kept."""

    any = "any"
    spanish = "spanish"
    portuguese = "portuguese"


def run(  # noqa: PLR0917 options, all given by name
    stage: Annotated[Until, typer.Argument(help="Run up to this stage, and those before it.", show_default=False)],
    source: Annotated[
        str,
        typer.Option(
            metavar="SOURCE",
            help="Titles: a path, a glob, s3://, https:// or sample:rows=20000,seed=1. Default: MELI_SOURCE.",
        ),
    ] = "",
    sets: Annotated[
        str, typer.Option(metavar="NAMES", help="Hyperparameter sets, comma-separated. Default: MELI_SETS.")
    ] = "",
    override: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="A parameter for every set, e.g. train.epochs=5; the value is read as YAML. Repeatable.",
            show_default=False,
        ),
    ] = None,
    window_days: Window = 1,
    date_column: DateColumn = "",
    language: Annotated[Language, typer.Option(help="Keep the titles of one language.")] = Language.any,
    reliable_only: Annotated[
        bool, typer.Option("--reliable-only", help="Keep only titles whose label is marked reliable.")
    ] = False,
    max_bad_share: Annotated[
        float | None,
        typer.Option(min=0, max=1, metavar="SHARE", help="Share of bad rows above which ingest fails. Default: 0.05."),
    ] = None,
    min_category_rows: Annotated[
        int | None,
        typer.Option(
            min=1, max=1_000_000, metavar="ROWS", help="Rows a category needs; smaller ones are set aside. Default: 10."
        ),
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            metavar="DATE", formats=["%Y-%m-%d"], help="The run's date: {ds} in the source. Default: today (UTC)."
        ),
    ] = None,
    ensemble: Annotated[
        bool, typer.Option("--ensemble/--no-ensemble", help="Weigh the models of two sets or more into one more model.")
    ] = True,
    promote: Annotated[
        bool, typer.Option("--promote/--no-promote", help="Let a better model become champion, or only measure.")
    ] = True,
    force: Annotated[
        bool, typer.Option("--force", help="Compute everything again, also what is already there.")
    ] = False,
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
    from meli_tasks.cli.local_run import LocalRun, new_run_id
    from meli_tasks.cli.run_report import Report

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


def overrides(given: list[str]) -> dict[str, Any]:
    """`section.key=value` texts as a mapping; the values are YAML, so 5 is a number and [2, 3] a list.

    Raises:
        BadHyperparameters: one has no `=`, or its value is no YAML.
    """
    import yaml

    values: dict[str, Any] = {}
    for text in given:
        key, sign, value = text.partition("=")
        if not sign or not key.strip():
            raise BadHyperparameters(f"--override {text!r} is not of the form section.key=value, e.g. train.epochs=5.")
        try:
            values[key.strip()] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise BadHyperparameters(f"--override {text!r}: the value {value!r} cannot be read as YAML.") from None
        if isinstance(values[key.strip()], str):
            values[key.strip()] = _number(values[key.strip()])
    return values


def _number(text: str) -> float | str:
    """YAML 1.1 takes 1e-3 for a text; a person does not."""
    try:
        return float(text)
    except ValueError:
        return text
