"""`meli stop-training`: end a training that is running, and keep the best it has."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from meli_tasks.cli.console import Json, out, print_json
from meli_tasks.core.errors import NotFound

EXAMPLES = (
    "meli stop-training scheduled__2026-11-21T03:00:00+00:00 mlp",
    "meli stop-training manual__2026-11-22T10:00:00+00:00 cnn --json",
)


def stop_training(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run's id (`meli runs` lists them).")],
    set_name: Annotated[str, typer.Argument(metavar="SET", help="The set whose training is to end.")],
    as_json: Json = False,
) -> None:
    """End a training that is running as if its patience had: its best epoch becomes the model, and the run goes on.

    The training notices within seconds; the epoch it is in is cut short, measured, and may be the best.
    """
    from meli_tasks.execution.stop_requests import ask_to_stop
    from meli_tasks.planning.history import plans
    from meli_tasks.settings import Settings

    store = Settings.from_environment().open_store()
    plan = next((plan for plan in plans(store) if plan.run_id == run), None)
    if plan is None:
        raise NotFound(f"There is no run {run!r} in {store.url}. `meli runs` lists them.")
    if set_name not in plan.sets:
        raise NotFound(f"The run {run} does not train {set_name!r}, it trains {', '.join(plan.sets)}.")
    key, by = plan.sets[set_name].key, getpass.getuser()
    ask_to_stop(store, "train", key, set_name, by)
    if as_json:
        print_json({"run_id": run, "set": set_name, "key": key, "by": by})
        return
    out().print(f"The training of {set_name} ends within seconds and keeps its best epoch.", markup=False)
