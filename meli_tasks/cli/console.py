"""What the commands print: tables and lines for people, or one JSON document for programs."""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

# Columns. A program that reads our lines wants them whole.
PIPE_WIDTH = 2_000

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, and nothing else.")]


def out() -> Console:
    """The console of results: stdout. Colours and widths follow the terminal; a pipe gets plain lines, never cut."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False, **_width(sys.stdout.isatty()))


def err() -> Console:
    """The console of progress and warnings: stderr."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, **_width(sys.stderr.isatty()))


def _width(terminal: bool) -> dict[str, Any]:
    return {} if terminal else {"width": PIPE_WIDTH}


def print_json(value: Any) -> None:
    """The one JSON document of a command. Dates become text; what is not a finite number becomes null."""
    typer.echo(json.dumps(_finite(value), indent=2, ensure_ascii=False, default=str))


def complain(message: str) -> None:
    """An error, on stderr, in one paragraph."""
    mark = typer.style("meli:", fg="red", bold=True) if sys.stderr.isatty() else "meli:"
    typer.echo(f"{mark} {message}", err=True)


def warn(message: str) -> None:
    """Something a person should know, on stderr; the command goes on."""
    mark = typer.style("note:", fg="yellow") if sys.stderr.isatty() else "note:"
    typer.echo(f"{mark} {message}", err=True)


def log_to_stderr(verbose: bool) -> None:
    """Send the log to stderr: warnings, or everything of ours when asked."""
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(format="%(message)s", level=logging.WARNING, force=True)
    for handler in logging.getLogger().handlers:
        handler.setLevel(level)  # here too: a command may open our logger wider for a handler of its own
    logging.getLogger("meli_tasks").setLevel(level)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and value - value != 0:  # neither infinity nor NaN is JSON
        return None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
