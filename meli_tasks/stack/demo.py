"""The demo: starts the stack, trains and displays the result. If interrupted, it stops everything that it started."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from meli_tasks import sources
from meli_tasks.backfill.request import POOL_SLOTS
from meli_tasks.core.errors import BadData, MeliError, Unreachable
from meli_tasks.ledger import Ledger
from meli_tasks.planning.request import Request
from meli_tasks.sets import catalog as named_sets
from meli_tasks.settings import Settings
from meli_tasks.stack import processes
from meli_tasks.stack.home import Home
from meli_tasks.stack.interrupts import Interrupts
from meli_tasks.stack.progress_table import Progress
from meli_tasks.stack.services import Stack
from meli_tasks.stack.start import StackStart, stop_all
from meli_tasks.stack.status import status
from meli_tasks.stack.summary import (
    show_champion,
    show_failure,
    show_leaderboard,
    show_links,
    show_registration,
    show_unused_rows,
)
from meli_tasks.stack.watch import DAG, Task, Watch
from meli_tasks.terminal import console as safe_console
from meli_tasks.wording import duration

POLL_SECONDS = 0.7
INTERRUPTED = 130
# Sources that only a task can look up: it has the keys and the network.
REMOTE_SCHEMES = ("s3", "http", "https")


def demo(console: Console, environment: Mapping[str, str]) -> int:
    """Run the demo.

    Returns:
        0 if the run succeeded, 1 if it failed (the stack keeps running, so that you can look), 130 if interrupted.

    Raises:
        Unreachable: the stack did not start, or failed later; everything that was started is stopped again.
    """
    requested = requested_settings(environment, Path.cwd())
    interrupts = Interrupts()
    interrupts.listen()
    home = Home.here()
    home.make()
    with home.locked():
        start = StackStart(home, lambda line: console.print(line, markup=False, highlight=False), interrupts)
        run: list[tuple[Stack, str]] = []
        try:
            stack = start.run_needed(requested)
            return train(console, stack, requested, start, run)
        except KeyboardInterrupt:
            with interrupts.ignored():
                console.print("\nInterrupted: stopping what this demo started. You can run `make demo` again.")
                undo(start, run)
            return INTERRUPTED
        except BaseException:
            with interrupts.ignored():
                undo(start, run)
            raise


def requested_settings(environment: Mapping[str, str], here: Path) -> Settings:
    """The caller's settings, checked before anything is started.

    A relative path becomes absolute. The nightly schedule is off unless MELI_SCHEDULE is set: otherwise Airflow would
    run the last night that was missed beside the demo.

    Raises:
        BadSettings: a setting cannot be used.
        BadHyperparameters: there is no such set.
        BadData: the source is a file that does not exist.
    """
    schedule = environment.get("MELI_SCHEDULE", "").strip() or "none"
    settings = Settings.from_environment({**environment, "MELI_SCHEDULE": schedule})
    settings = settings.model_copy(update={"source": absolute(settings.source, here)})
    for name in Request.check({}, settings).sets:
        if not settings.store:  # sets in a store are checked once it runs
            named_sets.load(name)
    if settings.source.split(":")[0] not in REMOTE_SCHEMES and not Path(settings.source).is_absolute():
        sources.identify(settings.source, date.today(), settings)  # catches a bad sample and an unknown scheme
    return settings


def absolute(source: str, here: Path) -> str:
    """The source with an absolute path, since Airflow runs in another folder; a glob and `{ds}` are kept.

    Raises:
        BadData: no such file.
    """
    if source == "sample" or source.startswith("sample:") or "://" in source:
        return source
    path = str(here / Path(source).expanduser())
    if not any(sign in path for sign in "*?[{") and not Path(path).exists():
        raise BadData(
            f"MELI_SOURCE={source}: there is no file {path}. "
            "It may also be a glob, s3://, https:// or sample:rows=20000."
        )
    return path


def train(console: Console, stack: Stack, requested: Settings, start: StackStart, run: list[tuple[Stack, str]]) -> int:
    """Trigger a run and display it until it ends, and its result. The run's id is added to `run` once there is one.

    The servers that the run does not need are started while it is running.
    """
    os.environ.update(stack.settings)
    settings = Settings.from_environment()
    store = settings.open_store()
    wait_for_dag(stack)
    stack.api.keep_pool("gpu", settings.slots, "training runs at the same time")
    stack.api.keep_pool("backfill", POOL_SLOTS, "backfilled runs at the same time", include_deferred=True)
    stack.api.unpause(DAG)
    sets = list(Request.check({}, requested).sets)
    for set_name in sets:
        named_sets.resolve(set_name, {}, settings)
    with start.interrupts.held():
        began = time.monotonic()
        conf = {"source": requested.source, "sets": sets}
        run.append((stack, stack.api.trigger(DAG, conf, "started by make demo")))
    name = run[0][1]
    start.start_others()
    console.print(f"\nTraining {', '.join(sets)} on {escape(requested.source)}: run {name}\n", soft_wrap=True)
    watch = Watch(stack.api, store, name, stack.home.airflow / "logs")
    tasks, state = follow(console, stack, watch)
    run.clear()
    seconds = time.monotonic() - began
    if state == "success":
        show_leaderboard(console, watch, store, tasks)
        show_champion(console, store)
        show_registration(console, settings, store)
        show_unused_rows(console, watch, store)
    else:
        show_failure(console, watch, tasks)
    console.print(f"\nTime from trigger to end: {duration(seconds)}", highlight=False)
    others = wait_for_others(console, start)
    last = Ledger(store).last()
    show_links(console, stack, watch, name, has_champion=bool(last and last.champion))
    return 0 if state == "success" and others else 1


def wait_for_others(console: Console, start: StackStart) -> bool:
    """Wait for what the run did not need, and say so if it does not start: the run's result is there all the same."""
    try:
        start.wait_for_others()
    except Unreachable as error:
        console.print(f"\n{error}", markup=False, highlight=False)
        return False
    return True


