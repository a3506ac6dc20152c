"""Options that several commands take, each told once: which titles, which sets, which parameters."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from meli_tasks.core.errors import BadHyperparameters


class Language(StrEnum):
    """Whose titles are kept."""

    any = "any"
    spanish = "spanish"
    portuguese = "portuguese"


Source = Annotated[
    str,
    typer.Option(
        metavar="SOURCE",
        help="Titles: a path, a glob, s3://, https:// or sample:rows=20000,seed=1; {ds} in it is the run's date. "
        "Default: MELI_SOURCE.",
    ),
]
Window = Annotated[
    int,
    typer.Option(
        min=1,
        max=3_660,
        metavar="DAYS",
        help="Days of titles, the last one the run's date; with --date-column, 1 takes all up to it.",
    ),
]
DateColumn = Annotated[
    str, typer.Option(metavar="NAME", help="Column with the date of a title, for a source that is one table.")
]
AsOf = Annotated[
    datetime | None,
    typer.Option(
        metavar="DATE", formats=["%Y-%m-%d"], help="The run's date: {ds} in the source. Default: today (UTC)."
    ),
]
KeptLanguage = Annotated[Language, typer.Option(help="Keep the titles of one language.")]
ReliableOnly = Annotated[bool, typer.Option("--reliable-only", help="Keep only titles whose label is marked reliable.")]
MaxBadShare = Annotated[
    float | None,
    typer.Option(min=0, max=1, metavar="SHARE", help="Share of bad rows above which ingest fails. Default: 0.05."),
]
MinCategoryRows = Annotated[
    int | None,
    typer.Option(
        min=1, max=1_000_000, metavar="ROWS", help="Rows a category needs; smaller ones are set aside. Default: 10."
    ),
]
Sets = Annotated[str, typer.Option(metavar="NAMES", help="Hyperparameter sets, comma-separated. Default: MELI_SETS.")]
Override = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=VALUE",
        help="A parameter for every set, e.g. train.epochs=5; the value is read as YAML. Repeatable.",
        show_default=False,
    ),
]
Ensemble = Annotated[
    bool, typer.Option("--ensemble/--no-ensemble", help="Weigh the models of two sets or more into one more model.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


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
