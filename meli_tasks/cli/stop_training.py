"""`meli stop-training`: stop training a set early and keep its best epoch."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from meli_tasks.cli import completion
from meli_tasks.cli.console import Json, out, print_json

EXAMPLES = (
    "meli stop-training scheduled__2026-11-21T03:00:00+00:00 mlp",
    "meli stop-training manual__2026-11-22T10:00:00+00:00 cnn --json",
)


def stop_training(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN", help="ID of the run; `meli runs` lists the runs.", autocompletion=completion.runs
        ),
    ],
    set_name: Annotated[
        str,
        typer.Argument(metavar="SET", help="Hyperparameter set to stop training.", autocompletion=completion.sets),
    ],
    as_json: Json = False,
) -> None:
    """Stop training a set early: its best epoch so far becomes the model, and the run continues.

    Training stops within seconds. The epoch in progress is cut short and evaluated, and it may turn out to be the best.
    """
    from meli_tasks.planning.stop import stop_training as stop
    from meli_tasks.settings import Settings

    by = getpass.getuser()
    key = stop(Settings.from_environment().open_store(), run, set_name, by=by)
    if as_json:
        print_json({"run_id": run, "set": set_name, "key": key, "by": by})
        return
    out().print(f"The training of {set_name} will stop within seconds and keep its best epoch.", markup=False)