def follow(console: Console, stack: Stack, watch: Watch) -> tuple[list[Task], str]:
    """Display the run until it ends.

    Raises:
        Unreachable: a server of the stack ended.
    """
    services = [service.name for service in (*stack.storage(), *stack.airflow())]
    with Progress(console) as progress:
        while True:
            state = watch.state()
            tasks = watch.tasks()
            progress.show(tasks, watch.estimate())
            if state in ("success", "failed"):
                return tasks, state
            alive = {record.name for record in processes.running(stack.home)}
            for name in services:
                if name not in alive:
                    raise Unreachable(f"{name} ended during the run. {processes.log_end(stack.home, name)}")
            time.sleep(POLL_SECONDS)


def wait_for_dag(stack: Stack, seconds: float = 240.0) -> None:
    """Return once Airflow has read the DAG.

    Raises:
        Unreachable: Airflow does not read it.
        Rejected: its file cannot be imported.
    """
    deadline = time.monotonic() + seconds
    while not stack.api.has_dag(DAG):
        if time.monotonic() > deadline:
            raise Unreachable(f"Airflow has not read {DAG}. {processes.log_end(stack.home, 'airflow-dag-processor')}")
        time.sleep(0.2)


def undo(start: StackStart, run: list[tuple[Stack, str]]) -> None:
    """Stop the processes that this demo started, and its run if the stack was running before."""
    for stack, name in run:
        if not any(service.name in start.started for service in stack.airflow()):
            stack.api.cancel(DAG, name)
    start.undo()


def stop(console: Console) -> int:
    """Stop the stack of this home."""
    home = Home.here()
    records = [record for path in sorted(home.run.glob("*.json")) if (record := processes.read(home, path.stem))]
    stopped = stop_all(home, records, lambda line: console.print(line, markup=False, highlight=False))
    console.print("Everything has stopped." if stopped else f"No process of {home.root} is running.", highlight=False)
    return 0


def main(arguments: list[str]) -> int:
    """The commands demo, stop and status."""
    console = safe_console(width=None if sys.stdout.isatty() else 140)
    commands = {
        "demo": lambda: demo(console, os.environ),
        "stop": lambda: stop(console),
        "status": lambda: status(console),
    }
    if len(arguments) != 1 or arguments[0] not in commands:
        console.print("usage: python -m meli_tasks.stack demo|stop|status", markup=False)
        return 2
    try:
        return commands[arguments[0]]()
    except MeliError as error:
        console.print(f"[red bold]{arguments[0]} failed:[/] {escape(str(error))}", soft_wrap=True)
        return 1
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        console.print(
            f"[red bold]{arguments[0]} failed:[/] {escape(str(error.strerror or error))}{where}", soft_wrap=True
        )
        return 1
