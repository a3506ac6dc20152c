"""How a command reads its options: a value that is given twice is refused, and renamed options still work.

Click keeps the last of two values and drops the first without a word, so `--source a --source b` would train on b only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from meli_tasks.cli.console import warn

# Former spellings that scripts may still use; the help shows the new ones only.
RENAMED = {"--max-bad-share": "--max-bad-fraction"}


def date_or_time(text: str) -> date:
    """Parse a date, or a time by ISO 8601: midnight is a time like any other. Without an offset it has no time zone."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is neither a date (2026-11-20) nor a time (2026-11-20T14:30, 2026-11-20T14:30-03:00)."
        ) from None


@dataclass(frozen=True)
class Given:
    """One occurrence of an option: the option, the spelling used, and its value (empty for a flag)."""

    option: Any
    spelling: str
    value: str


class PlainTypes:
    """Shows no type for flags in the help, where typer writes <bool>, and choices that lines break between."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters as click does, with their types written for people."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for param in params:
            if getattr(param, "is_flag", False):
                param.metavar = ""
            elif getattr(param, "type_descriptor", None) and param.type_descriptor.is_choice:
                # Typer writes <one|two|three>, which a narrow terminal breaks inside the words.
                listed = param.display_type(None).replace("|", " | ")
                param.display_type_rich = lambda *_, listed=listed, **__: listed
        return params


class Group(PlainTypes, TyperGroup):
    """The program itself."""


class Command(PlainTypes, TyperCommand):
    """A command that refuses a second value for an option that takes one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments as click does, after the check for repeated options."""
        args = _with_new_names(args)
        first: dict[str, Given] = {}
        for given in occurrences(self.params, args):
            before = first.setdefault(given.option.name, given)
            if before is not given and not given.option.multiple:
                _refuse(ctx, before, given)
        parsed: list[str] = super().parse_args(ctx, args)
        return parsed


def occurrences(params: Sequence[Any], args: Sequence[str]) -> Iterator[Given]:
    """Each option in a command's arguments, in the order given, read as click reads them."""
    options = {name: param for param in params for name in (*param.opts, *param.secondary_opts) if name[:1] == "-"}
    words = iter(args)
    for word in words:
        if word == "--":
            return
        name, sign, value = word.partition("=")
        if word.startswith("--"):
            if option := options.get(name):
                yield Given(option, name, "" if option.is_flag else value if sign else next(words, ""))
            continue
        letters = word[1:] if word.startswith("-") else ""
        while letters and (option := options.get(f"-{letters[0]}")):
            name, letters = f"-{letters[0]}", letters[1:]
            if option.is_flag:
                yield Given(option, name, "")
            else:  # -n5, or -n 5
                yield Given(option, name, letters or next(words, ""))
                letters = ""


def _refuse(ctx: Any, before: Given, given: Given) -> None:
    if not given.option.is_flag:
        raise typer.BadParameter(
            f"given twice, as {before.value!r} and {given.value!r}, but it takes one value.",
            ctx=ctx,
            param=given.option,
        )
    on = set(given.option.opts)
    if (before.spelling in on) != (given.spelling in on):
        raise typer.BadParameter(
            f"{before.spelling} and {given.spelling} contradict each other.", ctx=ctx, param=given.option
        )


def _with_new_names(args: Sequence[str]) -> list[str]:
    """Replace former option names, with a note about each."""
    renamed = []
    for word in args:
        name, sign, value = word.partition("=")
        if new := RENAMED.get(name):
            warn(f"{name} is now called {new}; the old name will be removed.")
        renamed.append(f"{new or name}{sign}{value}")
    return renamed
