"""`meli stop-training`: stop training a set early and keep its best epoch."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from meli_tasks.cli import completion
from meli_tasks.cli.console import Json, out, print_json
from meli_tasks.core.errors import NotFound

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
    from meli_tasks.execution.progress_log import read_progress
    from meli_tasks.execution.stop_requests import request_stop
    from meli_tasks.planning.history import plans_of_run
    from meli_tasks.settings import Settings

    store = Settings.from_environment().open_store()
    planned = [  # a run that was cleared may have several
        {step.name: step for name in plan.sets for step in plan.training_runs(name)}
        for plan in plans_of_run(store, run)
    ]
    if not planned:
        raise NotFound(f"There is no run {run!r} in {store.url}. `meli runs` lists the runs.")
    keys = [sets[set_name].key for sets in planned if set_name in sets]
    if not keys:
        trained = dict.fromkeys(name for sets in planned for name in sets)
        raise NotFound(f"The run {run} does not train {set_name!r}. It trains {', '.join(trained)}.")
    notes = {key: read_progress(store, "train", key) for key in keys}
    own = (key for key, note in notes.items() if note.running and note.run_id == run)
    key, by = next(own, keys[0]), getpass.getuser()
    request_stop(store, "train", key, run, name=set_name, by=by)
    if as_json:
        print_json({"run_id": run, "set": set_name, "key": key, "by": by})
        return
    out().print(f"The training of {set_name} will stop within seconds and keep its best epoch.", markup=False)
