"""`meli doctor`: check everything that a run needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from meli_tasks.cli.console import Json, out, print_json
from meli_tasks.core.errors import BadSettings

if TYPE_CHECKING:
    from meli_tasks.cli.check_result import CheckResult

EXAMPLES = (
    "meli doctor",
    "meli doctor --json",
    "MELI_STORE=s3://bucket/prefix MELI_S3_ENDPOINT=http://127.0.0.1:8333 meli doctor",
)

COLOURS = {"ok": "green", "failed": "bold red", "skipped": "dim"}


def doctor(as_json: Json = False) -> None:
    """Check what a run needs by using it: settings, packages, disk, store, sets, source, MLflow, champion, Airflow.

    Proxies, the service, the webhook and the mail server are checked too, where they are configured. In MLflow, a run
    is written and deleted again, and the registered champion is loaded, which runs the code that is stored with it.

    The store is checked with real writes and reads, including conditional writes and large files, and is left as it
    was. Each line reports what was found and, for a failure, what to do about it. Exits with code 1 if a check fails.
    """
    lines = []
    for line in _lines():
        lines.append(line)
        if not as_json:
            _show(line)
    counts = Counter(line.state for line in lines)
    if as_json:
        print_json({"ok": not counts["failed"], "checks": [vars(line) for line in lines]})
    else:
        out().print(f"{counts['ok']} ok, {counts['failed']} failed, {counts['skipped']} skipped")
    if counts["failed"]:
        raise typer.Exit(1)


def _lines() -> Iterator[CheckResult]:
    from meli_tasks.cli.check_result import CheckResult
    from meli_tasks.cli.checks import every_check
    from meli_tasks.settings import Settings, home

    try:
        settings = Settings.from_environment()
    except BadSettings as error:
        yield CheckResult("settings", "failed", str(error))
        return
    file = home() / "environment"
    origin = f"the environment and {file}" if file.exists() else f"the environment (there is no {file})"
    yield CheckResult("settings", "ok", f"from {origin}; store {settings.store or 'not set'}")
    yield from every_check(settings)


def _show(line: CheckResult) -> None:
    from rich.text import Text

    console = out()
    console.print(Text.assemble((f"{line.state:<8} ", COLOURS[line.state]), (f"{line.name}  ", "bold"), line.observed))
    if line.advice:
        console.print(Text(f"{'':<8} -> {line.advice}"))
