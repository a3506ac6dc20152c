"""The application `meli`: its commands, and what becomes of errors.

Exit codes: 0 done, 1 the job failed, 2 wrong usage, 130 interrupted, 143 terminated.
"""

from __future__ import annotations

import inspect
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from meli_tasks.cli import backfill, champion, doctor, history, predict, run, sample, search, sets, stop_training
from meli_tasks.cli.console import complain, log_to_stderr
from meli_tasks.core.errors import MeliError

FAILED = 1
INTERRUPTED = 130

app = typer.Typer(
    name="meli",
    help="Title classifiers of MercadoLibre listings: train, compare, promote, predict.",
    epilog="Settings come from the environment (MELI_STORE, ...) and, after `make demo`, from .meli/environment.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from meli_tasks import __version__

        typer.echo(f"meli {__version__}")
        raise typer.Exit


@app.callback()
def _every_command(
    debug: Annotated[bool, typer.Option("--debug", envvar="MELI_DEBUG", help="Show tracebacks of errors.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show what the stages log, on stderr.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and leave.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    if debug:
        os.environ["MELI_DEBUG"] = "1"
    log_to_stderr(verbose)


def _add(name: str, command: Callable[..., Any], examples: tuple[str, ...]) -> None:
    """Add a command. Its docstring is its help, each paragraph one line, so that the terminal's width breaks it."""
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    told = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    escaped = (example.replace("[", r"\[") for example in examples)
    app.command(name, help=told, epilog="\n$ ".join(["[bold]Examples[/bold]", *escaped]))(command)


_add("run", run.run, run.EXAMPLES)
_add("backfill", backfill.backfill, backfill.EXAMPLES)
_add("search", search.search, search.EXAMPLES)
_add("stop-training", stop_training.stop_training, stop_training.EXAMPLES)
_add("sets", sets.sets, sets.EXAMPLES)
_add("predict", predict.predict, predict.EXAMPLES)
_add("champion", champion.champion, champion.EXAMPLES)
_add("rollback", champion.rollback, champion.ROLLBACK_EXAMPLES)
_add("runs", history.runs, history.EXAMPLES)
_add("sample", sample.sample, sample.EXAMPLES)
_add("doctor", doctor.doctor, doctor.EXAMPLES)


def main() -> None:
    """Run the command line and leave with its exit code; no traceback is the first thing that a person reads."""
    signal.signal(signal.SIGTERM, _terminated)
    try:
        app()
    except MeliError as error:
        complain(str(error))
        _debug_trace()
        sys.exit(FAILED)
    except BrokenPipeError:
        _forget_stdout()
        sys.exit(FAILED)
    except KeyboardInterrupt:
        complain("Interrupted.")
        sys.exit(INTERRUPTED)
    except SystemExit as leaving:
        if leaving.code == INTERRUPTED:
            complain("Interrupted.")
        raise
    except Exception as error:  # noqa: BLE001 the last door before the person
        complain(_unexpected(error))
        sys.exit(FAILED)


def _terminated(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)  # an exception, so that temporary files are removed on the way out


def _unexpected(error: Exception) -> str:
    """One line, and the traceback in a file (or right here, in debug mode)."""
    if isinstance(error, ModuleNotFoundError) and not str(error.name).startswith("meli_tasks"):
        return (
            f"The package {error.name} is not installed: `make setup` installs it, `meli doctor` lists all that miss."
        )
    first_line = next(iter(str(error).strip().splitlines()), "no message")
    told = f"Unexpected {type(error).__name__}: {first_line}"
    if os.environ.get("MELI_DEBUG"):
        _debug_trace()
        return told
    file = Path(tempfile.gettempdir()) / f"meli-error-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.txt"
    try:
        file.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    except OSError:
        return f"{told}. (`meli --debug ...` shows the traceback.)"
    return f"{told}. This is a fault of meli's own; its traceback is in {file}."


def _debug_trace() -> None:
    if os.environ.get("MELI_DEBUG"):
        traceback.print_exc()


def _forget_stdout() -> None:
    """The reader of our output has gone; Python must not try to flush into the closed pipe when it leaves."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
