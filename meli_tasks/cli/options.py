"""Options that several commands share, each declared a single time."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, Any, get_type_hints

import typer

from meli_tasks.cli import completion
from meli_tasks.core.errors import BadHyperparameters
from meli_tasks.planning import texts

# A panel of its own in the help: with all options in one table, 80 columns cut the longest names.
TITLES = "Titles"


class Language(StrEnum):
    """The languages whose titles can be kept."""

    any = "any"
    spanish = "spanish"
    portuguese = "portuguese"


Sets = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAMES",
        help=f"{texts.SETS} Comma-separated. Repeatable. Default: MELI_SETS.",
        show_default=False,
        autocompletion=completion.sets,
    ),
]
Override = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=VALUE",
        help="Hyperparameter to change in every set, e.g. train.epochs=5. The value is read as YAML. Repeatable.",
        show_default=False,
    ),
]
AsOf = Annotated[
    datetime | None,
    typer.Option(
        metavar="DATE",
        formats=["%Y-%m-%d"],
        help=f"{texts.AS_OF} Default: today (UTC).",
    ),
]
Ensemble = Annotated[
    bool,
    typer.Option("--ensemble/--no-ensemble", help=texts.ENSEMBLE),
]
Param = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE",
        help="Any other parameter of the trigger form, e.g. min_gain=0.002; it takes precedence over the options. The "
        "value is read as YAML. Repeatable.",
        show_default=False,
    ),
]
Folds = Annotated[
    int,
    typer.Option(
        metavar="FOLDS",
        min=0,
        max=10,
        help=texts.FOLDS,
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Skip the confirmation prompt.")]


def file_to_write(help: str) -> Any:
    """The option --output (-o) of a command that writes a file."""
    return typer.Option("--output", "-o", metavar="FILE", help=help, show_default=False)


@dataclass(frozen=True)
class TitleOptions:
    """The options that choose the titles to train on; `run`, `backfill` and `search` take all of them."""

    source: Annotated[
        str,
        typer.Option(
            rich_help_panel=TITLES,
            metavar="SOURCE",
            help=f"{texts.SOURCE} Default: MELI_SOURCE.",
        ),
    ] = ""
    window_days: Annotated[
        int,
        typer.Option(
            rich_help_panel=TITLES,
            min=1,
            max=3_660,
            metavar="DAYS",
            help=texts.WINDOW_DAYS,
        ),
    ] = 1
    date_column: Annotated[
        str,
        typer.Option(
            rich_help_panel=TITLES,
            metavar="NAME",
            help=texts.DATE_COLUMN,
        ),
    ] = ""
    language: Annotated[
        Language,
        typer.Option(
            rich_help_panel=TITLES,
            metavar="LANGUAGE",
            help=f"{texts.LANGUAGE} One of any, spanish and portuguese.",
        ),
    ] = Language.any
    reliable_only: Annotated[
        bool,
        typer.Option("--reliable-only", rich_help_panel=TITLES, help=texts.RELIABLE_ONLY),
    ] = False
    max_bad_fraction: Annotated[
        float | None,
        typer.Option(
            rich_help_panel=TITLES,
            min=0,
            max=1,
            metavar="FRACTION",
            help=f"{texts.MAX_BAD_FRACTION} Default: 0.05.",
        ),
    ] = None
    min_category_rows: Annotated[
        int | None,
        typer.Option(
            rich_help_panel=TITLES,
            min=1,
            max=1_000_000,
            metavar="ROWS",
            help=f"{texts.MIN_CATEGORY_ROWS} Default: 10.",
        ),
    ] = None

    def fields(self) -> dict[str, object]:
        """Return the fields of a `Request` that these options set."""
        return {
            "source": self.source,
            "window_days": self.window_days,
            "date_column": self.date_column,
            "language": self.language.value,
            "reliable_only": self.reliable_only,
            "max_bad_fraction": self.max_bad_fraction,
            "min_category_rows": self.min_category_rows,
        }


def takes_titles(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `TitleOptions` in place of its parameter `titles`."""
    names = [field.name for field in fields(TitleOptions)]

    @functools.wraps(command)
    def with_options(**options: Any) -> None:
        titles = TitleOptions(**{name: options.pop(name) for name in names})
        command(titles=titles, **options)

    hints = get_type_hints(command, include_extras=True)
    expanded = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.name == "titles":
            expanded += _parameters_of_titles()
        else:
            expanded.append(parameter.replace(annotation=hints[parameter.name], kind=inspect.Parameter.KEYWORD_ONLY))
    with_options.__dict__["__signature__"] = inspect.Signature(expanded)
    with_options.__annotations__ = {parameter.name: parameter.annotation for parameter in expanded}
    return with_options


def _parameters_of_titles() -> list[inspect.Parameter]:
    hints = get_type_hints(TitleOptions, include_extras=True)
    return [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in fields(TitleOptions)
    ]


def joined(names: Sequence[str] | None) -> str:
    """Return the names of every occurrence of a repeatable option, comma-separated."""
    return ",".join(names or ())


def run_date(as_of: datetime | None) -> date:
    """Return the date that was given, or today's (UTC)."""
    return (as_of or datetime.now(UTC)).date()


def overrides(given: Sequence[str] | None) -> dict[str, object]:
    """Parse the `section.key=value` texts of --override.

    Raises:
        BadHyperparameters: One has no `=`, its value is not valid YAML, or a key has two different values.
    """
    return _named_values(given, "--override", "section.key=value, e.g. train.epochs=5")


def params(given: Sequence[str] | None) -> dict[str, object]:
    """Parse the `name=value` texts of --param.

    Raises:
        BadHyperparameters: One has no `=`, its value is not valid YAML, or a name has two different values.
    """
    return _named_values(given, "--param", "name=value, e.g. min_gain=0.002")


def _named_values(given: Sequence[str] | None, option: str, form: str) -> dict[str, object]:
    """Parse texts with a name and a value, which is YAML, so that 5 is a number and [2, 3] a list."""
    import yaml

    values: dict[str, object] = {}
    for text in given or ():
        key, sign, written = text.partition("=")
        if not sign or not key.strip():
            raise BadHyperparameters(f"{option} {text!r} does not have the form {form}.")
        try:
            value = _number(yaml.safe_load(written))
        except yaml.YAMLError:
            raise BadHyperparameters(f"{option} {text!r}: the value {written!r} is not valid YAML.") from None
        if values.setdefault(key.strip(), value) != value:
            raise BadHyperparameters(
                f"{option} {key.strip()} is given twice, as {values[key.strip()]!r} and {value!r}."
            )
    return values


def _number(value: object) -> object:
    """Read 1e-3 as a number: YAML 1.1 reads it as text, which is never intended."""
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        return value
