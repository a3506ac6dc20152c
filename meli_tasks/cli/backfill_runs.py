"""How `meli backfill` gets its dates run: in Airflow, followed from here, or one after another in this process."""

from __future__ import annotations

import time
from datetime import date
from typing import TYPE_CHECKING, Any

import typer

from meli_tasks.cli.console import complain, out, warn
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
SECONDS_BETWEEN_LOOKS = 1.0


def airflow(settings: Settings) -> AirflowApi:
    """The Airflow of the settings.

    Raises:
        BadSettings: none is set.
    """
    from meli_tasks.airflow_client import AirflowApi

    if not settings.airflow_url:
        raise BadSettings(
            "MELI_AIRFLOW_URL is not set, so there is no Airflow to run the dates in: set it, with MELI_AIRFLOW_USER "
            "and MELI_AIRFLOW_PASSWORD, or run the dates in this process with --here."
        )
    return AirflowApi(settings.airflow_url, settings.airflow_user, settings.airflow_password)


def in_airflow(api: AirflowApi, asked: Backfill, store: Store, quiet: bool) -> BackfillReport:
    """Start `meli_backfill`, show its dates as they end, and return its report.

    Raises:
        Conflict: a DAG is paused.
        BadSettings: the pool is missing.
        NotFound: the run ended without a report.
    """
    from meli_tasks.backfill.report import BackfillReport
    from meli_tasks.backfill.request import POOL_SLOTS

    for dag in (BACKFILL, TRAINING):
        if api.is_paused(dag):
            raise Conflict(f"{dag} is paused in Airflow at {api.url}, so nothing would run: unpause it.")
    if not api.has_pool(POOL):
        raise BadSettings(
            f"Airflow at {api.url} has no pool {POOL}, so the dates would wait for ever: "
            f"airflow pools set {POOL} {POOL_SLOTS} 'backfilled runs at once' --include-deferred"
        )
    conf = asked.model_dump(mode="json", exclude={"as_of", "force"})
    run = api.trigger(BACKFILL, conf, "started by meli backfill")
    if not quiet:
        out().print(f"{api.url}/dags/{BACKFILL}/runs/{run}", markup=False)
    try:
        state = _follow(api, run, quiet)
    except (KeyboardInterrupt, Unreachable):
        warn(f"The backfill goes on in Airflow as {run}. To end it: meli backfill --cancel {run}")
        raise
    found = BackfillReport.load(store, run)
    if found is None:
        raise NotFound(f"The backfill {run} ended ({state}) without a report: its tasks' logs in Airflow say why.")
    return found


def in_this_process(seen: BackfillPreview, settings: Settings, store: Store, quiet: bool) -> BackfillReport:
    """Run the dates one after another; one that fails does not keep the others from running."""
    from meli_tasks.backfill.report import report
    from meli_tasks.cli.run_report import Report
    from meli_tasks.local_run import LocalRun

    seen.save(store)
    ended_well = set()
    for day in seen.runs:
        if not quiet:
            out().print(f"\n[bold]{day.date}[/bold] {day.run_id}")
        try:
            with Report(quiet=quiet) as watcher:
                local = LocalRun(watcher, run_id=day.run_id, settings=settings)
                local.go(day.conf or {}, date.fromisoformat(day.date), "promote")
        except MeliError as error:
            complain(f"{day.date}: {error}")
            continue
        if not local.failed:
            ended_well.add(day.run_id)
    found = report(seen, store, ended_well)
    found.save(store)
    return found


def cancel(api: AirflowApi, backfill_id: str) -> list[str]:
    """End a backfill that goes on, and return the runs that ended with it.

    Raises:
        NotFound: Airflow knows no such backfill.
        Conflict: it has ended.
    """
    state = api.run_state(BACKFILL, backfill_id)
    if not state:
        raise NotFound(f"Airflow at {api.url} knows no backfill {backfill_id}: `meli backfill --list` names them.")
    if state in ENDED:
        raise Conflict(f"Airflow at {api.url}: the backfill {backfill_id} has ended ({state}) already.")
    runs = [run["trigger_run_id"] for run in api.returned(BACKFILL, backfill_id, "preview") or []]
    going = [run for run in runs if api.run_state(TRAINING, run) not in ("", *ENDED)]
    api.cancel(BACKFILL, backfill_id)
    return [run for run in going if api.run_state(TRAINING, run) == "failed"]


def _follow(api: AirflowApi, run: str, quiet: bool) -> str:
    """Show each task as it ends, until the run does. The state it ended in."""
    shown: set[tuple[str, int]] = set()
    while True:
        state = api.run_state(BACKFILL, run)  # before the tasks: what ended with the run is still shown
        for task in api.tasks(BACKFILL, run):
            name = (task["task_id"], task["map_index"])
            if name not in shown and task["state"] in (*ENDED, "skipped", "upstream_failed"):
                shown.add(name)
                if not quiet:
                    _show(task)
        if state in ENDED:
            return state
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _show(task: dict[str, Any]) -> None:
    name = task["rendered_map_index"] or "" if task["task_id"] == "run" else task["task_id"]
    if not name:
        return
    seconds = f" in {duration(task['duration'])}" if task["duration"] else ""
    typer.echo(f"{name:<12} {task['state']}{seconds}")
