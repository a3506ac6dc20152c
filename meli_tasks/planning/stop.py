"""Asks a training run to stop early, for the command line and the pages."""

from __future__ import annotations

from meli_tasks.core.errors import NotFound
from meli_tasks.execution.progress_log import read_progress
from meli_tasks.execution.stop_requests import request_stop
from meli_tasks.planning.history import plans_of_run
from meli_tasks.store import Store


def stop_training(store: Store, run: str, set_name: str, *, by: str, reason: str = "") -> str:
    """Ask a run to stop training a set: its best epoch so far becomes the model. Asking twice changes nothing more.

    Args:
        store: Where the run's plans are.
        run: The run's id.
        set_name: The set, or the set and its fold.
        by: Who asks.
        reason: Why.

    Returns:
        The key of the training run.

    Raises:
        NotFound: no such run, or it does not train this set.
        Conflict: the set is not being trained, or another run trains it.
    """
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
    key = next(own, keys[0])
    request_stop(store, "train", key, run, name=set_name, by=by, reason=reason)
    return key
