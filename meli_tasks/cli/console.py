"""Output of the commands: tables and lines for people, or one JSON document for programs."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Annotated

import typer
from typing_extensions import override

from meli_tasks.redaction import redact
from meli_tasks.wording import UNPRINTABLE, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

# Columns. A program that reads our lines needs them whole.
PIPE_WIDTH = 2_000

Json = Annotated[bool, typer.Option("--json", help="Print a single JSON document on stdout and nothing else.")]


def out() -> Console:
    """Return the console for results, on stdout. A pipe gets plain lines that are never cut."""
    from meli_tasks.terminal import console

    return console(width=_width(sys.stdout.isatty()))


def err() -> Console:
    """Return the console for progress and warnings, on stderr."""
    from meli_tasks.terminal import console

    return console(stderr=True, width=_width(sys.stderr.isatty()))


def _width(terminal: bool) -> int | None:
    return None if terminal else PIPE_WIDTH


def table(title: str | Text = "", *, header: bool = True) -> Table:
    """Return an empty table in the style of all commands."""
    from meli_tasks.terminal import plain_table

    return plain_table(title, header=header)


def print_json(value: object) -> None:
    """Print the JSON document of a command. Dates become text; NaN and infinity become null."""
    text = json.dumps(_finite(value), indent=2, ensure_ascii=False, default=str)
    # Only strings contain such characters, and in JSON an escape sequence is the same character.
    typer.echo(UNPRINTABLE.sub(lambda found: json.dumps(found[0])[1:-1], text))


def complain(message: str) -> None:
    """Print an error on stderr, in one paragraph."""
    mark = typer.style("meli:", fg="red", bold=True) if sys.stderr.isatty() else "meli:"
    typer.echo(f"{mark} {printable(redact(message))}", err=True)


def warn(message: str) -> None:
    """Print a note on stderr; the command continues."""
    mark = typer.style("note:", fg="yellow") if sys.stderr.isatty() else "note:"
    typer.echo(f"{mark} {printable(redact(message))}", err=True)


def echo(message: str) -> None:
    """Print a line on stdout, where a program may read it: as `out().print`, but in one piece whatever the width."""
    typer.echo(printable(message))


def confirm(question: str) -> bool:
    """Ask a question on stderr, so that stdout holds nothing but results.

    Raises:
        typer.BadParameter: there is no terminal to ask.
    """
    if not sys.stdin.isatty():
        raise typer.BadParameter("there is no terminal to ask for confirmation; add --yes.")
    return typer.confirm(printable(question), err=True)


def need_confirmation(question: str, otherwise: str) -> None:
    """Ask, and end the command with the sentence `otherwise` if the answer is no."""
    if not confirm(question):
        typer.echo(otherwise, err=True)
        raise typer.Exit(1)


class SafeFormatter(logging.Formatter):
    """Formats log lines without secrets, and without characters that a terminal would obey.

    Errors of libraries quote addresses; categories and paths may hold any character.
    """

    @override
    def format(self, record: logging.LogRecord) -> str:
        return printable(redact(super().format(record)))


def log_to_stderr(verbose: bool) -> None:
    """Send the log to stderr: warnings only, or with `verbose` everything that this package logs."""
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(format="%(message)s", level=logging.WARNING, force=True)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(SafeFormatter("%(message)s"))
        handler.setLevel(level)  # on the handler too: a command may lower our logger's level for a handler of its own
    logging.getLogger("meli_tasks").setLevel(level)


def _finite(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, float) and value - value != 0:  # neither infinity nor NaN is JSON
        return None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
