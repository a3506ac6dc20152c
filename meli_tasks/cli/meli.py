"""The application `meli`: its commands, its handling of errors and its exit codes.

Exit codes: 0 success, 1 the command failed, 2 wrong usage, 130 interrupted, 143 terminated.
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
from types import FrameType
from typing import Annotated, Any

import typer

from meli_tasks.cli import (
    backfill,
    batch_predict,
    card,
    champion,
    doctor,
    history,
    monitor,
    node,
    predict,
    promote,
    prune,
    report,
    reproduce,
    run,
    sample,
    search,
    serve,
    sets,
    stop_training,
    verify,
)
from meli_tasks.cli.console import complain, log_to_stderr
from meli_tasks.cli.parsing import Command, Group
from meli_tasks.core.errors import MeliError
from meli_tasks.redaction import redact
from meli_tasks.wording import printable

FAILED = 1
INTERRUPTED = 130

app = typer.Typer(
    name="meli",
    cls=Group,
    help="Train, compare, promote and use classifiers that assign MercadoLibre listing titles to categories.",
    epilog="Settings come from environment variables (MELI_STORE, ...) and, after `make demo`, from .meli/environment.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(requested: bool) -> None:
    if requested:
        from meli_tasks import __version__

        typer.echo(f"meli {__version__}")
        raise typer.Exit


@app.callback()
def _main_options(
    debug: Annotated[
        bool, typer.Option("--debug", envvar="MELI_DEBUG", help="Show the traceback of an error.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Write the log of the stages to stderr.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    os.environ["MELI_DEBUG"] = "1" if debug else "0"  # as it was understood, for `main` and for child processes
    log_to_stderr(verbose)


def _add(name: str, command: Callable[..., Any], examples: tuple[str, ...]) -> None:
    """Add a command whose help is its docstring, with a line per paragraph so that it wraps at the terminal's width."""
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    text = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    escaped = (example.replace("[", r"\[") for example in examples)
    app.command(name, cls=Command, help=text, epilog="\n$ ".join(["[bold]Examples[/bold]", *escaped]))(command)


_add("run", run.run, run.EXAMPLES)
_add("backfill", backfill.backfill, backfill.EXAMPLES)
_add("search", search.search, search.EXAMPLES)
_add("stop-training", stop_training.stop_training, stop_training.EXAMPLES)
_add("sets", sets.sets, sets.EXAMPLES)
_add("predict", predict.predict, predict.EXAMPLES)
_add("batch-predict", batch_predict.batch_predict, batch_predict.EXAMPLES)
_add("serve", serve.serve, serve.EXAMPLES)
_add("node", node.node, node.EXAMPLES)
_add("monitor", monitor.monitor, monitor.EXAMPLES)
_add("champion", champion.champion, champion.EXAMPLES)
_add("promote", promote.promote, promote.EXAMPLES)
_add("rollback", champion.rollback, champion.ROLLBACK_EXAMPLES)
_add("runs", history.runs, history.EXAMPLES)
_add("report", report.report, report.EXAMPLES)
_add("reproduce", reproduce.reproduce, reproduce.EXAMPLES)
_add("card", card.card, card.EXAMPLES)
_add("sample", sample.sample, sample.EXAMPLES)
_add("doctor", doctor.doctor, doctor.EXAMPLES)
_add("verify", verify.verify, verify.EXAMPLES)
_add("prune", prune.prune, prune.EXAMPLES)
_add("pin", prune.pin, prune.PIN_EXAMPLES)


def main() -> None:
    """Run the command line and exit with its code; an error is a sentence on stderr, not a traceback."""
    signal.signal(signal.SIGTERM, _exit_on_signal)
    # pydantic would read the metadata of every installed package for plug-ins: 20 ms of the 400 ms of `meli sets`.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
    try:
        app()
    except MeliError as error:
        complain(str(error))
        _debug_trace()
        sys.exit(FAILED)
    except BrokenPipeError:
        _discard_stdout()
        sys.exit(FAILED)
    except KeyboardInterrupt:
        complain("Interrupted.")
        sys.exit(INTERRUPTED)
    except SystemExit as leaving:  # a command that exited by itself
        if leaving.code == INTERRUPTED:
            complain("Interrupted.")
        raise
    except Exception as error:  # noqa: BLE001 nothing above this catches it
        complain(_unexpected(error))
        sys.exit(FAILED)


def _exit_on_signal(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)  # an exception, so that `finally` and context managers remove temporary files


def _unexpected(error: Exception) -> str:
    """Describe an error in one line, and write its traceback to a file (or to stderr in debug mode)."""
    if isinstance(error, ModuleNotFoundError) and not str(error.name).startswith("meli_tasks"):
        return (
            f"The package {error.name} is not installed. `make setup` installs it; `meli doctor` lists all that are "
            "missing."
        )
    first_line = next(iter(str(error).strip().splitlines()), "no message")
    summary = f"Unexpected {type(error).__name__}: {first_line}"
    if _is_debugging():
        _debug_trace()
        return summary
    try:
        # Its name cannot be guessed, it is new, and only its owner may read it: other users share the folder.
        number, file = tempfile.mkstemp(prefix=f"meli-error-{time.strftime('%Y%m%dT%H%M%S')}-", suffix=".txt")
        with os.fdopen(number, "w", encoding="utf-8") as opened:
            opened.write(redact("".join(traceback.format_exception(error))))
    except OSError:
        return f"{summary}. Run `meli --debug ...` to see the traceback."
    return f"{summary}. This is a bug in meli; the traceback is in {file}."


def _is_debugging() -> bool:
    return os.environ.get("MELI_DEBUG") == "1"


def _debug_trace() -> None:
    if _is_debugging():
        typer.echo(printable(redact(traceback.format_exc())), err=True)


def _discard_stdout() -> None:
    """Keep Python from flushing into the closed pipe on exit, after the reader of our output closed it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
