"""Runs the dates of `meli backfill`: in Airflow, followed from here, or one after another in this process."""

from __future__ import annotations

import time
from datetime import date
from typing import TYPE_CHECKING

from meli_tasks.cli.console import complain, echo, out, warn
from meli_tasks.core.errors import BadSettings, Conflict, MeliError, NotFound, Unreachable
from meli_tasks.wording import duration

if TYPE_CHECKING:
    from meli_tasks.airflow_client import AirflowApi
    from meli_tasks.backfill.preview import BackfillPreview
    from meli_tasks.backfill.report import BackfillReport
    from meli_tasks.backfill.request import Backfill
    from meli_tasks.settings import Settings
    from meli_tasks.store import Store

BACKFILL = "meli_backfill"
TRAINING = "meli_training"
POOL = "backfill"
ENDED = ("success", "failed")
POLL_SECONDS = 1.0


def airflow(settings: Settings) -> AirflowApi:
    """Return a client of the Airflow in the settings.

    Raises:
        BadSettings: No Airflow is configured.
    """
    from meli_tasks.airflow_client import AirflowApi

    if not settings.airflow_url:
        raise BadSettings(
            "MELI_AIRFLOW_URL is not set, so there is no Airflow to run the dates in. Set it, together with "
            "MELI_AIRFLOW_USER and MELI_AIRFLOW_PASSWORD, or run the dates in this process with --here."
        )
    return AirflowApi(settings.airflow_url, settings.airflow_user, settings.airflow_password)


def in_airflow(api: AirflowApi, request: Backfill, store: Store, quiet: bool) -> BackfillReport:
    """Start `meli_backfill`, show its dates as they finish, and return its report.

    Raises:
        Conflict: A DAG is paused.
        BadSettings: The pool is missing.
        NotFound: The run finished without a report.
    """
    from meli_tasks.backfill.report import BackfillReport
    from meli_tasks.backfill.request import POOL_SLOTS

    for dag in (BACKFILL, TRAINING):
        if api.is_paused(dag):
            raise Conflict(f"{dag} is paused in the Airflow at {api.url}, so nothing would run. Unpause it.")
    if not api.has_pool(POOL):
        raise BadSettings(
            f"The Airflow at {api.url} has no pool {POOL}, so the dates would wait forever. Create it: "
            f"airflow pools set {POOL} {POOL_SLOTS} 'concurrent backfill runs' --include-deferred"
        )
    conf = request.model_dump(mode="json", exclude={"as_of", "force"})
    run = api.trigger(BACKFILL, conf, "started by meli backfill")
    if not quiet:
        out().print(f"{api.url}/dags/{BACKFILL}/runs/{run}", markup=False)
    try:
        state = _follow(api, run, quiet)
    except (KeyboardInterrupt, Unreachable):
        warn(f"The backfill continues in Airflow as {run}. To cancel it: meli backfill --cancel {run}")
        raise
    found = BackfillReport.load(store, run)
    if found is None:
        raise NotFound(
            f"The backfill {run} finished ({state}) without a report. The logs of its tasks in Airflow say why."
        )
    return found


def in_this_process(preview: BackfillPreview, settings: Settings, store: Store, quiet: bool) -> BackfillReport:
    """Run the dates one after another; a date that fails does not keep the others from running."""
    from meli_tasks.backfill.report import report
    from meli_tasks.cli.run_report import Report
    from meli_tasks.local_run import LocalRun

    preview.save(store)
    succeeded = set()
    for day in preview.runs:
        if not quiet:
            out().print(f"\n{day.date} {day.run_id}", markup=False)
        try:
            with Report(quiet=quiet) as reporter:
                local = LocalRun(reporter, run_id=day.run_id, settings=settings)
                local.go(day.conf or {}, date.fromisoformat(day.date), "promote")
        except MeliError as error:
            complain(f"{day.date}: {error}")
            continue
        if not local.failed:
            succeeded.add(day.run_id)
    found = report(preview, store, succeeded)
    found.save(store)
    return found


def cancel(api: AirflowApi, backfill_id: str) -> list[str]:
    """Cancel a running backfill, and return the runs that were stopped with it.

    Raises:
        NotFound: Airflow has no such backfill.
        Conflict: It has already finished.
    """
    state = api.run_state(BACKFILL, backfill_id)
    if not state:
        raise NotFound(f"The Airflow at {api.url} has no backfill {backfill_id}. `meli backfill --list` lists them.")
    if state in ENDED:
        raise Conflict(f"The backfill {backfill_id} in the Airflow at {api.url} has already finished ({state}).")
    runs = [run["trigger_run_id"] for run in api.returned(BACKFILL, backfill_id, "preview") or []]
    running = [run for run in runs if api.run_state(TRAINING, run) not in ("", *ENDED)]
    api.cancel(BACKFILL, backfill_id)
    return [run for run in running if api.run_state(TRAINING, run) == "failed"]


def _follow(api: AirflowApi, run: str, quiet: bool) -> str:
    """Show each task as it finishes until the run has finished, and return the state of the run."""
    displayed: set[tuple[str, int]] = set()
    while True:
        # Before the tasks, so that tasks that finish together with the run are still displayed.
        state = api.run_state(BACKFILL, run)
        for task in api.tasks(BACKFILL, run):
            name = (task.task_id, task.map_index)
            if name not in displayed and task.state in (*ENDED, "skipped", "upstream_failed"):
                displayed.add(name)
                if not quiet:
                    _show(task.task_id, task.rendered_map_index, task.state, task.duration)
        if state in ENDED:
            return state
        time.sleep(POLL_SECONDS)


def _show(task: str, date: str | None, state: str, seconds: float | None) -> None:
    """Print a finished task: a date, or a task that is none."""
    if name := (date if task == "run" else task):
        echo(f"{name:<12} {state}{f' in {duration(seconds)}' if seconds else ''}")
